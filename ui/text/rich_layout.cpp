#include "ui/text/rich_layout.h"

#include <algorithm>
#include <cmath>
#include <QFontMetricsF>

namespace ui {
namespace {

constexpr qreal kUnbounded = 1 << 20; // px

QTextCharFormat runFormat(const InlineRun& run, const TextStyle& style, int pixelSize) {
    QTextCharFormat format;
    QFont font = style.body;
    font.setPixelSize(pixelSize);
    if (run.style & (kInlineCode | kMath)) {
        font = style.mono;
        font.setPixelSize(qRound(pixelSize * 13.0 / 15.0));
    }
    if (run.style & kBold)
        font.setWeight(QFont::DemiBold);
    font.setItalic(run.style & (kItalic | kMath));
    font.setStrikeOut(run.style & kStrike);
    font.setUnderline(run.style & kLink);
    format.setFont(font);
    QColor color = style.ink;
    if (run.style & kAside)
        color = style.palette.muted;
    else if (run.style & kLink)
        color = style.palette.accent;
    else if (run.style & kMath)
        color = style.palette.series[3];
    format.setForeground(color);
    return format;
}

} // namespace

TextMarks TextMarks::shifted(int offset, int length, int firstLink) const {
    TextMarks out;
    out.selectionFrom = std::clamp(selectionFrom - offset, 0, length);
    out.selectionTo = std::clamp(selectionTo - offset, 0, length);
    for (const auto& [start, size] : matches)
        if (start >= offset && start + size <= offset + length)
            out.matches.emplace_back(start - offset, size);
    if (currentMatch >= offset)
        out.currentMatch = currentMatch - offset;
    if (focusedLink >= firstLink)
        out.focusedLink = focusedLink - firstLink;
    return out;
}

QList<QTextLayout::FormatRange> markFormats(const TextMarks& marks, const TextStyle& style) {
    QList<QTextLayout::FormatRange> ranges;
    const Palette& palette = style.palette;
    for (const auto& [start, length] : marks.matches) {
        QTextLayout::FormatRange range;
        range.start = start;
        range.length = length;
        const bool current = start == marks.currentMatch;
        range.format.setBackground(current ? palette.accent
                                           : blend(palette.warn, palette.window, 0.35));
        range.format.setForeground(current ? palette.onAccent : palette.text);
        ranges += range;
    }
    if (marks.selectionTo > marks.selectionFrom) {
        QTextLayout::FormatRange range;
        range.start = marks.selectionFrom;
        range.length = marks.selectionTo - marks.selectionFrom;
        range.format.setBackground(blend(palette.accent, palette.window, 0.26));
        range.format.setForeground(palette.text);
        ranges += range;
    }
    return ranges;
}

bool RichLayout::sameContent(const RichLayout& other) const {
    const auto sameRun = [](const InlineRun& a, const InlineRun& b) {
        return a.start == b.start && a.length == b.length && a.style == b.style && a.link == b.link;
    };
    return m_rich.text == other.m_rich.text && m_look.pixelSize == other.m_look.pixelSize &&
           m_look.strong == other.m_look.strong && m_look.alignment == other.m_look.alignment &&
           m_rich.links == other.m_rich.links &&
           std::equal(m_rich.runs.begin(), m_rich.runs.end(), other.m_rich.runs.begin(),
                      other.m_rich.runs.end(), sameRun);
}

void RichLayout::shape(const TextStyle& style) {
    const int pixelSize = m_look.pixelSize > 0 ? m_look.pixelSize : style.body.pixelSize();
    QFont font = style.body;
    font.setPixelSize(pixelSize);
    if (m_look.strong)
        font.setWeight(QFont::DemiBold);
    m_layout = std::make_unique<QTextLayout>(m_rich.text, font);
    m_layout->setCacheEnabled(true);
    QTextOption option;
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    option.setAlignment(m_look.alignment);
    m_layout->setTextOption(option);
    QList<QTextLayout::FormatRange> formats;
    formats.reserve(qsizetype(m_rich.runs.size()));
    for (const InlineRun& run : m_rich.runs) {
        QTextLayout::FormatRange range;
        range.start = run.start;
        range.length = run.length;
        InlineRun styled = run;
        if (m_look.strong)
            styled.style |= kBold;
        range.format = runFormat(styled, style, pixelSize);
        formats += range;
    }
    m_layout->setFormats(formats);
    m_width = -1;
}

qreal RichLayout::naturalWidth(const TextStyle& style) {
    if (m_natural >= 0)
        return m_natural;
    if (!m_layout)
        shape(style);
    m_natural = 0;
    m_layout->beginLayout();
    for (QTextLine line = m_layout->createLine(); line.isValid(); line = m_layout->createLine()) {
        line.setLineWidth(kUnbounded);
        m_natural = std::max(m_natural, line.naturalTextWidth());
    }
    m_layout->endLayout();
    m_natural = std::ceil(m_natural);
    m_width = -1;
    return m_natural;
}

qreal RichLayout::longestWord() const {
    const QFontMetricsF metrics(m_layout ? m_layout->font() : QFont());
    qreal longest = 0;
    for (const QStringView word : QStringView(m_rich.text).split(u' ')) {
        if (word.size() > 40)
            return kUnbounded;
        longest = std::max(longest, metrics.horizontalAdvance(word.toString()));
    }
    return std::ceil(longest);
}

qreal RichLayout::layout(const TextStyle& style, qreal width) {
    if (m_layout && m_width == width)
        return m_height;
    if (!m_layout)
        shape(style);
    const QFontMetricsF metrics(m_layout->font());
    const int pixelSize = m_layout->font().pixelSize();
    const qreal lineHeight =
        std::round(style.lineHeight * std::max(1.0, 0.92 * pixelSize / style.body.pixelSize()));
    qreal y = 0;
    m_layout->beginLayout();
    for (QTextLine line = m_layout->createLine(); line.isValid(); line = m_layout->createLine()) {
        line.setLineWidth(width);
        // The baseline follows the body font, so that a Chinese word or a piece of code in a line
        // does not move it.
        const qreal step =
            std::max(lineHeight, std::ceil(std::min(line.height(), lineHeight * 1.25)));
        const qreal baseline =
            y + (step - metrics.ascent() - metrics.descent()) / 2 + metrics.ascent();
        line.setPosition({0, std::round(baseline) - line.ascent()});
        y += step;
    }
    m_layout->endLayout();
    m_width = width;
    m_height = std::max(y, lineHeight);
    return m_height;
}

/// The ground of inline code and formulas hugs the mono face, however tall the line's tallest font.
void RichLayout::paintCodeGround(QPainter& painter, const QPointF& origin,
                                 const TextStyle& style) const {
    const QFontMetricsF mono(style.mono);
    painter.setPen(Qt::NoPen);
    painter.setBrush(blend(style.palette.text, style.palette.window, 0.08));
    for (const InlineRun& run : m_rich.runs) {
        if (!(run.style & (kInlineCode | kMath)))
            continue;
        for (int i = 0; i < m_layout->lineCount(); ++i) {
            const QTextLine line = m_layout->lineAt(i);
            const int from = std::max(run.start, line.textStart());
            const int to = std::min(run.start + run.length, line.textStart() + line.textLength());
            if (from >= to)
                continue;
            const qreal baseline = line.y() + line.ascent();
            const QRectF ground(QPointF(line.cursorToX(from) - 2, baseline - mono.ascent() - 1),
                                QPointF(line.cursorToX(to) + 2, baseline + mono.descent() + 1));
            painter.drawRoundedRect(ground.translated(origin), 3, 3);
        }
    }
}

void RichLayout::paint(QPainter& painter, const QPointF& origin, const TextStyle& style,
                       const TextMarks& marks, const QRectF& clip) const {
    if (!m_layout)
        return;
    paintCodeGround(painter, origin, style);
    painter.setPen(style.ink);
    m_layout->draw(&painter, origin,
                   marks.empty() ? QList<QTextLayout::FormatRange>() : markFormats(marks, style),
                   clip);
    if (marks.focusedLink < 0)
        return;
    painter.setPen(QPen(style.palette.accent, 2));
    painter.setBrush(Qt::NoBrush);
    for (const QRectF& rect : linkRects(marks.focusedLink))
        painter.drawRoundedRect(rect.translated(origin).adjusted(-3, 0, 3, 0), 4, 4);
}

int RichLayout::offsetAt(const QPointF& point) const {
    if (!m_layout || m_layout->lineCount() == 0)
        return 0;
    for (int i = 0; i < m_layout->lineCount(); ++i) {
        const QTextLine line = m_layout->lineAt(i);
        if (point.y() < line.y() + line.height() || i + 1 == m_layout->lineCount())
            return line.xToCursor(point.x());
    }
    return int(m_rich.text.size());
}

QRectF RichLayout::caret(int offset) const {
    if (!m_layout || m_layout->lineCount() == 0)
        return {0, 0, 1, m_height};
    const int at = std::clamp(offset, 0, int(m_rich.text.size()));
    const QTextLine line = m_layout->lineForTextPosition(at);
    if (!line.isValid())
        return {0, 0, 1, m_height};
    return {line.cursorToX(at), line.y(), 1, line.height()};
}

std::vector<QRectF> RichLayout::linkRects(int link) const {
    std::vector<QRectF> rects;
    for (const InlineRun& run : m_rich.runs) {
        if (run.link != link)
            continue;
        for (int i = 0; i < m_layout->lineCount(); ++i) {
            const QTextLine line = m_layout->lineAt(i);
            const int from = std::max(run.start, line.textStart());
            const int to = std::min(run.start + run.length, line.textStart() + line.textLength());
            if (from < to)
                rects.emplace_back(QPointF(line.cursorToX(from), line.y()),
                                   QPointF(line.cursorToX(to), line.y() + line.height()));
        }
    }
    return rects;
}

int RichLayout::linkAt(const QPointF& point) const {
    if (!m_layout)
        return -1;
    for (int link = 0; link < m_rich.links.size(); ++link)
        for (const QRectF& rect : linkRects(link))
            if (rect.contains(point))
                return link;
    return -1;
}

} // namespace ui
