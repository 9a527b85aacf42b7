#include "app/telemetry/host_probe.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;
using app::MetricValues;

class TstHostProbe : public QObject {
    Q_OBJECT

  private slots:
    void readsARecordedProc() {
        QTemporaryDir proc;
        QDir(proc.path()).mkpath(QStringLiteral("self"));
        const auto write = [&](const char* name, const QByteArray& text) {
            QFile file(proc.filePath(QLatin1String(name)));
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(text);
        };
        write("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n");
        write("self/stat", "17 (a (bad) name) S 1 2 3 4 5 6 7 8 9 10 50 50 0 0\n");
        write("meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n");
        write("self/status", "Name: x\nVmRSS:\t     123 kB\n");
        app::HostProbe probe(proc.path(), proc.path());
        MetricValues first;
        probe.read(1'000'000, first);
        QVERIFY(!first.get(MetricId::CpuUtilization)); // a share of time needs two looks
        QVERIFY(!first.get(MetricId::ProcessCpu));
        QCOMPARE(first.get(MetricId::MemoryTotal), 1024000.0);
        QCOMPARE(first.get(MetricId::MemoryUsed), 600 * 1024.0);
        QCOMPARE(first.get(MetricId::ProcessMemory), 123 * 1024.0);
        QVERIFY(first.get(MetricId::DiskFree).value_or(0) > 0);

        write("stat", "cpu  130 0 100 770 100 0 0 0 0 0\n"); // 30 busy of 100
        write("self/stat", "17 (a (bad) name) S 1 2 3 4 5 6 7 8 9 10 100 100 0 0\n");
        MetricValues second;
        probe.read(2'000'000, second);
        QCOMPARE(second.get(MetricId::CpuUtilization), 0.3);
        QCOMPARE(second.get(MetricId::ProcessCpu), 100.0 / double(sysconf(_SC_CLK_TCK)));
    }

    void whatIsNotThereIsAbsent() {
        app::HostProbe probe(QStringLiteral("/nowhere"), QStringLiteral("/nowhere"));
        for (qint64 time = 1; time < 3; ++time) {
            MetricValues values;
            probe.read(time * 1'000'000, values);
            for (const app::MetricDefinition& metric : app::metricTable())
                QVERIFY(!values.get(metric.id));
        }
    }
};

INGLENOOK_SUITE(host_probe, TstHostProbe)
#include "tst_host_probe.moc"
