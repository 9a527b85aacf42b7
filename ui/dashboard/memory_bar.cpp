#include "ui/dashboard/memory_bar.h"

#include "ui/dashboard/figure_text.h"
#include "ui/theme.h"

#include <QPainter>

namespace ui {

namespace {
constexpr int kBar = 12;
} // namespace

MemoryBar::MemoryBar(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MemoryBar::setSplit(const MemorySplit& split) {
    m_split = split;
    update();
}

std::array<MemoryBar::Part, 4> MemoryBar::parts() const {
    const Palette& colors = m_theme.palette();
    const auto part = [](const QString& name, std::optional<double> bytes, const QBrush& brush) {
        return Part{name.arg(figureText(app::MetricUnit::Bytes, bytes)), bytes.value_or(0), brush};
    };
    return {part(tr("weights %1"), m_split.weights, QBrush(colors.series[0])),
            part(tr("KV cache %1"), m_split.kv, QBrush(colors.series[1], Qt::Dense2Pattern)),
            part(tr("workspace %1"), m_split.workspace, QBrush(colors.series[2], Qt::BDiagPattern)),
            part(tr("others %1"), m_split.others, QBrush(colors.muted, Qt::Dense5Pattern))};
}

QString MemoryBar::text() const {
    QStringList words;
    for (const Part& part : parts())
        words.append(part.text);
    return words.join(QStringLiteral(", "));
}

QSize MemoryBar::sizeHint() const {
    return {160, kBar + space::kHair + QFontMetrics(m_theme.font(TextSize::Small)).height()};
}

void MemoryBar::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    painter.setFont(m_theme.font(TextSize::Small));
    const QRect all(0, 0, width(), kBar);
    painter.fillRect(all, colors.sunken);
    const auto xOf = [&](double bytes) {
        return static_cast<int>(std::min(1.0, bytes / m_split.total) * all.width() + 0.5);
    };
    double begin = 0;
    int legend = 0;
    for (const Part& part : parts()) {
        if (m_split.total > 0 && part.bytes > 0) {
            const int left = xOf(begin);
            painter.fillRect(left, 0, std::max(1, xOf(begin + part.bytes) - left), kBar,
                             part.brush);
            begin += part.bytes;
        }
        const QRect line(legend, kBar + space::kHair, width() - legend,
                         height() - kBar - space::kHair);
        const QRect swatch(line.left(), line.center().y() - 4, 9, 9);
        painter.fillRect(swatch, part.brush);
        painter.setPen(colors.border);
        painter.drawRect(swatch);
        painter.setPen(colors.muted);
        painter.drawText(line.adjusted(14, 0, 0, 0), Qt::AlignVCenter, part.text);
        legend += 14 + painter.fontMetrics().horizontalAdvance(part.text) + space::kMedium;
    }
    painter.setPen(colors.border);
    painter.drawRect(all.adjusted(0, 0, -1, -1));
}

} // namespace ui
