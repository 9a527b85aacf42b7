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
        QVERIFY(hold.holds());
        const auto prompts = hold.due({kStart, 20, 200}, kStart) - kStart;
        QVERIFY(prompts > 7500us && prompts < 9500us);
        // Of what has run for a while, the rest.
        QCOMPARE(hold.due({kStart - 2ms, 20, 0}, kStart) - kStart, answers - 2ms);
    }

    void holdsNothingThatNobodyGainsFrom() {
        StepHold hold = taught();
        const auto isHeld = [&](const RunningStep& step, TimePoint now) {
            return hold.due(step, now) > now && hold.holds();
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

    /// The device had to wait: not again for a while, the next time for longer.
    void restsAfterComingTooLate() {
        StepHold hold = taught();
        TimePoint now = kStart;
        const auto isHeld = [&] {
            hold.requestCame(now);
            return hold.due({now, 20, 0}, now) > now;
        };
        QVERIFY(isHeld());
        hold.handedOver(now, false);
        QVERIFY(isHeld());
        hold.handedOver(now, true);
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
