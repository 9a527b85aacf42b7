#include "ui/widgets/chart_overlay.h"

#include "ui/theme.h"

#include <QPainter>

namespace ui {

ChartOverlay::ChartOverlay(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
}

void ChartOverlay::setArea(const QRect& area, qint64 from_ms, qint64 to_ms) {
    m_area = area;
    m_from_ms = from_ms;
    m_to_ms = std::max(to_ms, from_ms + 1);
    if (!m_events.isEmpty() || m_crosshair_ms)
        update();
}

void ChartOverlay::setEvents(const QList<app::MetricEvent>& events) {
    m_events = events;
    update();
}

void ChartOverlay::setCrosshair(std::optional<qint64> time_ms) {
    if (m_crosshair_ms == time_ms)
        return;
    m_crosshair_ms = time_ms;
    update();
}

void ChartOverlay::setSpan(std::optional<QPair<int, int>> span) {
    m_span = span;
    update();
}

int ChartOverlay::xOf(qint64 time_ms) const {
    return m_area.left() +
           static_cast<int>((time_ms - m_from_ms) * m_area.width() / (m_to_ms - m_from_ms));
}

void ChartOverlay::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    if (m_span) {
        QColor fill = colors.accent;
        fill.setAlphaF(0.15F);
        painter.fillRect(
            QRect(QPoint(m_span->first, m_area.top()), QPoint(m_span->second, m_area.bottom()))
                .normalized(),
            fill);
    }
    for (const app::MetricEvent& event : m_events) {
        if (event.time_ms < m_from_ms || event.time_ms > m_to_ms)
            continue;
        const int x = xOf(event.time_ms);
        const bool isTrouble = event.kind == app::MetricEventKind::BreakerOpened ||
                               event.kind == app::MetricEventKind::Alert;
        painter.setPen(QPen(isTrouble ? colors.bad : colors.info, 1, Qt::DotLine));
        painter.drawLine(x, m_area.top(), x, m_area.bottom());
        // A cross for trouble, a ring for the rest: shape says it without the colour.
        painter.setPen(QPen(isTrouble ? colors.bad : colors.info, 1.5));
        const QRect mark(x - 3, m_area.top(), 6, 6);
        if (isTrouble) {
            painter.drawLine(mark.topLeft(), mark.bottomRight());
            painter.drawLine(mark.topRight(), mark.bottomLeft());
        } else {
            painter.setRenderHint(QPainter::Antialiasing);
            painter.drawEllipse(mark);
            painter.setRenderHint(QPainter::Antialiasing, false);
        }
    }
    if (m_crosshair_ms && *m_crosshair_ms >= m_from_ms && *m_crosshair_ms <= m_to_ms) {
        painter.setPen(QPen(colors.text, 1));
        const int x = xOf(*m_crosshair_ms);
        painter.drawLine(x, m_area.top(), x, m_area.bottom());
    }
}

QString eventText(const app::MetricEvent& event) {
    switch (event.kind) {
    case app::MetricEventKind::ModelLoaded:
        return ChartOverlay::tr("model loaded: %1").arg(event.what);
    case app::MetricEventKind::ModelUnloaded:
        return ChartOverlay::tr("model unloaded: %1").arg(event.what);
    case app::MetricEventKind::BreakerOpened:
        return ChartOverlay::tr("breaker opened: %1").arg(event.what);
    case app::MetricEventKind::BreakerClosed:
        return ChartOverlay::tr("breaker closed: %1").arg(event.what);
    case app::MetricEventKind::Alert:
        break;
    }
    return ChartOverlay::tr("alert: %1").arg(event.what);
}

} // namespace ui
