#include "app/telemetry/telemetry_controller.h"
#include "tests/support/suite_registry.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/dashboard/device_card.h"
#include "ui/theme.h"
#include "ui/widgets/time_chart.h"

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
        QCOMPARE(bed.page.charts().size(), 12);
        const app::ChartPoints& points = bed.chart("Throughput")->points(1);
        // The last minute and the look before it, each as it was measured.
        QVERIFY(points.size() >= 121 && points.size() <= 124);
        for (std::size_t i = 0; i < points.size(); ++i)
            QCOMPARE(points[points.size() - 1 - i],
                     (app::ChartPoint{kStart_ms + (399 - qint64(i)) * 500, 399.0 - double(i)}));
        QVERIFY(!bed.chart("Power")->points(0).back().value); // absent, not zero
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
