#include "ui/widgets/chart_header.h"

#include "ui/theme.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

namespace ui {

ChartHeader::ChartHeader(Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
}

void ChartHeader::setTitle(const QString& title) {
    if (m_title == title)
        return;
    m_title = title;
    update();
}

void ChartHeader::setEntries(const QList<Entry>& entries) {
    if (m_entries == entries)
        return;
    m_entries = entries;
    update();
}

QSize ChartHeader::sizeHint() const {
    return {0, std::max(QFontMetrics(m_theme.font(TextSize::Body, 600)).height(),
                        QFontMetrics(m_theme.font(TextSize::Small)).height())};
}

QSize ChartHeader::minimumSizeHint() const {
    return sizeHint();
}

bool ChartHeader::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip)
        return QWidget::event(event);
    QStringList lines;
    for (const Entry& entry : m_entries)
        lines.append(entry.text);
    QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), lines.join(QLatin1Char('\n')),
                       this);
    return true;
}

void ChartHeader::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Palette& colors = m_theme.palette();
    const QFont titleFont = m_theme.font(TextSize::Body, 600);
    const int titleEnd = QFontMetrics(titleFont).horizontalAdvance(m_title) + space::kMedium;
    painter.setFont(titleFont);
    painter.setPen(colors.text);
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter, m_title);

    painter.setFont(m_theme.font(TextSize::Small));
    const QFontMetrics metrics = painter.fontMetrics();
    const int gap = metrics.horizontalAdvance(QLatin1Char(' '));
    QList<int> widths;
    int all = 0;
    for (const Entry& entry : m_entries) {
        widths.append(metrics.horizontalAdvance(entry.line));
        widths.append(metrics.horizontalAdvance(entry.text));
        all += widths[widths.size() - 2] + gap + widths.last() + 3 * gap;
    }
    // What does not fit is cut off at the right: the first series is the one that is filled.
    int x = std::max(titleEnd, width() - all);
    for (qsizetype i = 0; i < m_entries.size(); ++i) {
        const Entry& entry = m_entries[i];
        painter.setPen(entry.color);
        painter.drawText(QRect(x, 0, widths[2 * i], height()), Qt::AlignVCenter, entry.line);
        x += widths[2 * i] + gap;
        painter.setPen(colors.text);
        painter.drawText(QRect(x, 0, widths[2 * i + 1], height()), Qt::AlignVCenter, entry.text);
        x += widths[2 * i + 1] + 3 * gap;
    }
}

} // namespace ui
