#include "app/telemetry/gpu_probe.h"
#include "tests/app/telemetry/nvml_names.h"
#include "tests/app/telemetry/recorded_nvml.h"
#include "tests/support/suite_registry.h"

#include <QDir>
#include <QJsonDocument>
#include <QtTest/QtTest>

using app::MetricId;
using namespace tests;

namespace {

constexpr quint32 kOwnPid = 4242; // in every fixture

app::GpuProbe probeOf(const char* fixture) {
    return {std::make_unique<RecordedNvml>(QLatin1String(fixture)), kOwnPid};
}

/// Looks half a second apart.
class Looks {
  public:
    explicit Looks(const char* fixture) : m_probe(probeOf(fixture)) {}
    app::GpuReading next() { return m_probe.read(m_now_us += 500'000); }

  private:
    app::GpuProbe m_probe;
    qint64 m_now_us = 1'000'000;
};

bool hasFigures(const app::GpuFrame& gpu) {
    for (const app::MetricDefinition& metric : app::metricTable())
        if (gpu.values.get(metric.id))
            return true;
    return gpu.processes.has_value();
}

/// Every error an answer holds.
void collectErrors(const QJsonValue& value, QStringList& errors) {
    if (value.isArray())
        for (const QJsonValue& each : value.toArray())
            collectErrors(each, errors);
    const QJsonObject object = value.toObject();
    for (auto each = object.begin(); each != object.end(); ++each) {
        if (each.key() == QLatin1String("error"))
            errors.append(each.value().toString());
        collectErrors(each.value(), errors);
    }
}

} // namespace

class TstGpuProbe : public QObject {
    Q_OBJECT

  private slots:
    void everyFixtureIsWholeAndSaysWhereItIsFrom_data() {
        QTest::addColumn<QString>("file");
        const QStringList files =
            QDir(RecordedNvml::folder()).entryList({QStringLiteral("*.json")});
        QVERIFY(files.size() >= 10);
        for (const QString& file : files)
            QTest::newRow(qPrintable(file)) << file;
    }
    void everyFixtureIsWholeAndSaysWhereItIsFrom() {
        QFETCH(QString, file);
        QFile source(RecordedNvml::folder() + QLatin1Char('/') + file);
        QVERIFY(source.open(QIODevice::ReadOnly));
        const QJsonObject all = QJsonDocument::fromJson(source.readAll()).object();
        const QString origin = all.value(QStringLiteral("origin")).toString();
        QVERIFY(origin == QLatin1String("composed") || origin == QLatin1String("recorded"));
        QVERIFY(all.value(QStringLiteral("source")).toString().size() > 40);
        if (origin == QLatin1String("recorded")) {
            QVERIFY(!all.value(QStringLiteral("driver")).toString().isEmpty());
            QVERIFY(!all.value(QStringLiteral("date")).toString().isEmpty());
        }
        const QJsonArray devices = all.value(QStringLiteral("devices")).toArray();
        QVERIFY(!devices.isEmpty());
        for (const QJsonValue& device : devices)
            for (const char* call :
                 {"name", "uuid", "memory", "utilization", "power_mw", "powerLimit_mw", "energy_mj",
                  "temperature_c", "sm_mhz", "memory_mhz", "throttle", "pcie_kb_s", "nvlink_kib",
                  "processes"})
                QVERIFY2(device.toObject().contains(QLatin1String(call)), call);
        QStringList errors;
        collectErrors(all, errors);
        for (const QString& error : errors)
            QVERIFY2(nvmlStatus(error.toStdString()), qPrintable(error));
    }

    void readsEveryFigureOfADatacenterCard() {
        Looks looks("h100");
        app::GpuReading reading = looks.next();
        QCOMPARE(reading.gpus.size(), std::size_t(1));
        QVERIFY(reading.absent.isEmpty());
        QVERIFY(reading.gpus[0].absent.isEmpty());
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
        reading = looks.next();
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuNvlinkTx), 1024 * 1024 / 0.5);
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuNvlinkRx), 512 * 1024 / 0.5);
    }

    /// What a driver really said, twice a second, while a model was loaded and answered.
    void readsARecordedCardAtWork() {
        Looks looks("h100_at_work");
        double energy_j = 0;
        int busy = 0;
        constexpr int kLooks = 30;
        for (int look = 1; look <= kLooks; ++look) {
            const app::GpuReading reading = looks.next();
            QCOMPARE(reading.gpus.size(), std::size_t(1));
            const app::GpuFrame& gpu = reading.gpus[0];
            const app::MetricValues& values = gpu.values;
            QVERIFY(gpu.absent.isEmpty());
            for (const MetricId metric :
                 {MetricId::GpuUtilization, MetricId::GpuMemoryUsed, MetricId::GpuMemoryTotal,
                  MetricId::GpuPower, MetricId::GpuPowerLimit, MetricId::GpuTemperature,
                  MetricId::GpuSmClock, MetricId::GpuMemoryClock, MetricId::GpuThrottled,
                  MetricId::GpuPcieTx, MetricId::GpuPcieRx})
                QVERIFY2(values.get(metric), app::definition(metric).key);
            QVERIFY(!values.get(MetricId::GpuNvlinkTx)); // one card of a virtual machine: no links
            QCOMPARE(values.get(MetricId::GpuThrottled), 0.0);
            QVERIFY(gpu.throttleReasons.isEmpty()); // idle, at first, is no trouble
            QVERIFY(*values.get(MetricId::GpuUtilization) <= 1);
            QVERIFY(*values.get(MetricId::GpuPower) < *values.get(MetricId::GpuPowerLimit));
            QVERIFY(*values.get(MetricId::GpuEnergy) > energy_j);
            energy_j = *values.get(MetricId::GpuEnergy);
            // The driver counts what it keeps for itself to what is used.
            QVERIFY(*values.get(MetricId::GpuMemoryUsed) >= 503316480.0);
            const double ours = values.get(MetricId::GpuMemoryOurs).value_or(0);
            QVERIFY(ours + 503316480.0 < *values.get(MetricId::GpuMemoryUsed) + 20e6);
            busy += *values.get(MetricId::GpuUtilization) > 0.9 ? 1 : 0;
        }
        QVERIFY(busy >= 20);
    }

    void linkRatesAreOfEachCardAndNeverMadeUp() {
        Looks looks("h200_pair");
        const auto rate = [](const app::GpuReading& reading, std::size_t gpu) {
            return reading.gpus.at(gpu).values.get(MetricId::GpuNvlinkTx);
        };
        looks.next();
        const app::GpuReading second = looks.next();
        QCOMPARE(rate(second, 0), 500'000 * 1024 / 0.5);
        QCOMPARE(rate(second, 1), 250'000 * 1024 / 0.5);
        const app::GpuReading third = looks.next();
        QCOMPARE(rate(third, 0), 500'000 * 1024 / 0.5);
        QVERIFY(!rate(third, 1)); // the counter began anew
        QCOMPARE(third.gpus[1].throttleReasons.size(), 2);
        QVERIFY(!rate(looks.next(), 1)); // the links did not answer
        QVERIFY(!rate(looks.next(), 1)); // nothing to compare with
        QCOMPARE(rate(looks.next(), 1), 1000 * 1024 / 0.5);
    }

    void leavesWhatANotebookCardDoesNotKnowAbsent() {
        const app::GpuReading reading = Looks("geforce_notebook").next();
        const app::MetricValues& values = reading.gpus.at(0).values;
        QCOMPARE(values.get(MetricId::GpuUtilization), 0.03);
        for (const MetricId id : {MetricId::GpuPower, MetricId::GpuPowerLimit, MetricId::GpuEnergy,
                                  MetricId::GpuNvlinkRx, MetricId::GpuMemoryOurs})
            QVERIFY(!values.get(id));
        QCOMPARE(values.get(MetricId::GpuThrottled), 0.0); // idle is no trouble
        QCOMPARE(reading.gpus[0].processes->size(), 1);
        QVERIFY(reading.gpus[0].processes->first().isOurs);
    }

    void oneSensorThatFailsTakesNothingElseAlong() {
        const app::GpuReading reading = Looks("geforce_desktop").next();
        const app::MetricValues& values = reading.gpus.at(0).values;
        QVERIFY(reading.gpus[0].absent.isEmpty());
        QVERIFY(!values.get(MetricId::GpuPower));
        QCOMPARE(values.get(MetricId::GpuPowerLimit), 90.0);
        QCOMPARE(values.get(MetricId::GpuMemoryUsed), 3383754752.0);
        QCOMPARE(reading.gpus[0].throttleReasons.size(), 2);
    }

    void memoryThatIsTheMachinesIsAbsentNotZero() {
        const app::GpuReading reading = Looks("unified_memory").next();
        const app::MetricValues& values = reading.gpus.at(0).values;
        QVERIFY(reading.gpus[0].absent.isEmpty());
        QVERIFY(!values.get(MetricId::GpuMemoryUsed));
        QVERIFY(!values.get(MetricId::GpuMemoryTotal));
        QCOMPARE(values.get(MetricId::GpuUtilization), 0.0);
        QCOMPARE(values.get(MetricId::GpuPower), 11.17);
        QVERIFY(reading.gpus[0].processes->isEmpty()); // none, which is known
    }

    void ourMemoryIsThatOfAllInstances() {
        const app::GpuReading reading = Looks("mig").next();
        QVERIFY(!reading.gpus.at(0).values.get(MetricId::GpuUtilization));
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuMemoryOurs), 5e9);
        QCOMPARE(reading.gpus[0].processes->size(), 3);
    }

    void leavesWhatAnOldDriverLacksAbsent() {
        const app::GpuReading reading = Looks("old_driver").next();
        QCOMPARE(reading.gpus.at(0).name, QStringLiteral("Tesla K80"));
        QVERIFY(!reading.gpus[0].processes);
        QVERIFY(!reading.gpus[0].values.get(MetricId::GpuThrottled));
        QVERIFY(!reading.gpus[0].values.get(MetricId::GpuPcieTx));
        QCOMPARE(reading.gpus[0].values.get(MetricId::GpuUtilization), 0.0); // a real zero
    }

    void aLostCardStaysWithItsNameAndTheReason() {
        Looks looks("lost_card");
        looks.next();
        QVERIFY(looks.next().gpus.at(1).values.get(MetricId::GpuNvlinkTx));
        for (int look = 3; look < 5; ++look) {
            const app::GpuReading reading = looks.next();
            QCOMPARE(reading.gpus.size(), std::size_t(2));
            QVERIFY(reading.absent.isEmpty()); // the other card has figures
            QVERIFY(hasFigures(reading.gpus[0]));
            QVERIFY(!hasFigures(reading.gpus[1]));
            QCOMPARE(reading.gpus[1].name, QStringLiteral("NVIDIA H200"));
            QCOMPARE(reading.gpus[1].absent, app::nvmlSentence(app::NvmlReturn::GpuIsLost));
        }
        const app::GpuReading back = looks.next();
        QVERIFY(back.gpus[1].absent.isEmpty());
        QVERIFY(!back.gpus[1].values.get(MetricId::GpuNvlinkTx)); // not from before the loss
        QVERIFY(looks.next().gpus[1].values.get(MetricId::GpuNvlinkTx));
        const app::GpuReading silent = looks.next();
        QVERIFY(!hasFigures(silent.gpus[0]));
        QVERIFY(!silent.gpus[0].absent.isEmpty());
        QVERIFY(hasFigures(silent.gpus[1]));
    }

    void aDriverThatWasReloadedIsFoundAgain() {
        Looks looks("reloaded_driver");
        looks.next();
        for (const app::NvmlReturn status :
             {app::NvmlReturn::Uninitialized, app::NvmlReturn::DriverNotLoaded}) {
            const app::GpuReading reading = looks.next();
            QCOMPARE(reading.absent, app::nvmlSentence(status));
            QCOMPARE(reading.gpus.size(), std::size_t(1)); // by name, without figures
            QVERIFY(!hasFigures(reading.gpus[0]));
        }
        const app::GpuReading back = looks.next();
        QVERIFY(back.absent.isEmpty());
        QCOMPARE(back.gpus.at(0).values.get(MetricId::GpuUtilization), 0.61);
        QVERIFY(!back.gpus[0].values.get(MetricId::GpuNvlinkTx));
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
