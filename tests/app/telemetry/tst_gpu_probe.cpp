#include "app/telemetry/gpu_probe.h"
#include "tests/app/telemetry/recorded_nvml.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;
using namespace tests;

namespace {

app::GpuProbe probeOf(const QString& fixture, quint32 pid = 4242) {
    return {std::make_unique<RecordedNvml>(fixture), pid};
}

} // namespace

class TstGpuProbe : public QObject {
    Q_OBJECT

  private slots:
    void readsEveryFigureOfADatacenterCard() {
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("h100"));
        nvml->nvlinkGrowth_kib = 1024;
        app::GpuProbe probe(std::move(nvml), 4242);
        app::GpuReading reading = probe.read(1'000'000);
        QCOMPARE(reading.gpus.size(), std::size_t(1));
        QVERIFY(reading.absent.isEmpty());
        const app::MetricValues& values = reading.gpus[0].values;
        QCOMPARE(reading.gpus[0].name, QStringLiteral("NVIDIA H100 80GB HBM3"));
        QCOMPARE(values.get(MetricId::GpuUtilization), 0.61);
        QCOMPARE(values.get(MetricId::GpuMemoryUsed), 9100591104.0);
        QCOMPARE(values.get(MetricId::GpuPower), 312.48);
        QCOMPARE(values.get(MetricId::GpuPowerLimit), 700.0);
        QCOMPARE(values.get(MetricId::GpuEnergy), 981273645.123);
        QCOMPARE(values.get(MetricId::GpuTemperature), 54.0);
        QCOMPARE(values.get(MetricId::GpuSmClock), 1.98e9);
        QCOMPARE(values.get(MetricId::GpuMemoryClock), 2.619e9);
        QCOMPARE(values.get(MetricId::GpuPcieTx), 1.25e9);
        QCOMPARE(values.get(MetricId::GpuMemoryOurs), 8.9e9);
        QCOMPARE(values.get(MetricId::GpuThrottled), 1.0);
        QCOMPARE(reading.gpus[0].throttleReasons.size(), 1);
        QVERIFY(!values.get(MetricId::GpuNvlinkTx)); // a rate needs two looks
        reading = probe.read(3'000'000);
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuNvlinkTx), 1024 * 1024 / 2.0);
    }

    void leavesWhatANotebookCardDoesNotKnowAbsent() {
        app::GpuProbe probe = probeOf(QStringLiteral("geforce_notebook"));
        const app::GpuReading reading = probe.read(1);
        const app::MetricValues& values = reading.gpus.at(0).values;
        QCOMPARE(values.get(MetricId::GpuUtilization), 0.03);
        for (const MetricId id : {MetricId::GpuPower, MetricId::GpuPowerLimit, MetricId::GpuEnergy,
                                  MetricId::GpuNvlinkRx, MetricId::GpuMemoryOurs})
            QVERIFY(!values.get(id));
        QCOMPARE(values.get(MetricId::GpuThrottled), 0.0); // idle is no trouble
        QCOMPARE(reading.gpus[0].processes->size(), 1);
        QVERIFY(reading.gpus[0].processes->first().isOurs);
    }

    void leavesWhatAnOldDriverLacksAbsent() {
        app::GpuProbe probe = probeOf(QStringLiteral("old_driver"));
        const app::GpuReading reading = probe.read(1);
        QCOMPARE(reading.gpus.at(0).name, QStringLiteral("Tesla K80"));
        QVERIFY(!reading.gpus[0].processes);
        QVERIFY(!reading.gpus[0].values.get(MetricId::GpuThrottled));
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuUtilization), 0.0); // a real zero
    }

    void saysWhyThereIsNoGpu_data() {
        QTest::addColumn<int>("status");
        for (const int status : {9, 12, 13, 15, 18, 999})
            QTest::addRow("%d", status) << status;
    }
    void saysWhyThereIsNoGpu() {
        QFETCH(int, status);
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("h100"));
        nvml->initResult = static_cast<app::NvmlReturn>(status);
        app::GpuProbe probe(std::move(nvml), 1);
        const app::GpuReading reading = probe.read(1);
        QVERIFY(reading.gpus.empty());
        QVERIFY(reading.absent.endsWith(QLatin1Char('.')));
    }

    void theRealLibraryAnswersOrSaysWhyNot() {
        app::GpuProbe probe(app::makeNvmlLibrary(), 1);
        const app::GpuReading reading = probe.read(1);
        QCOMPARE(reading.gpus.empty(), !reading.absent.isEmpty());
    }
};

INGLENOOK_SUITE(gpu_probe, TstGpuProbe)
#include "tst_gpu_probe.moc"
