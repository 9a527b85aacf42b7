#pragma once
// TimeChart: up to three figures over time: filled thin lines told apart by colour and dash, the
// newest value beside the title, gaps where nothing was measured, marks for events, one crosshair.
// Knows points and colours; where they come from is its owner's business. GUI thread.

#include "app/telemetry/metric_frame.h"
#include "app/telemetry/sample_ring.h"

#include <functional>
#include <QFrame>

class QCustomPlot;
class QCPGraph;
class QLabel;

namespace ui {

class ChartHeader;
class ChartOverlay;
class Theme;

class TimeChart : public QFrame {
    Q_OBJECT

  public:
    static constexpr int kMostSeries = 3;

    /// `highest`: fixed end of the axis (a share of 1); absent: as the values need.
    TimeChart(Theme& theme, const QString& title, app::MetricUnit unit,
              std::optional<double> highest, QWidget* parent = nullptr);

    void setSeriesNames(const QStringList& names); ///< at most kMostSeries
    /// Replaces the points of one series; they ascend in time.
    void setPoints(int series, const app::ChartPoints& points);
    /// One more point at the end; those before `oldest_ms` may go.
    void append(int series, const app::ChartPoint& point, qint64 oldest_ms);
    /// Points further apart than this are not joined.
    void setLongestStep(qint64 ms) { m_longestStep_ms = ms; }
    void setRange(qint64 from_ms, qint64 to_ms);
    void setEvents(const QList<app::MetricEvent>& events);
    /// The shared crosshair; absent: none.
    void setCrosshair(std::optional<qint64> time_ms);
    /// What an empty chart says.
    void setEmptyReason(const QString& reason);
    /// Draws what has changed; a view that moves on with the time only once it has moved by a
    /// pixel.
    void refresh();

    QString title() const { return m_title; }
    const QStringList& seriesNames() const { return m_names; }
    app::MetricUnit unit() const { return m_unit; }
    const app::ChartPoints& points(int series) const;
    /// The value at a time: that of the nearest point, at most one step away.
    std::optional<double> valueAt(int series, qint64 time_ms) const;
    /// What stands beside the title now.
    QString readout() const;

  signals:
    void hovered(qint64 time_ms);
    void hoverEnded();
    /// A span was chosen with the mouse, or one asked to zoom with the wheel or the keys.
    void zoomAsked(qint64 from_ms, qint64 to_ms);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void applyColors();
    void addGraph(int series);
    void addLonePoint(int series, std::size_t index);
    void loadGraph(int series);
    void fitValueAxis();
    bool looksTheSame() const;
    QStringList readoutParts() const;
    void updateHeader();
    double timeAt(int x) const;
    void zoomAround(double time_s, double factor);

    Theme& m_theme;
    QString m_title;
    app::MetricUnit m_unit;
    std::optional<double> m_highest;
    double m_divisor = 1;
    QStringList m_names;
    std::array<app::ChartPoints, kMostSeries> m_points;
    std::array<QCPGraph*, kMostSeries> m_graphs{};
    std::array<QCPGraph*, kMostSeries> m_lone{}; // points with a gap on both sides: dots
    qint64 m_longestStep_ms = 2000;
    qint64 m_from_ms = 0;
    qint64 m_to_ms = 1;
    qint64 m_drawnFrom_ms = 0;
    qint64 m_drawnTo_ms = 0;
    bool m_isStale = true; // what is drawn is no longer so, even where the view has not moved
    bool m_hasGrown = false;
    std::optional<qint64> m_crosshair_ms;
    std::optional<int> m_dragFrom; // x of the press
    ChartHeader* m_header;
    QLabel* m_empty;
    QCustomPlot* m_plot;
    ChartOverlay* m_overlay;
};

} // namespace ui
