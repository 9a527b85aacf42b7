// When the next step is handed over, on a clock that the test moves.
#include "engine/runtime/step_hold.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart = TimePoint() + std::chrono::hours(1);

/// Answers alone take 5 ms, with prompts beside them 10.
StepHold taught() {
    StepHold hold;
    for (int i = 0; i < 20; ++i) {
        hold.record({kStart, 20, 0}, 0.005);
        hold.record({kStart, 20, 200}, 0.010);
    }
    hold.requestCame(kStart);
    return hold;
}

} // namespace

class TstStepHold : public QObject {
    Q_OBJECT

  private slots:
    void waitsUntilShortlyBeforeTheEnd() {
        StepHold hold = taught();
        const auto answers = hold.due({kStart, 20, 0}, kStart) - kStart;
        QVERIFY(answers > 3500us && answers < 4500us);
        QVERIFY(hold.takesHeld());
        const auto prompts = hold.due({kStart, 20, 200}, kStart) - kStart;
        QVERIFY(prompts > 7500us && prompts < 9500us);
        // Of what has run for a while, the rest.
        QCOMPARE(hold.due({kStart - 2ms, 20, 0}, kStart) - kStart, answers - 2ms);
    }

    void holdsNothingThatNobodyGainsFrom() {
        StepHold hold = taught();
        const auto isHeld = [&](const RunningStep& step, TimePoint now) {
            return hold.due(step, now) > now && hold.takesHeld();
        };
        QVERIFY(isHeld({kStart, 20, 0}, kStart));
        QVERIFY(!isHeld({kStart, 2, 0}, kStart));            // hardly anybody is there
        QVERIFY(!isHeld({kStart, 300, 0}, kStart));          // such a step has not been seen
        QVERIFY(!isHeld({kStart + 1s, 20, 0}, kStart + 1s)); // nobody came for long
        QVERIFY(!isHeld({kStart, 20, 0}, kStart + 4800us));  // it is about to end
        hold.setOn(false);
        QVERIFY(!isHeld({kStart, 20, 0}, kStart));
    }

    /// A shorter step counts at once, a longer one by and by.
    void followsTheShortest() {
        StepHold hold = taught();
        const auto before = hold.due({kStart, 20, 0}, kStart);
        hold.record({kStart, 20, 0}, 0.003);
        const auto shorter = hold.due({kStart, 20, 0}, kStart);
        QVERIFY(before - shorter > 1700us);
        hold.record({kStart, 20, 0}, 0.005);
        QVERIFY(hold.due({kStart, 20, 0}, kStart) - shorter < 200us);
        hold.record({kStart, 20, 0}, 0); // a clock that stood
        QVERIFY(hold.due({kStart, 20, 0}, kStart) > shorter);
    }

    /// The device had to wait: earlier from now on, and bit by bit later again.
    void comesEarlierAfterComingTooLate() {
        StepHold hold = taught();
        const auto due = [&] { return hold.due({kStart, 20, 200}, kStart); };
        const TimePoint first = due();
        hold.handedOver(kStart, true);
        const TimePoint earlier = due();
        QVERIFY(first - earlier > 100us);
        hold.handedOver(kStart, false);
        QVERIFY(due() > earlier);
        for (int i = 0; i < 1000; ++i)
            hold.handedOver(kStart, false);
        QVERIFY(due() > first);
        QVERIFY(due() < kStart + 10ms); // but not as late as a step is long
    }

    /// One too late in twenty-one is as it should be: neither ever earlier nor ever later.
    void staysWhereItIsSeldomLate() {
        StepHold hold = taught();
        const auto settle = [&] {
            for (int i = 0; i < 2000; ++i)
                hold.handedOver(kStart, i % 21 == 0);
            return hold.due({kStart, 20, 200}, kStart);
        };
        const TimePoint one = settle();
        QVERIFY(one > kStart + 5ms);
        const TimePoint two = settle();
        QVERIFY(one - two < 300us && two - one < 300us);
    }

    /// A step that has become shorter than what it is handed over early is held again soon.
    void findsBackToShortSteps() {
        StepHold hold;
        for (int i = 0; i < 20; ++i) {
            hold.record({kStart, 20, 0}, 0.0015);
            hold.record({kStart, 30, 0}, 0.0008); // never longer than the first margin
        }
        hold.requestCame(kStart);
        const auto callsUntilHeld = [&](std::uint32_t answers) {
            for (int calls = 1; calls < 1000; ++calls)
                if (hold.due({kStart, answers, 0}, kStart) > kStart)
                    return calls;
            return 1000;
        };
        QCOMPARE(callsUntilHeld(20), 1);
        for (int i = 0; i < 3; ++i)
            hold.handedOver(kStart, true);
        const int calls = callsUntilHeld(20);
        QVERIFY2(calls > 1 && calls < 50, qPrintable(QString::number(calls)));
        const int shorter = callsUntilHeld(30);
        QVERIFY2(shorter > 1 && shorter < 200, qPrintable(QString::number(shorter)));
    }

    /// Where nothing is early enough: not again for a while, the next time for longer.
    void restsWhereItAlwaysComesTooLate() {
        StepHold hold = taught();
        TimePoint now = kStart;
        const auto isHeld = [&] {
            hold.requestCame(now);
            return hold.due({now, 20, 200}, now) > now;
        };
        for (int i = 0; i < 100 && isHeld(); ++i)
            hold.handedOver(now, true);
        QVERIFY(!isHeld());
        Clock::duration rest{};
        for (int i = 0; i < 4; ++i) {
            const TimePoint late = now;
            while (!isHeld())
                now += 10ms;
            QVERIFY(now - late > rest);
            rest = now - late;
            hold.handedOver(now, true);
        }
        QVERIFY(rest >= 500ms);
        now += 60s; // the longest rest of all
        QVERIFY(isHeld());
    }
};

INGLENOOK_SUITE(step_hold, TstStepHold)
#include "tst_step_hold.moc"
