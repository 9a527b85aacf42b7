#include "ui/dashboard/lanes_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <QHash>
#include <QKeyEvent>
#include <QPainter>

namespace ui {

namespace {

constexpr int kLane = 22;
constexpr int kLabel = 156;
constexpr int kAxis = 22;
constexpr qsizetype kMostLanes = 40;

} // namespace

LanesView::LanesView(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Lanes of the requests"));
    connect(&m_theme, &Theme::changed, this, qOverload<>(&LanesView::update));
}

void LanesView::setContent(const QList<app::RequestRow>& requests,
                           const QList<app::StepSpan>& steps, qint64 now_us) {
    m_now_us = now_us;
    m_steps = steps;
    m_lanes.clear();
    for (const app::RequestRow& row : requests) {
        const qint64 end_us =
            row.submitted_us + std::max(row.ttft_us + row.decode_us, row.queueWait_us);
        if ((row.isLive() || end_us > now_us - kWindow_us) && m_lanes.size() < kMostLanes)
            m_lanes.append(row);
    }
    setMinimumHeight(sizeHint().height());
    setAccessibleDescription(
        tr("%n request(s) in the last half minute", nullptr, int(m_lanes.size())));
    update();
}

QList<quint64> LanesView::lanes() const {
    QList<quint64> ids;
    for (const app::RequestRow& row : m_lanes)
        ids.append(row.id);
    return ids;
}

QSize LanesView::sizeHint() const {
    return {600, kAxis + kLane * std::max(3, int(m_lanes.size())) + space::kSmall};
}

int LanesView::xOf(qint64 time_us) const {
    const int left = kLabel;
    const qint64 inside = time_us - (m_now_us - kWindow_us);
    return left + static_cast<int>(inside * (width() - left - space::kSmall) / kWindow_us);
}

int LanesView::laneTop(int lane) const {
    return kAxis + lane * kLane;
}

QRect LanesView::rectOf(const app::StepSpan& step) const {
    for (int lane = 0; lane < m_lanes.size(); ++lane) {
        if (m_lanes[lane].id != step.request)
            continue;
        const int left = std::max(kLabel, xOf(step.begin_us));
        const int right = std::max(left + 1, xOf(step.begin_us + step.duration_us));
        if (right <= kLabel)
            return {};
        const int height = step.isPrefill ? kLane - 8 : (kLane - 8) / 2;
        return {left, laneTop(lane) + kLane - 4 - height, right - left, height};
    }
    return {};
}

void LanesView::paintAxis(QPainter& painter) const {
    const Palette& colors = m_theme.palette();
    painter.setFont(m_theme.font(TextSize::Small));
    for (int second = 0; second <= 30; second += 5) {
        const int x = xOf(m_now_us - qint64(second) * 1'000'000);
        painter.setPen(colors.border);
        painter.drawLine(x, kAxis - 3, x, height());
        painter.setPen(colors.muted);
        const QString label = second == 0 ? tr("now") : tr("−%1 s").arg(second);
        painter.drawText(QRect(x - 60, 0, second == 0 ? 60 : 120, kAxis - 4),
                         second == 0 ? Qt::AlignRight : Qt::AlignHCenter, label);
    }
}

void LanesView::paintWaiting(QPainter& painter) const {
    const Palette& colors = m_theme.palette();
    for (int lane = 0; lane < m_lanes.size(); ++lane) {
        const app::RequestRow& row = m_lanes[lane];
        const QRect all(0, laneTop(lane), width(), kLane);
        if (row.id == m_selected)
            painter.fillRect(all, colors.sunken);
        painter.setPen(row.isLive() ? colors.text : colors.muted);
        const QRect label = all.adjusted(space::kSmall, 0, kLabel - 8 - all.width(), 0);
        const QString who = QStringLiteral("%1 · P%2 · %3")
                                .arg(row.id)
                                .arg(row.priority)
                                .arg(clientText(row.client));
        painter.drawText(label, Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(who, Qt::ElideRight, label.width()));
        painter.setPen(QPen(colors.muted, 1, Qt::DotLine));
        const int from = std::max(kLabel, xOf(row.submitted_us));
        const int to = xOf(row.submitted_us + row.queueWait_us);
        const int y = all.bottom() - 4;
        if (to > from)
            painter.drawLine(from, y, to, y);
    }
}

void LanesView::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    painter.setFont(m_theme.font(TextSize::Small));
    paintWaiting(painter);
    paintAxis(painter);
    QHash<quint64, int> laneOf;
    for (int lane = 0; lane < m_lanes.size(); ++lane)
        laneOf.insert(m_lanes[lane].id, lane);
    // Steps are many more than pixels: one that would land on the pixel of the one before is left
    // out.
    QHash<quint64, int> drawnTo;
    for (const app::StepSpan& step : m_steps) {
        const auto lane = laneOf.constFind(step.request);
        if (lane == laneOf.constEnd() || step.begin_us + step.duration_us < m_now_us - kWindow_us)
            continue;
        const int left = std::max(kLabel, xOf(step.begin_us));
        const int right = std::max(left + 1, xOf(step.begin_us + step.duration_us));
        const int height = step.isPrefill ? kLane - 8 : (kLane - 8) / 2;
        int& done = drawnTo[step.request];
        if (right <= done && !step.isPrefill)
            continue;
        done = right;
        painter.fillRect(left, laneTop(*lane) + kLane - 4 - height, right - left, height,
                         step.isPrefill ? colors.series[0] : colors.series[1]);
    }
    if (m_lanes.isEmpty()) {
        painter.setPen(colors.muted);
        painter.drawText(rect(), Qt::AlignCenter,
                         tr("No request in the last half minute. Ask something in the chat."));
    }
    if (hasFocus()) {
        painter.setPen(QPen(colors.accent, 2));
        painter.drawRect(rect().adjusted(1, 1, -1, -1));
    }
}

void LanesView::setSelected(quint64 request) {
    m_selected = request;
    update();
}

void LanesView::choose(int lane) {
    if (lane < 0 || lane >= m_lanes.size())
        return;
    setSelected(m_lanes[lane].id);
    emit chosen(m_selected);
}

void LanesView::mousePressEvent(QMouseEvent* event) {
    choose((static_cast<int>(event->position().y()) - kAxis) / kLane);
}

void LanesView::keyPressEvent(QKeyEvent* event) {
    const int at = int(lanes().indexOf(m_selected));
    if (event->key() == Qt::Key_Down)
        choose(std::min(at + 1, int(m_lanes.size()) - 1));
    else if (event->key() == Qt::Key_Up)
        choose(std::max(at - 1, 0));
    else
        QWidget::keyPressEvent(event);
}

} // namespace ui
