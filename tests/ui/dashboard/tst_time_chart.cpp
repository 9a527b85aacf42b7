#include "tests/support/suite_registry.h"
#include "ui/theme.h"
#include "ui/widgets/chart_header.h"
#include "ui/widgets/time_chart.h"

#include <cmath>
#include <qcustomplot.h>
#include <QHelpEvent>
#include <QToolTip>
#include <QtTest/QtTest>

namespace {

constexpr qint64 kStart_ms = 1'700'000'000'000;

struct Bed {
    ui::Theme theme;
    ui::TimeChart chart{theme, QStringLiteral("Throughput"), app::MetricUnit::TokensPerSecond, {}};

    Bed() {
        chart.setSeriesNames({QStringLiteral("prefill"), QStringLiteral("decode")});
        chart.setEmptyReason(QStringLiteral("Nothing yet."));
        chart.resize(480, 220);
        chart.show();
    }
    QCPGraph* graph(int series) { return chart.findChild<QCustomPlot*>()->graph(series); }
};

} // namespace

class TstTimeChart : public QObject {
    Q_OBJECT

  private slots:
    void countsHaveNoHalves() {
        ui::Theme theme;
        ui::TimeChart chart{theme, QStringLiteral("Requests"), app::MetricUnit::Count, {}};
        chart.setSeriesNames({QStringLiteral("running")});
        chart.resize(480, 220);
        chart.show();
        chart.setPoints(0, {{kStart_ms, 0.0}, {kStart_ms + 500, 0.0}});
        chart.setRange(kStart_ms, kStart_ms + 60'000);
        chart.refresh();
        auto* plot = chart.findChild<QCustomPlot*>();
        plot->replot();
        QCOMPARE(plot->yAxis->tickVector().first(), 0.0);
        for (const double tick : plot->yAxis->tickVector())
            QCOMPARE(tick, std::round(tick));
        chart.setPoints(0, {{kStart_ms, 0.0}, {kStart_ms + 500, 20.0}});
        chart.refresh();
        plot->replot();
        QVERIFY(plot->yAxis->tickVector().contains(10.0));
    }

    void theToolTipOfTheHeadingHasEveryValue() {
        ui::Theme theme;
        ui::ChartHeader header(theme);
        header.setEntries({{QStringLiteral("-"), Qt::black, QStringLiteral("P50 9.5 ms")},
                           {QStringLiteral("-"), Qt::black, QStringLiteral("P99 12 ms")}});
        header.show();
        QHelpEvent event(QEvent::ToolTip, {}, header.mapToGlobal(QPoint()));
        QCoreApplication::sendEvent(&header, &event);
        QCOMPARE(QToolTip::text(), QStringLiteral("P50 9.5 ms\nP99 12 ms"));
    }

    void anEmptyChartIsItsReasonAlone() {
        Bed bed;
        bed.chart.refresh();
        auto* plot = bed.chart.findChild<QCustomPlot*>();
        QVERIFY(!plot->yAxis->visible());
        bed.chart.setPoints(0, {{kStart_ms, 1.0}});
        bed.chart.setRange(kStart_ms - 1000, kStart_ms + 1000);
        bed.chart.refresh();
        QVERIFY(plot->yAxis->visible());
    }

    void drawsEverySampleAndNothingElse() {
        Bed bed;
        app::ChartPoints points;
        for (int i = 0; i < 100; ++i)
            points.push_back({kStart_ms + i * 500, double(i)});
        bed.chart.setPoints(0, points);
        bed.chart.setRange(kStart_ms, kStart_ms + 60'000);
        bed.chart.refresh();
        QCOMPARE(bed.graph(0)->dataCount(), 100);
        for (int i = 0; i < 100; ++i) {
            QCOMPARE(bed.graph(0)->data()->at(i)->key, double(kStart_ms + i * 500) / 1000);
            QCOMPARE(bed.graph(0)->data()->at(i)->value, double(i));
        }
        // One at a time gives the same as all at once.
        Bed live;
        for (const app::ChartPoint& point : points)
            live.chart.append(0, point, kStart_ms);
        QCOMPARE(live.graph(0)->dataCount(), 100);
        QCOMPARE(live.chart.points(0), points);
        live.chart.append(0, {kStart_ms + 50'000, 1.0}, kStart_ms + 25'000);
        QCOMPARE(live.chart.points(0).front().time_ms, kStart_ms + 25'000);
        QCOMPARE(live.chart.points(0).size(), std::size_t(51));
    }

    void absentSamplesAndPausesAreGaps() {
        Bed bed;
        bed.chart.setLongestStep(1800);
        bed.chart.append(0, {kStart_ms, 1.0}, 0);
        bed.chart.append(0, {kStart_ms + 500, std::nullopt}, 0);
        bed.chart.append(0, {kStart_ms + 1000, 2.0}, 0);
        bed.chart.append(0, {kStart_ms + 9000, 3.0}, 0); // the machine slept
        const auto data = bed.graph(0)->data();
        QCOMPARE(bed.graph(0)->dataCount(), 5);
        QVERIFY(std::isnan(data->at(1)->value));
        QVERIFY(std::isnan(data->at(3)->value));
        const app::ChartPoints same = bed.chart.points(0);
        bed.chart.setPoints(1, same);
        QCOMPARE(bed.graph(1)->dataCount(), 5);
    }

    void aPointBetweenTwoGapsIsADot() {
        Bed bed;
        const std::array values = {std::optional(1.0), std::optional(2.0), std::optional<double>(),
                                   std::optional(3.0), std::optional<double>()};
        app::ChartPoints points;
        for (std::size_t i = 0; i < values.size(); ++i) {
            points.push_back({kStart_ms + qint64(i) * 500, values[i]});
            bed.chart.append(0, points.back(), 0);
        }
        const int dots = 2; // behind the lines of the two series
        QCOMPARE(bed.graph(dots)->dataCount(), 1);
        QCOMPARE(bed.graph(dots)->data()->at(0)->value, 3.0);
        bed.chart.setPoints(1, points);
        QCOMPARE(bed.graph(dots + 1)->dataCount(), 1);
    }

    void theReadoutIsThatOfTheCrosshair() {
        Bed bed;
        for (int i = 0; i < 10; ++i) {
            bed.chart.append(0, {kStart_ms + i * 500, double(100 + i)}, 0);
            bed.chart.append(
                1, {kStart_ms + i * 500, i == 4 ? std::nullopt : std::optional(double(i))}, 0);
        }
        QCOMPARE(bed.chart.readout(), QStringLiteral("prefill 109 tok/s   decode 9.0 tok/s"));
        bed.chart.setCrosshair(kStart_ms + 4 * 500 + 100);
        QCOMPARE(bed.chart.readout(), QStringLiteral("prefill 104 tok/s   decode –"));
        bed.chart.setCrosshair(kStart_ms + 60'000); // nothing was measured there
        QCOMPARE(bed.chart.readout(), QStringLiteral("prefill –   decode –"));
        bed.chart.setCrosshair({});
        QCOMPARE(bed.chart.readout(), QStringLiteral("prefill 109 tok/s   decode 9.0 tok/s"));
    }

    void anEmptyChartSaysWhy() {
        Bed bed;
        const auto reason = [&]() -> QLabel* {
            for (QLabel* label : bed.chart.findChildren<QLabel*>())
                if (label->text() == QLatin1String("Nothing yet."))
                    return label;
            return nullptr;
        };
        bed.chart.setRange(kStart_ms, kStart_ms + 60'000);
        bed.chart.refresh();
        QVERIFY(reason()->isVisible());
        bed.chart.append(0, {kStart_ms + 500, 0.0}, 0); // a zero is a figure
        bed.chart.refresh();
        QVERIFY(!reason()->isVisible());
    }

    void aViewThatHasNotMovedByAPixelIsNotDrawnAgain() {
        Bed bed;
        auto* plot = bed.chart.findChild<QCustomPlot*>();
        QVERIFY(QTest::qWaitForWindowExposed(&bed.chart));
        constexpr qint64 kLength_ms = 900'000;
        qint64 now_ms = kStart_ms;
        double value = 1;
        const auto look = [&] {
            now_ms += 500;
            bed.chart.append(0, {now_ms, value}, now_ms - kLength_ms);
            bed.chart.setRange(now_ms - kLength_ms, now_ms);
            bed.chart.refresh();
            QCoreApplication::processEvents();
        };
        for (int i = 0; i < 10; ++i)
            look();
        QSignalSpy drawn(plot, &QCustomPlot::afterReplot);
        for (int i = 0; i < 200; ++i)
            look();
        const double pixel_ms = double(kLength_ms) / plot->axisRect()->width();
        const int looksAPixel = int(std::ceil(pixel_ms / 500));
        QVERIFY(looksAPixel > 1 && std::abs(drawn.size() - 200 / looksAPixel) <= 1);
        value = 1000; // beyond the axis
        drawn.clear();
        look();
        QCOMPARE(drawn.size(), 1);
        // A view that stands still shows every new point at once.
        bed.chart.setRange(now_ms - kLength_ms, now_ms + 60'000);
        bed.chart.refresh();
        QCoreApplication::processEvents();
        drawn.clear();
        for (int i = 1; i <= 3; ++i) {
            bed.chart.append(0, {now_ms + i * 500, 1.0}, 0);
            bed.chart.refresh();
            QCoreApplication::processEvents();
            QCOMPARE(drawn.size(), i);
        }
        bed.chart.refresh(); // nothing has changed
        QCoreApplication::processEvents();
        QCOMPARE(drawn.size(), 3);
    }

    void keysMoveTheCrosshairAndZoom() {
        Bed bed;
        bed.chart.setRange(kStart_ms, kStart_ms + 60'000);
        QSignalSpy hovered(&bed.chart, &ui::TimeChart::hovered);
        QSignalSpy zoomed(&bed.chart, &ui::TimeChart::zoomAsked);
        QTest::keyClick(&bed.chart, Qt::Key_Left);
        QCOMPARE(hovered.takeFirst().first().toLongLong(), kStart_ms + 59'000);
        bed.chart.setCrosshair(kStart_ms + 30'000);
        QTest::keyClick(&bed.chart, Qt::Key_Plus);
        QCOMPARE(zoomed.first().at(0).toLongLong(), kStart_ms + 6'000);
        QCOMPARE(zoomed.first().at(1).toLongLong(), kStart_ms + 54'000);
    }
};

INGLENOOK_SUITE(time_chart, TstTimeChart)
#include "tst_time_chart.moc"
