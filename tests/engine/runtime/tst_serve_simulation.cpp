// The loads of serve-bench on a virtual clock, with the step times of a GPU: close to what it
// measured, and what the policy gains.
#include "tests/support/serve_simulation.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

namespace {

/// 180 requests a second, 64 tokens in, 16 out.
ServePlan poisson(std::uint32_t requests = 10'800) {
    ServePlan plan;
    plan.requests = requests;
    plan.rate_s = 180;
    plan.promptTokens = 64;
    plan.generateTokens = 16;
    return plan;
}

ServePlan burst() {
    ServePlan plan;
    plan.requests = plan.slotCount = 32;
    plan.promptTokens = 1000;
    plan.generateTokens = 32;
    return plan;
}

bool isNear(double simulated, double measured) {
    return std::abs(simulated / measured - 1) <= 0.1;
}

#define VERIFY_NEAR(simulated, measured)                                                           \
    QVERIFY2(isNear(simulated, measured),                                                          \
             qPrintable(QStringLiteral("%1 instead of %2").arg(simulated).arg(measured)))

} // namespace

class TstServeSimulation : public QObject {
    Q_OBJECT

  private slots:
    /// What one H100 said (GPU_NOTES.md), with steps that are handed over late and at once.
    void saysWhatWasMeasured() {
        ServePlan plan = poisson(900);
        const ServeReport held = simulateServing(qwen2OnH100(), plan);
        QVERIFY2(held.fault.empty(), held.fault.c_str());
        VERIFY_NEAR(held.e2eMean, 121.7);
        VERIFY_NEAR(held.e2eP99, 169.1);
        VERIFY_NEAR(held.ttftMean, 19.8);
        VERIFY_NEAR(held.itlP50, 5.5);
        plan.holdsSteps = false;
        const ServeReport early = simulateServing(qwen2OnH100(), plan);
        QVERIFY2(early.fault.empty(), early.fault.c_str());
        VERIFY_NEAR(early.e2eMean, 126.0);
        VERIFY_NEAR(early.e2eP99, 180.1);
        VERIFY_NEAR(early.ttftMean, 24.9);
        VERIFY_NEAR(early.itlP50, 5.5);
        const ServeReport crowd = simulateServing(llamaOnH100(), burst());
        QVERIFY2(crowd.fault.empty(), crowd.fault.c_str());
        VERIFY_NEAR(crowd.ttftMean, 435.9);
        VERIFY_NEAR(crowd.ttftP99, 872.4);
        VERIFY_NEAR(crowd.itlP50, 4.77);
        VERIFY_NEAR(crowd.makespan_s, 1.005);
        ServePlan many = burst();
        many.requests = 512;
        many.slotCount = 256;
        many.generateTokens = 500;
        const ServeReport saturated = simulateServing(llamaOnH100(), many);
        QVERIFY2(saturated.fault.empty(), saturated.fault.c_str());
        VERIFY_NEAR(saturated.outputTokensPerSecond, 7538);
    }

    /// A device whose steps cost by leaps: few rows go through kernels of their own.
    void fillsCheapSteps() {
        ServePlan plan = poisson();
        plan.holdsSteps = false;
        const ServeReport aware = simulateServing(qwen2OnH100(), plan);
        DeviceTimes device = qwen2OnH100();
        device.cheapRows = 0;
        const ServeReport blind = simulateServing(device, plan);
        qInfo("mean %.0f ms, p99 %.0f ms; not knowing the leaps %.0f, %.0f", aware.e2eMean,
              aware.e2eP99, blind.e2eMean, blind.e2eP99);
        QVERIFY(aware.e2eMean < 130);
        QVERIFY(aware.e2eMean < 0.9 * blind.e2eMean);
        QVERIFY(aware.e2eP99 < 200);
        QCOMPARE(aware.stepsByRows.back(), 0U); // nobody stalls for a crowd of short prompts
    }

    /// Who comes while a step is computed is in the next one, and the device hardly ever waits.
    void handsStepsOverLate() {
        ServePlan plan = poisson();
        const ServeReport late = simulateServing(qwen2OnH100(), plan);
        plan.holdsSteps = false;
        const ServeReport early = simulateServing(qwen2OnH100(), plan);
        qInfo("mean %.1f ms, first token %.1f; at once %.1f, %.1f", late.e2eMean, late.ttftMean,
              early.e2eMean, early.ttftMean);
        QVERIFY(late.ttftMean < early.ttftMean - 4);
        QVERIFY(late.e2eMean < early.e2eMean - 3);
        QVERIFY(late.e2eP99 < 200);
        QVERIFY(late.idleShare < 0.001);
    }

    /// What the scheduler tells of its steps is what the device did, one behind the other.
    void tellsWhatStepsTook() {
        ServePlan plan = poisson(900);
        for (const bool holds : {false, true}) {
            plan.holdsSteps = holds;
            const ServeReport report = simulateServing(qwen2OnH100(), plan);
            QVERIFY(report.steps.size() > 1000);
            double ready_us = 0;
            double late = 0;
            std::int64_t end_us = 0;
            for (const engine::StepPart& step : report.steps) {
                ready_us += step.ready_us;
                late += step.ready_us == 0 ? 1 : 0;
                QVERIFY(step.device_us > 3000 && step.device_us < 20'000);
                // Of a late one, what the host took to hand it over.
                QVERIFY(std::abs(double(step.duration_us) - step.device_us) < 250);
                const bool isSame = step.begin_us + step.duration_us == end_us;
                QVERIFY(isSame || step.begin_us >= end_us - 1);
                end_us = step.begin_us + step.duration_us;
            }
            const auto count = static_cast<double>(report.steps.size());
            QVERIFY(late / count < 0.1);
            const double mean_ms = ready_us / count / 1e3;
            QVERIFY2(holds ? mean_ms < 1.5 : mean_ms > 4, qPrintable(QString::number(mean_ms)));
        }
    }

    /// A machine on which threads wake up late: as if nothing were held, nearly.
    void aHostThatWakesUpLateLosesLittle() {
        ServePlan plan = poisson();
        plan.holdsSteps = false;
        const ServeReport early = simulateServing(qwen2OnH100(), plan);
        plan.holdsSteps = true;
        for (const double wakeUp_ms : {0.5, 2.0, 5.0}) {
            plan.wakeUp_ms = wakeUp_ms;
            const ServeReport late = simulateServing(qwen2OnH100(), plan);
            QVERIFY2(late.e2eMean < 1.02 * early.e2eMean, qPrintable(QString::number(wakeUp_ms)));
            QVERIFY(late.idleShare < 0.01);
        }
    }

    /// 32 prompts of 1,000 tokens at once: hardly above what their steps alone would take, two
    /// after two (54 ms of 2,000 rows: 8.5 of them on average).
    void aBurstTakesWhatItsRowsTake() {
        const ServeReport report = simulateServing(llamaOnH100(), burst());
        qInfo("first token %.0f ms", report.ttftMean);
        QVERIFY(report.ttftMean < 8.6 * 54);
        QVERIFY(report.idleShare < 0.001);
    }
};

INGLENOOK_SUITE(serve_simulation, TstServeSimulation)
#include "tst_serve_simulation.moc"
