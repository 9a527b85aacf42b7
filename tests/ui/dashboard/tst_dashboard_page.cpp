#include "app/telemetry/prometheus_text.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/support/suite_registry.h"
#include "ui/dashboard/chart_table.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/dashboard/device_card.h"
#include "ui/theme.h"
#include "ui/widgets/chart_overlay.h"
#include "ui/widgets/time_chart.h"

#include <algorithm>
#include <QLabel>
#include <QtTest/QtTest>

using app::MetricFrame;
using app::MetricId;

namespace {

constexpr qint64 kStart_ms = 1'700'000'000'000;

/// The look number `i` of a machine under the test's clock.
MetricFrame frameAt(int i, int gpus = 0) {
    MetricFrame frame;
    frame.time_ms = kStart_ms + i * 500;
    frame.steady_us = i * 500'000;
    frame.machine.set(MetricId::CpuUtilization, (i % 100) / 100.0);
    frame.machine.set(MetricId::DecodeRate, i);
    if (gpus == 0)
        frame.gpuAbsent = QStringLiteral("There is no driver.");
    for (int gpu = 0; gpu < gpus; ++gpu) {
        app::GpuFrame card;
        card.name = QStringLiteral("Card %1").arg(gpu);
        card.values.set(MetricId::GpuUtilization, 0.25);
        frame.gpus.push_back(card);
    }
    return frame;
}

struct Bed {
    app::TelemetryController telemetry{nullptr};
    ui::Theme theme;
    ui::DashboardPage page{telemetry, theme};

    ui::TimeChart* chart(const char* title) {
        for (ui::TimeChart* each : page.charts())
            if (each->title() == QLatin1String(title))
                return each;
        return nullptr;
    }
};

} // namespace

class TstDashboardPage : public QObject {
    Q_OBJECT

  private slots:
    void chartsAreCorrectToTheSample() {
        Bed bed;
        for (int i = 0; i < 300; ++i)
            bed.telemetry.accept(frameAt(i)); // before the page was ever shown
        bed.page.setRangeIndex(0);
        bed.page.show();
        for (int i = 300; i < 400; ++i)
            bed.telemetry.accept(frameAt(i));
        QCOMPARE(bed.page.charts().size(), 13);
        const app::ChartPoints& points = bed.chart("Throughput")->points(1);
        // The last minute and the look before it, each as it was measured.
        QVERIFY(points.size() >= 121 && points.size() <= 124);
        for (std::size_t i = 0; i < points.size(); ++i)
            QCOMPARE(points[points.size() - 1 - i],
                     (app::ChartPoint{kStart_ms + (399 - qint64(i)) * 500, 399.0 - double(i)}));
        QVERIFY(!bed.chart("Power")->points(0).back().value); // absent, not zero
    }

    void theLastChartFillsItsRow() {
        Bed bed;
        bed.page.show();
        for (const int width : {600, 1100, 1700}) {
            bed.page.resize(width, 700);
            const QList<ui::TimeChart*> charts = bed.page.charts();
            const auto right = [&charts] {
                int edge = 0;
                for (const ui::TimeChart* chart : charts)
                    edge = std::max(edge, chart->geometry().right());
                return edge;
            };
            QTRY_VERIFY(right() > width * 3 / 4); // laid out for this width
            QTRY_COMPARE(charts.last()->geometry().right(), right());
        }
    }

    void nothingHappensWhileHidden() {
        Bed bed;
        bed.page.show();
        bed.telemetry.accept(frameAt(0));
        bed.page.hide();
        const std::size_t before = bed.chart("Throughput")->points(1).size();
        bed.telemetry.accept(frameAt(1));
        QCOMPARE(bed.chart("Throughput")->points(1).size(), before);
        bed.page.show();
        QCOMPARE(bed.chart("Throughput")->points(1).size(), std::size_t(2));
    }

    void pauseHoldsStillAndLosesNothing() {
        Bed bed;
        bed.page.show();
        bed.telemetry.accept(frameAt(0));
        QTest::keyClick(&bed.page, Qt::Key_Space);
        QVERIFY(bed.page.isPaused());
        for (int i = 1; i < 20; ++i)
            bed.telemetry.accept(frameAt(i));
        QCOMPARE(bed.chart("Throughput")->points(1).size(), std::size_t(1));
        bed.page.setPaused(false);
        QCOMPARE(bed.chart("Throughput")->points(1).size(), std::size_t(20));
    }

    void oneCrosshairThroughAllCharts() {
        Bed bed;
        bed.page.show();
        for (int i = 0; i < 100; ++i)
            bed.telemetry.accept(frameAt(i));
        emit bed.chart("Power")->hovered(kStart_ms + 42 * 500);
        QVERIFY(bed.chart("Throughput")->readout().contains(QStringLiteral("42 tok/s")));
        QVERIFY(bed.chart("Utilization")->readout().startsWith(QStringLiteral("CPU 42 %")));
        QVERIFY(bed.chart("Power")->readout().endsWith(QStringLiteral("–")));
        emit bed.chart("Power")->hoverEnded();
        QVERIFY(bed.chart("Throughput")->readout().contains(QStringLiteral("99 tok/s")));
    }

    /// Events are marks in every chart, and words where the crosshair is near.
    void eventsAreMarksInEveryChart() {
        Bed bed;
        bed.page.setRangeIndex(0);
        bed.page.resize(900, 700);
        bed.page.show();
        bed.telemetry.accept(frameAt(0));
        auto* overlay = bed.chart("Throughput")->findChild<ui::ChartOverlay*>();
        const QImage before = overlay->grab().toImage();
        MetricFrame frame = frameAt(10);
        frame.events = {{kStart_ms + 4000, app::MetricEventKind::ModelLoaded, "Ember"},
                        {kStart_ms + 4500, app::MetricEventKind::BreakerOpened, "overload"}};
        bed.telemetry.accept(frame);
        for (const ui::TimeChart* chart : bed.page.charts())
            QCOMPARE(chart->findChild<ui::ChartOverlay*>()->events().size(), 2);
        QVERIFY(overlay->grab().toImage() != before);
        emit bed.chart("Power")->hovered(kStart_ms + 4200);
        const auto says = [&](const char* words) {
            const QList<QLabel*> labels = bed.page.findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) {
                return label->text().contains(QLatin1String(words));
            });
        };
        QVERIFY(says("model loaded: Ember"));
        QVERIFY(says("breaker opened: overload"));
        emit bed.chart("Power")->hoverEnded();
        QVERIFY(!says("model loaded: Ember"));
        bed.page.hide();
        bed.telemetry.addEvent({kStart_ms + 4600, app::MetricEventKind::ModelUnloaded, "Ember"});
        bed.page.show();
        QCOMPARE(overlay->events().size(), 3); // what happened while it was hidden
    }

    void absentIsSaidOnTheCard() {
        Bed bed;
        bed.page.show();
        bed.telemetry.accept(frameAt(1));
        const QString text = bed.page.findChild<ui::DeviceCard*>()->text();
        QVERIFY(text.contains(QStringLiteral("There is no driver.")));
        QVERIFY(text.contains(QStringLiteral("–"))); // memory was not measured
    }

    void gpusBringTheirCards() {
        Bed bed;
        bed.page.show();
        bed.telemetry.accept(frameAt(0));
        bed.telemetry.accept(frameAt(1, 2));
        QCOMPARE(bed.page.findChildren<ui::DeviceCard*>().size(), 2);
        QCOMPARE(bed.chart("Utilization")->seriesNames().size(), 2);
        QVERIFY(
            bed.page.findChildren<ui::DeviceCard*>()[1]->text().contains(QStringLiteral("Card 1")));
        bed.telemetry.accept(frameAt(2)); // the driver stopped answering
        QCOMPARE(bed.page.findChildren<ui::DeviceCard*>().size(), 1);
    }

    void cardsThatDoNotAnswerKeepTheirPlaceWithDashes() {
        Bed bed;
        bed.page.show();
        bed.telemetry.accept(frameAt(0, 2));
        const QList<ui::TimeChart*> charts = bed.page.charts();
        MetricFrame silent = frameAt(1, 2);
        silent.gpuAbsent = QStringLiteral("The driver hangs.");
        for (app::GpuFrame& gpu : silent.gpus) {
            gpu.values = {};
            gpu.absent = silent.gpuAbsent;
        }
        bed.telemetry.accept(silent);
        QCOMPARE(bed.page.charts(), charts); // the same ones, with what they have shown
        QVERIFY(!bed.chart("Utilization")->points(0).back().value);
        QCOMPARE(bed.chart("Utilization")->points(0).front().value, 0.25);
        const QString text = bed.page.findChildren<ui::DeviceCard*>()[1]->text();
        QVERIFY(text.contains(QStringLiteral("Card 1")));
        QVERIFY(text.contains(QStringLiteral("The driver hangs.")));
        QVERIFY(text.contains(QStringLiteral("others –")));
        QVERIFY(text.contains(QStringLiteral("– busy · – of –")));
    }

    void req29_pageAndEndpointAgree() {
        Bed bed;
        bed.page.show();
        MetricFrame frame = frameAt(3, 2);
        double value = 0;
        for (const app::MetricDefinition& metric : app::metricTable()) {
            const auto next = [&] { return value += 0.001 * metric.highest.value_or(1000); };
            if (metric.scope == app::MetricScope::Machine)
                frame.machine.set(metric.id, next());
            else
                for (app::GpuFrame& gpu : frame.gpus)
                    gpu.values.set(metric.id, next());
        }
        frame.gpus[1].values.set(MetricId::GpuPower, std::nullopt);
        bed.telemetry.accept(frame);
        const QString exported = QString::fromStdString(app::prometheusText(frame));
        const QList<ui::ChartSpec> specs = ui::chartTable(2);
        int compared = 0;
        for (qsizetype i = 0; i < specs.size(); ++i)
            for (int series = 0; series < specs[i].series.size(); ++series) {
                const app::SeriesId& id = specs[i].series[series];
                QString pattern =
                    QStringLiteral("^%1").arg(QLatin1String(app::definition(id.metric).exported));
                if (id.gpu >= 0)
                    pattern += QStringLiteral("\\{gpu=\"%1\"[^}]*\\}").arg(id.gpu);
                const auto line = QRegularExpression(pattern + QStringLiteral(" (\\S+)$"),
                                                     QRegularExpression::MultilineOption)
                                      .match(exported);
                const auto shown = bed.page.charts()[i]->points(series).back().value;
                QCOMPARE(line.hasMatch(), shown.has_value()); // absent here as there
                if (!shown)
                    continue;
                QVERIFY2(qFuzzyCompare(line.captured(1).toDouble(), *shown), qPrintable(pattern));
                ++compared;
            }
        QVERIFY(compared > 20);
    }

    void everyGpuHasItsLine() {
        for (const int gpus : {0, 1, 3, 4, 8}) {
            QSet<int> shown;
            QSet<QString> keys;
            const QList<ui::ChartSpec> specs = ui::chartTable(gpus);
            for (const ui::ChartSpec& spec : specs) {
                QVERIFY(spec.series.size() == spec.names.size() && spec.series.size() <= 3);
                keys.insert(spec.key);
                for (const app::SeriesId& series : spec.series)
                    if (series.metric == MetricId::GpuPower)
                        shown.insert(series.gpu);
            }
            QCOMPARE(keys.size(), specs.size());
            QCOMPARE(shown.size(), std::max(1, gpus));
        }
    }

    void memoryIsSplitByCard() {
        Bed bed;
        bed.page.show();
        MetricFrame frame = frameAt(0, 2);
        frame.shares = {{QStringLiteral("CUDA 0"), 5e9, 2e9, 1e9}, {QStringLiteral("CUDA 1"), 4e9}};
        for (app::GpuFrame& gpu : frame.gpus) {
            gpu.values.set(MetricId::GpuMemoryUsed, 9e9);
            gpu.values.set(MetricId::GpuMemoryTotal, 80e9);
        }
        bed.telemetry.accept(frame);
        const QList<ui::DeviceCard*> cards = bed.page.findChildren<ui::DeviceCard*>();
        QVERIFY(cards[0]->text().contains(QStringLiteral(
            "weights 5.00 GB, KV cache 2.00 GB, workspace 1.00 GB, others 1.00 GB")));
        QVERIFY(cards[1]->text().contains(QStringLiteral("weights 4.00 GB")));
        QVERIFY(cards[1]->text().contains(QStringLiteral("others 5.00 GB")));
    }

    void csvHasEveryFigureAndLeavesAbsentOnesEmpty() {
        Bed bed;
        bed.page.show();
        for (int i = 0; i < 3; ++i)
            bed.telemetry.accept(frameAt(i));
        const QList<QByteArray> lines = bed.page.csv().trimmed().split('\n');
        QCOMPARE(lines.size(), 4);
        const QList<QByteArray> heads = lines[0].split(',');
        const QList<QByteArray> row = lines[3].split(',');
        QCOMPARE(row.size(), heads.size());
        QCOMPARE(row[0], QByteArray("2023-11-14T22:13:21.000Z"));
        QCOMPARE(row[heads.indexOf("rate.decode")], QByteArray("2"));
        QCOMPARE(row[heads.indexOf("gpu.power/0")], QByteArray());
        QVERIFY(!bed.page.picture().isNull());
    }

    void zoomShowsAWindowThatStandsStill() {
        Bed bed;
        bed.page.setRangeIndex(0);
        bed.page.show();
        for (int i = 0; i < 100; ++i)
            bed.telemetry.accept(frameAt(i));
        bed.page.zoomTo(kStart_ms + 10'000, kStart_ms + 20'000);
        for (int i = 100; i < 300; ++i)
            bed.telemetry.accept(frameAt(i));
        // What is zoomed on stays there to be read, although the minute has passed.
        QCOMPARE(bed.chart("Throughput")->valueAt(1, kStart_ms + 10'000), 20.0);
        QTest::keyClick(&bed.page, Qt::Key_Backspace);
        QVERIFY(!bed.chart("Throughput")->valueAt(1, kStart_ms + 10'000));
    }
};

INGLENOOK_SUITE(dashboard_page, TstDashboardPage)
#include "tst_dashboard_page.moc"
