#include "app/telemetry/metric_sampler.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/app/telemetry/recorded_nvml.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;
using namespace tests;

namespace {

app::SamplerOptions fastOptions() {
    app::SamplerOptions options;
    options.dataDir = QDir::tempPath();
    options.period = std::chrono::milliseconds(20);
    options.nvml = std::make_unique<RecordedNvml>(QStringLiteral("h100"));
    return options;
}

} // namespace

class TstMetricSampler : public QObject {
    Q_OBJECT

  private slots:
    void looksAndPushesTheLoad() {
        FakeEngine engine;
        engine.addModel("Ember", false);
        app::MetricSampler sampler(engine, fastOptions());
        QTRY_COMPARE(sampler.latest().gpus.size(), std::size_t(1));
        QTRY_VERIFY(sampler.latest().machine.get(MetricId::CpuUtilization));
        QCOMPARE(sampler.latest().device, QStringLiteral("CPU · scripted"));
        QTRY_VERIFY(!engine.loadSignals().empty() && engine.loadSignals().back().value == 61.0);
        QCOMPARE(engine.loadSignals().back().metric, std::string("gpu.utilization"));
        QElapsedTimer timer;
        timer.start();
        sampler.stop();
        QVERIFY(timer.elapsed() < 500);
    }

    /// What keeps a breaker open is the load of the devices that models are on.
    void onlyDevicesInUseAreLoad() {
        app::MetricFrame frame;
        frame.gpus.resize(3);
        frame.machine.set(MetricId::CpuUtilization, 0.9);
        frame.gpus[0].values.set(MetricId::GpuUtilization, 0.4);
        frame.gpus[2].values.set(MetricId::GpuUtilization, 0.99); // another program's
        QCOMPARE(app::utilizationInUse(frame), 0.99);             // nobody says what is used
        const auto with = [&frame](const QStringList& devices) {
            frame.shares.clear();
            for (const QString& device : devices)
                frame.shares.append(app::MemoryShare{device});
            return app::utilizationInUse(frame);
        };
        QCOMPARE(with({QStringLiteral("CUDA 0")}), 0.4);
        QCOMPARE(with({QStringLiteral("CPU")}), 0.9);
        QCOMPARE(with({QStringLiteral("CUDA 0"), QStringLiteral("CPU")}), 0.9);
        QVERIFY(!with({QStringLiteral("CUDA 1")})); // it gives no figures
        QVERIFY(!with({QStringLiteral("CUDA 7")}));
    }

    void aHangingDriverStopsNeitherLooksNorTheLoadOfOthers() {
        FakeEngine engine;
        app::SamplerOptions options = fastOptions();
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("hanging_driver"));
        const auto gate = nvml->gate();
        options.nvml = std::move(nvml);
        app::MetricSampler sampler(engine, std::move(options));
        QTRY_VERIFY(gate->holdsOne());
        const qint64 begin_ms = sampler.latest().time_ms;
        QTRY_VERIFY(sampler.latest().time_ms > begin_ms + 200); // the looks go on
        QCOMPARE(sampler.latest().gpus.size(), std::size_t(2));
        gate->open();
        sampler.stop();
    }

    void theControllerKeepsWhatTheSamplerBrings() {
        FakeEngine engine;
        app::TelemetryController telemetry(nullptr);
        QSignalSpy frames(&telemetry, &app::TelemetryController::frameArrived);
        telemetry.start(engine, fastOptions());
        QTRY_VERIFY(frames.size() >= 3);
        engine.addModel("Ember", false);
        QTRY_COMPARE(telemetry.events().size(), 1);
        telemetry.stop();
        const qsizetype seen = frames.size();
        QTest::qWait(60);
        QVERIFY(frames.size() <= seen + 1);
        const app::ChartPoints points = telemetry.recent({MetricId::GpuPower, 0}, 0);
        QVERIFY(points.size() >= 3);
        QVERIFY(points.back().value.value_or(0) == 312.48);
    }
};

INGLENOOK_SUITE(metric_sampler, TstMetricSampler)
#include "tst_metric_sampler.moc"
