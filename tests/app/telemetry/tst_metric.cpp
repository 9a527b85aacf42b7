#include "app/telemetry/metric.h"
#include "app/telemetry/minute_averages.h"
#include "app/telemetry/sample_ring.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;

class TstMetric : public QObject {
    Q_OBJECT

  private slots:
    void theTableNamesEveryMetricOnce() {
        QSet<QString> keys;
        QSet<QString> exported;
        for (const app::MetricDefinition& metric : app::metricTable()) {
            keys.insert(QLatin1String(metric.key));
            exported.insert(QLatin1String(metric.exported));
            QCOMPARE(app::metricFromKey(QLatin1String(metric.key)), metric.id);
            QVERIFY(QByteArray(metric.help).endsWith('.'));
            // Prometheus: counters end in _total, nothing else does.
            QCOMPARE(QByteArray(metric.exported).endsWith("_total"),
                     metric.kind == app::MetricKind::Counter);
        }
        QCOMPARE(std::size_t(keys.size()), app::kMetricCount);
        QCOMPARE(std::size_t(exported.size()), app::kMetricCount);
        QVERIFY(!app::metricFromKey(QStringLiteral("no.such")));
    }

    void whatIsNotFiniteIsAbsent() {
        app::MetricValues values;
        QVERIFY(!values.get(MetricId::GpuPower));
        values.set(MetricId::GpuPower, 0.0);
        QCOMPARE(values.get(MetricId::GpuPower), 0.0);
        values.set(MetricId::GpuPower, std::numeric_limits<double>::infinity());
        QVERIFY(!values.get(MetricId::GpuPower));
    }

    void theRingKeepsTheLastHourToTheSample() {
        app::SampleRing ring;
        for (int i = 0; i < 8000; ++i) {
            app::MetricFrame frame;
            frame.time_ms = 1'000'000 + i * 500;
            if (i % 3 != 0)
                frame.machine.set(MetricId::DecodeRate, i);
            ring.push(frame);
        }
        QCOMPARE(ring.size(), std::size_t(7201));
        const app::ChartPoints points = ring.series({MetricId::DecodeRate}, 1'000'000 + 7998 * 500);
        QCOMPARE(points.size(), std::size_t(2));
        QVERIFY(!points[0].value); // 7998 is a multiple of 3
        QCOMPARE(points[1].value, 7999.0);
        QCOMPARE(ring.series({MetricId::GpuPower, 0}, 0).front().value, std::nullopt);
        app::MetricFrame back; // the wall clock was set back
        back.time_ms = 1'000'000 + 7990 * 500;
        ring.push(back);
        QCOMPARE(ring.series({MetricId::DecodeRate}, 0).back().time_ms, back.time_ms);
    }

    void minutesAreAveragesOfWhatIsThere() {
        app::MinuteAverages minutes;
        app::MetricFrame frame;
        frame.gpus.resize(2);
        for (int i = 0; i < 120; ++i) {
            frame.time_ms = i * 500;
            frame.machine = {};
            if (i < 40)
                frame.machine.set(MetricId::TtftP95, i);
            frame.machine.set(MetricId::PromptTokens, i); // a counter has no average
            frame.gpus[1].values.set(MetricId::GpuPower, 100 + i % 2);
            QVERIFY(minutes.push(frame).empty());
        }
        frame.time_ms = 60'000;
        const std::vector<app::MinuteRow> rows = minutes.push(frame);
        QCOMPARE(rows.size(), std::size_t(2));
        QCOMPARE(rows[0].series, QStringLiteral("gpu.power/1"));
        QCOMPARE(rows[0].minute, 0);
        QCOMPARE(rows[0].value, 100.5);
        QCOMPARE(rows[1].value, 19.5);
    }
};

INGLENOOK_SUITE(metric, TstMetric)
#include "tst_metric.moc"
