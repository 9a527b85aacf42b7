#include "tests/support/suite_registry.h"
#include "ui/widgets/chart_graph.h"

#include <cmath>
#include <limits>
#include <qcustomplot.h>
#include <QtTest/QtTest>
#include <random>

namespace {

constexpr QSize kSize(420, 160);

/// A plot whose only graph is filled: the library's own, or ours.
std::unique_ptr<QCustomPlot> plotOf(const QVector<double>& keys, const QVector<double>& values,
                                    bool ours, double ratio) {
    auto plot = std::make_unique<QCustomPlot>();
    QCPGraph* graph = ours ? new ui::ChartGraph(plot->xAxis, plot->yAxis)
                           : new QCPGraph(plot->xAxis, plot->yAxis);
    graph->setPen(Qt::NoPen);
    graph->setBrush(QColor(0, 0, 255));
    graph->setData(keys, values, true);
    plot->setNotAntialiasedElements(QCP::aeAll);
    for (QCPAxis* axis : {plot->xAxis, plot->yAxis}) {
        axis->grid()->setVisible(false);
        axis->setVisible(false);
    }
    plot->axisRect()->setAutoMargins(QCP::msNone);
    plot->axisRect()->setMargins(QMargins(11, 7, 5, 9));
    plot->setBufferDevicePixelRatio(ratio);
    plot->resize(kSize);
    plot->xAxis->setRange(keys.first() + 3.3, keys.last() - 2.7);
    plot->yAxis->setRange(0, 1);
    plot->replot(QCustomPlot::rpImmediateRefresh);
    return plot;
}

/// The first and the last filled row of a column, (-1, -1) when it is empty.
QPair<int, int> filled(const QImage& image, int column) {
    QPair rows(-1, -1);
    for (int row = 0; row < image.height(); ++row)
        if (qBlue(image.pixel(column, row)) > 128 && qRed(image.pixel(column, row)) < 128)
            rows = {rows.first < 0 ? row : rows.first, row};
    return rows;
}

} // namespace

class TstChartGraph : public QObject {
    Q_OBJECT

  private slots:
    void fillsWhatThePolygonFills_data() {
        QTest::addColumn<int>("points");
        QTest::addColumn<double>("noise");
        QTest::addColumn<double>("ratio");
        QTest::newRow("few points") << 40 << 0.0 << 1.0;
        QTest::newRow("a point a pixel") << 400 << 0.05 << 1.0;
        QTest::newRow("many points") << 3000 << 0.0 << 1.0;
        QTest::newRow("fine screen") << 200 << 0.02 << 2.0;
    }
    void fillsWhatThePolygonFills() {
        QFETCH(int, points);
        QFETCH(double, noise);
        QFETCH(double, ratio);
        std::mt19937 random(7);
        QVector<double> keys;
        QVector<double> values;
        for (int i = 0; i < points; ++i) {
            const bool isGap = i > points / 2 && i < points / 2 + points / 10;
            keys.append(i * 300.0 / points);
            values.append(isGap ? std::numeric_limits<double>::quiet_NaN()
                                : 0.5 + 0.6 * std::sin(i * 12.0 / points) +
                                      noise * (double(random() % 1000) / 1000 - 0.5));
        }
        const auto reference = plotOf(keys, values, false, ratio);
        const auto plot = plotOf(keys, values, true, ratio);
        const QImage expected = reference->grab().toImage();
        const QImage drawn = plot->grab().toImage();
        const QRect area = plot->axisRect()->rect();
        int filledColumns = 0;
        for (int column = 0; column < expected.width(); ++column) {
            const QPair<int, int> wanted = filled(expected, column);
            const QPair<int, int> found = filled(drawn, column);
            if (column < area.left() || column > area.right())
                QCOMPARE(found, QPair(-1, -1)); // nothing outside the axes
            // A steep line moves the edge by its slope where it moves by a part of a pixel: the
            // edge lies between those of the neighbouring columns.
            QPair<int, int> left = filled(expected, std::max(0, column - 1));
            QPair<int, int> right = filled(expected, std::min(expected.width() - 1, column + 1));
            const auto top = [&](const QPair<int, int>& rows) {
                return rows.first < 0 ? area.bottom() + 1 : rows.first;
            };
            const int highest = std::min({top(left), top(wanted), top(right)}) - 1;
            const int lowest = std::max({top(left), top(wanted), top(right)}) + 1;
            QVERIFY2(top(found) >= highest && top(found) <= lowest,
                     qPrintable(QStringLiteral("column %1: %2, not %3 to %4")
                                    .arg(column)
                                    .arg(top(found))
                                    .arg(highest)
                                    .arg(lowest)));
            if (wanted.second >= 0 && found.second >= 0 && left.second >= 0 && right.second >= 0) {
                QVERIFY(std::abs(wanted.second - found.second) <= 1);
                ++filledColumns;
            }
        }
        QVERIFY(filledColumns > 200); // of 404, less the gap and the negative stretch
    }

    void nothingIsFilledWithoutPointsInSight() {
        const auto plot = plotOf({0, 1, 2, 3, 300, 301}, {0, 0, 0, 0, 0, 0}, true, 1);
        const QImage drawn = plot->grab().toImage();
        for (int column = 0; column < drawn.width(); ++column)
            QCOMPARE(filled(drawn, column), QPair(-1, -1));
    }
};

INGLENOOK_SUITE(chart_graph, TstChartGraph)
#include "tst_chart_graph.moc"
