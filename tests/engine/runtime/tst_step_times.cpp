// What the scheduler tells of a step: when the device computed it, and who waited for whom.
#include "tests/engine/runtime/scheduler_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Asked;
using tests::BedPlan;
using tests::SchedulerBed;

class TstStepTimes : public QObject {
    Q_OBJECT

  private slots:
    void readingAStepIsNotWaitingForIt_data() {
        QTest::addColumn<bool>("isDone");
        QTest::newRow("the device was done before") << true;
        QTest::newRow("the device was not done") << false;
    }
    /// Reading a step takes longer where log-probabilities are asked for. Of one that had ended
    /// before, that is no time of the device.
    void readingAStepIsNotWaitingForIt() {
        QFETCH(bool, isDone);
        constexpr auto kDevice = 900us; // less than the bed takes to hand a step over
        constexpr auto kReading = 300us;
        BedPlan plan;
        plan.steps = std::make_shared<StepRing>();
        SchedulerBed bed(plan);
        bed.script->isDone = [&] { return isDone; };
        bed.script->onCollect = [&] { bed.clock.advance(kReading); };
        bed.script->onTimings = [&](StepTimings& timings) {
            timings.device_ns = std::chrono::nanoseconds(kDevice).count();
        };
        Asked asked;
        asked.prompt.tokens = {tests::kFakeFirstWord, tests::kFakeFirstWord + 1};
        asked.request.maxTokens = 10;
        asked.request.ignoreEndOfGeneration = true;
        QVERIFY(bed.add(asked) != nullptr);
        QVERIFY2(bed.stepToTheEnd(), bed.script->complaint.c_str());
        std::vector<StepPart> steps;
        plan.steps->read(0, steps);
        QCOMPARE(steps.size(), std::size_t(10));
        for (const StepPart& step : steps) {
            QCOMPARE(step.device_us, std::uint32_t(kDevice.count()));
            QCOMPARE(step.waited_us, isDone ? 0U : std::uint32_t(kReading.count()));
            if (isDone)
                QCOMPARE(step.duration_us, step.device_us);
        }
    }
};

INGLENOOK_SUITE(step_times, TstStepTimes)
#include "tst_step_times.moc"
