#pragma once
// LanesView: what the engine computed for whom over the last half minute: a lane a request, time on
// the x axis; waiting is a line, a prefill chunk a full block, a decode step a low one. GUI thread.

#include "app/telemetry/metric_frame.h"

#include <QWidget>

namespace ui {

class Theme;

class LanesView : public QWidget {
    Q_OBJECT

  public:
    static constexpr qint64 kWindow_us = 30'000'000;

    explicit LanesView(Theme& theme, QWidget* parent = nullptr);

    /// `now_us` on the clock of the steps.
    void setContent(const QList<app::RequestRow>& requests, const QList<app::StepSpan>& steps,
                    qint64 now_us);
    void setSelected(quint64 request);
    /// The requests that have a lane, top to bottom.
    QList<quint64> lanes() const;
    /// Where a step is drawn; null when it has no lane or lies outside.
    QRect rectOf(const app::StepSpan& step) const;
    QSize sizeHint() const override;

  signals:
    void chosen(quint64 request);

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    int xOf(qint64 time_us) const;
    int laneTop(int lane) const;
    void paintAxis(QPainter& painter) const;
    void paintWaiting(QPainter& painter) const;
    void choose(int lane);

    Theme& m_theme;
    QList<app::RequestRow> m_lanes;
    QList<app::StepSpan> m_steps;
    qint64 m_now_us = 0;
    quint64 m_selected = 0;
};

} // namespace ui
