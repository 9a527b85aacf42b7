#include "ui/dashboard/waterfall_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <algorithm>
#include <QPainter>

namespace ui {

QList<WaterfallBar> waterfallOf(const app::RequestRow& row) {
    QList<WaterfallBar> bars;
    bars.append({WaterfallView::tr("Queue"), 0, row.queueWait_us, {}});
    if (row.ttft_us > 0) {
        const int computed = std::max(0, row.promptTokens - row.cachedTokens);
        QString note = WaterfallView::tr("%1 computed").arg(tokensText(computed));
        if (row.cachedTokens > 0)
            note += WaterfallView::tr(", %1 cached").arg(tokensText(row.cachedTokens));
        bars.append({WaterfallView::tr("Prefill"), row.queueWait_us,
                     std::max<qint64>(0, row.ttft_us - row.queueWait_us), note});
        bars.append({WaterfallView::tr("Decode"), row.ttft_us, row.decode_us,
                     WaterfallView::tr("%1 tokens, %2")
                         .arg(tokensText(row.generatedTokens), speedText(row.tokensPerSecond))});
    }
    return bars;
}

QString waterfallSentence(const app::RequestRow& row) {
    const QList<WaterfallBar> bars = waterfallOf(row);
    const auto longest = std::max_element(
        bars.begin(), bars.end(),
        [](const WaterfallBar& a, const WaterfallBar& b) { return a.duration_us < b.duration_us; });
    const QString all = durationText(bars.last().begin_us + bars.last().duration_us);
    switch (longest - bars.begin()) {
    case 0:
        return WaterfallView::tr("Most of %1 was spent waiting for others.").arg(all);
    case 1:
        return WaterfallView::tr("Most of %1 went into reading the prompt.").arg(all);
    default:
        return WaterfallView::tr("Most of %1 went into writing the answer.").arg(all);
    }
}

QString waterfallText(const app::RequestRow& row) {
    QStringList parts;
    for (const WaterfallBar& bar : waterfallOf(row)) {
        const QString part =
            WaterfallView::tr("%1: %2").arg(bar.name, durationText(bar.duration_us));
        parts.append(bar.note.isEmpty() ? part : QStringLiteral("%1 (%2)").arg(part, bar.note));
    }
    return QStringLiteral("%1. %2").arg(parts.join(QStringLiteral("; ")), waterfallSentence(row));
}

WaterfallView::WaterfallView(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setAccessibleName(tr("Where the time went"));
    setMinimumSize(240, 150);
    connect(&m_theme, &Theme::changed, this, qOverload<>(&WaterfallView::update));
}

void WaterfallView::showRequest(const std::optional<app::RequestRow>& row) {
    m_row = row;
    setAccessibleDescription(row ? waterfallText(*row) : QString());
    update();
}

void WaterfallView::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    const int line = QFontMetrics(m_theme.font(TextSize::Body)).height();
    painter.setPen(colors.text);
    painter.setFont(m_theme.font(TextSize::Body, 600));
    painter.drawText(QRect(0, 0, width(), line), Qt::AlignVCenter,
                     m_row && m_row->id != 0 ? tr("Request %1").arg(m_row->id)
                                             : tr("Where the time went"));
    painter.setFont(m_theme.font(TextSize::Small));
    if (!m_row) {
        painter.setPen(colors.muted);
        painter.drawText(QRect(0, line + space::kSmall, width(), height()), Qt::TextWordWrap,
                         tr("Choose a request to see its parts."));
        return;
    }
    const QList<WaterfallBar> bars = waterfallOf(*m_row);
    const qint64 whole = std::max<qint64>(1, bars.last().begin_us + bars.last().duration_us);
    const std::array fills = {QBrush(colors.muted, Qt::Dense4Pattern), QBrush(colors.series[0]),
                              QBrush(colors.series[1], Qt::Dense2Pattern)};
    int y = line + space::kSmall;
    for (int i = 0; i < bars.size(); ++i) {
        painter.setPen(colors.text);
        painter.drawText(
            QRect(0, y, width(), line), Qt::AlignVCenter,
            QStringLiteral("%1  %2").arg(bars[i].name, durationText(bars[i].duration_us)));
        painter.setPen(colors.muted);
        painter.drawText(QRect(0, y, width(), line), Qt::AlignVCenter | Qt::AlignRight,
                         bars[i].note);
        const auto x = [&](qint64 at) { return static_cast<int>(at * width() / whole); };
        const int left = x(bars[i].begin_us);
        const int right = x(bars[i].begin_us + bars[i].duration_us);
        painter.fillRect(QRect(left, y + line, std::max(2, right - left), 8),
                         fills[static_cast<std::size_t>(i)]);
        y += line + 8 + space::kSmall;
    }
    painter.setPen(colors.text);
    painter.drawText(QRect(0, y, width(), height() - y), Qt::TextWordWrap,
                     waterfallSentence(*m_row));
}

} // namespace ui
