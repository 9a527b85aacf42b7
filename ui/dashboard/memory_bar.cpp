#include "ui/dashboard/memory_bar.h"

#include "ui/theme.h"

#include <QPainter>

namespace ui {

MemoryBar::MemoryBar(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MemoryBar::setSplit(const MemorySplit& split) {
    m_split = split;
    update();
}

void MemoryBar::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    const QRect all = rect().adjusted(0, 2, 0, -2);
    painter.fillRect(all, colors.sunken);
    const std::array parts = {
        std::tuple{m_split.weights, colors.series[0], Qt::SolidPattern},
        std::tuple{m_split.kv, colors.series[1], Qt::Dense2Pattern},
        std::tuple{m_split.workspace, colors.series[2], Qt::BDiagPattern},
        std::tuple{m_split.others, colors.muted, Qt::Dense5Pattern},
    };
    double begin = 0;
    for (const auto& [bytes, color, pattern] : parts) {
        if (m_split.total <= 0 || bytes <= 0)
            continue;
        const auto x = [&](double at) {
            return all.left() +
                   static_cast<int>(std::min(1.0, at / m_split.total) * all.width() + 0.5);
        };
        painter.fillRect(
            QRect(QPoint(x(begin), all.top()), QPoint(x(begin + bytes) - 1, all.bottom())),
            QBrush(color, pattern));
        begin += bytes;
    }
    painter.setPen(colors.border);
    painter.drawRect(all.adjusted(0, 0, -1, -1));
}

} // namespace ui
