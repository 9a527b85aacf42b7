#pragma once
// ChartOverlay: what moves over a chart without drawing the chart again: crosshair, event marks,
// the span being chosen. GUI thread.

#include "app/telemetry/metric_frame.h"

#include <QWidget>

namespace ui {

class Theme;

class ChartOverlay : public QWidget {
    Q_OBJECT

  public:
    ChartOverlay(Theme& theme, QWidget* parent);

    /// The plotted area in this widget's pixels, and the times at its sides.
    void setArea(const QRect& area, qint64 from_ms, qint64 to_ms);
    void setEvents(const QList<app::MetricEvent>& events);
    void setCrosshair(std::optional<qint64> time_ms);
    void setSpan(std::optional<QPair<int, int>> span);
    const QList<app::MetricEvent>& events() const { return m_events; }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    int xOf(qint64 time_ms) const;

    Theme& m_theme;
    QRect m_area;
    qint64 m_from_ms = 0;
    qint64 m_to_ms = 1;
    QList<app::MetricEvent> m_events;
    std::optional<qint64> m_crosshair_ms;
    std::optional<QPair<int, int>> m_span;
};

/// A mark as a word: "model loaded: Ember".
QString eventText(const app::MetricEvent& event);

} // namespace ui
