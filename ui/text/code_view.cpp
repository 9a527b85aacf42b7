#include "ui/text/code_view.h"

#include "ui/text/highlighter.h"
#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <cmath>
#include <QCoreApplication>
#include <QFontMetricsF>
#include <QTextOption>

namespace ui {
namespace {

constexpr qreal kHeader = 32, kPad = 12, kPadBottom = 10, kBar = 4; // px
constexpr qreal kCopyWidth = 60;                                    // px
constexpr qreal kRadius = 6;

QColor tokenColor(TokenKind kind, const Palette& palette) {
    switch (kind) {
    case TokenKind::Keyword:
        return palette.series[3];
    case TokenKind::Type:
        return palette.series[5];
    case TokenKind::String:
    case TokenKind::Added:
        return palette.ok;
    case TokenKind::Number:
        return palette.warn;
    case TokenKind::Comment:
        return palette.muted;
    case TokenKind::Function:
    case TokenKind::Property:
        return palette.info;
    case TokenKind::Meta:
        return palette.accent;
    case TokenKind::Removed:
        return palette.bad;
    }
    return palette.text;
}

/// Up to `indent` leading blanks of every line are the fence's, not the code's.
QString withoutIndent(const QString& code, int indent) {
    if (indent == 0)
        return code;
    QStringList lines = code.split(u'\n');
    for (QString& line : lines) {
        int n = 0;
        while (n < indent && n < line.size() && line[n] == u' ')
            ++n;
        line.remove(0, n);
    }
    return lines.join(u'\n');
}

} // namespace

int codeStateAfter(const QString& language, QStringView code, int state, int indent) {
    const Language* known = findLanguage(language);
    if (!known)
        return 0;
    std::vector<Token> tokens;
    const QString text = withoutIndent(code.toString(), indent);
    for (const QStringView line : QStringView(text).split(u'\n'))
        state = highlightLine(*known, line.left(kMaxRowChars), state, tokens);
    return state;
}

CodeView::CodeView(const QString& code, const QString& language, const CodeJoin& join)
    : m_text(visibleEscapes(withoutIndent(code, join.indent), EscapeScope::Strict)),
      m_language(language),
      m_join(join) {
    m_text.replace(u'\r', QString());
    const Language* known = findLanguage(language);
    std::vector<Token> tokens;
    int state = join.state;
    for (int start = 0; start <= m_text.size();) {
        qsizetype end = m_text.indexOf(u'\n', start);
        const bool feed = end >= 0;
        end = feed ? end : m_text.size();
        bool cut = false;
        if (end - start > kMaxRowChars) {
            end = start + kMaxRowChars;
            if (m_text[end].isLowSurrogate())
                --end;
            cut = true;
        }
        m_rows.push_back({start, int(end) - start, state, nullptr});
        if (known && !cut)
            state =
                highlightLine(*known, QStringView(m_text).mid(start, end - start), state, tokens);
        tokens.clear();
        if (!cut && !feed)
            break;
        start = int(end) + (cut ? 0 : 1);
    }
}

qreal CodeView::top() const {
    return m_join.above ? 0 : kHeader;
}

qreal CodeView::overflow() const {
    return std::max(0.0, m_contentWidth + 2 * kPad - m_width);
}

qreal CodeView::layout(const TextStyle& style, qreal width) {
    m_style = style;
    m_width = width;
    // Estimated from the character grid: exact for the mono face, wide characters take two.
    const qreal cell = QFontMetricsF(style.mono).horizontalAdvance(u'0');
    m_contentWidth = 0;
    for (const Row& row : m_rows) {
        qreal cells = 0;
        for (const QChar c : QStringView(m_text).mid(row.start, row.length))
            cells += c == u'\t' ? 4 : c.unicode() >= 0x1100 ? 2 : 1;
        m_contentWidth = std::max(m_contentWidth, cells * cell);
    }
    m_height =
        top() + qreal(m_rows.size()) * style.codeLineHeight + (m_join.below ? 0 : kPadBottom + 2);
    m_scrollX = std::clamp(m_scrollX, 0.0, overflow());
    return m_height;
}

QTextLayout* CodeView::shaped(Row& row) {
    if (row.layout)
        return row.layout.get();
    const QStringView text = QStringView(m_text).mid(row.start, row.length);
    row.layout = std::make_unique<QTextLayout>(text.toString(), m_style.mono);
    row.layout->setCacheEnabled(true);
    QTextOption option;
    option.setWrapMode(QTextOption::NoWrap);
    option.setTabStopDistance(4 * QFontMetricsF(m_style.mono).horizontalAdvance(u'0'));
    row.layout->setTextOption(option);
    if (const Language* language = findLanguage(m_language)) {
        std::vector<Token> tokens;
        highlightLine(*language, text, row.state, tokens);
        QList<QTextLayout::FormatRange> formats;
        for (const Token& token : tokens) {
            QTextLayout::FormatRange range;
            range.start = token.start;
            range.length = token.length;
            range.format.setForeground(tokenColor(token.kind, m_style.palette));
            formats += range;
        }
        row.layout->setFormats(formats);
    }
    row.layout->beginLayout();
    QTextLine line = row.layout->createLine();
    if (line.isValid()) {
        const QFontMetricsF metrics(m_style.mono);
        line.setLineWidth(1 << 20);
        const qreal baseline =
            (m_style.codeLineHeight - metrics.ascent() - metrics.descent()) / 2 + metrics.ascent();
        line.setPosition({0, std::round(baseline) - line.ascent()});
    }
    row.layout->endLayout();
    return row.layout.get();
}

QRectF CodeView::copyRect() const {
    return {m_width - kCopyWidth - 3, 3, kCopyWidth, kHeader - 6};
}

bool CodeView::copyButtonAt(const QPointF& point) const {
    return hasCopyButton() && copyRect().contains(point);
}

void CodeView::paintFrame(QPainter& painter, const LeafPaint& paint) const {
    const Palette& palette = paint.style.palette;
    // Joined edges are drawn outside of the clip, so that neighbours meet without a line.
    const QRectF frame = QRectF(0.5, 0.5, m_width - 1, m_height - 1)
                             .adjusted(0, m_join.above ? -20 : 0, 0, m_join.below ? 20 : 0);
    painter.setPen(QPen(palette.border, 1));
    painter.setBrush(palette.sunken);
    painter.drawRoundedRect(frame, kRadius, kRadius);
    if (m_join.above)
        return;
    QFont font = paint.style.body;
    font.setPixelSize(std::max(10, qRound(paint.style.body.pixelSize() * 0.8)));
    painter.setFont(font);
    painter.setPen(palette.muted);
    const QString label = m_language.isEmpty() ? QCoreApplication::translate("ui::CodeView", "text")
                                               : visibleEscapes(m_language, EscapeScope::Strict);
    painter.drawText(QRectF(kPad, 0, m_width - kCopyWidth - 2 * kPad, kHeader),
                     Qt::AlignVCenter | Qt::AlignLeft | Qt::TextSingleLine, label);
    if (paint.copyHovered || paint.copyFocused) {
        painter.setPen(paint.copyFocused ? QPen(palette.accent, 2) : QPen(Qt::NoPen));
        painter.setBrush(palette.border);
        painter.drawRoundedRect(copyRect().adjusted(1, 1, -1, -1), 5, 5);
    }
    painter.setPen(paint.copyHovered || paint.copied ? palette.text : palette.muted);
    painter.drawText(copyRect(), Qt::AlignCenter,
                     paint.copied ? QCoreApplication::translate("ui::CodeView", "Copied")
                                  : QCoreApplication::translate("ui::CodeView", "Copy"));
}

void CodeView::paint(QPainter& painter, const LeafPaint& paint) {
    painter.save();
    painter.setClipRect(QRectF(0, 0, m_width, m_height), Qt::IntersectClip);
    paintFrame(painter, paint);
    painter.setClipRect(QRectF(1, 0, m_width - 2, m_height), Qt::IntersectClip);
    const size_t first = rowAt(paint.clip.top());
    for (size_t i = first; i < m_rows.size(); ++i) {
        const qreal y = top() + qreal(i) * m_style.codeLineHeight;
        if (y > paint.clip.bottom())
            break;
        Row& row = m_rows[i];
        const TextMarks marks = paint.marks.shifted(row.start, row.length, 0);
        painter.setPen(m_style.palette.text);
        shaped(row)->draw(&painter, {kPad - m_scrollX, y}, markFormats(marks, m_style));
    }
    if (overflow() > 0 && !m_join.below) {
        const qreal track = m_width - 2 * kPad;
        const qreal bar = std::max(24.0, track * m_width / (m_width + overflow()));
        painter.setPen(Qt::NoPen);
        painter.setBrush(blend(m_style.palette.muted, m_style.palette.sunken, 0.5));
        painter.drawRoundedRect(
            QRectF(kPad + m_scrollX * (track - bar) / overflow(), m_height - kBar - 3, bar, kBar),
            2, 2);
    }
    painter.restore();
}

size_t CodeView::rowAt(qreal y) const {
    const qreal row = std::floor((y - top()) / std::max(1.0, m_style.codeLineHeight));
    return size_t(std::clamp(row, 0.0, qreal(m_rows.size()) - 1));
}

int CodeView::offsetAt(const QPointF& point) {
    if (m_rows.empty() || m_width <= 0)
        return 0;
    Row& row = m_rows[rowAt(point.y())];
    const QTextLayout* layout = shaped(row);
    return row.start +
           (layout->lineCount() ? layout->lineAt(0).xToCursor(point.x() - kPad + m_scrollX) : 0);
}

QRectF CodeView::caret(int offset) {
    size_t i = 0;
    while (i + 1 < m_rows.size() && m_rows[i + 1].start <= offset)
        ++i;
    Row& row = m_rows[i];
    const QTextLayout* layout = shaped(row);
    const int at = std::clamp(offset - row.start, 0, row.length);
    const qreal x = layout->lineCount() ? layout->lineAt(0).cursorToX(at) : 0;
    return {kPad - m_scrollX + x, top() + qreal(i) * m_style.codeLineHeight, 1,
            m_style.codeLineHeight};
}

QString CodeView::markdown(int from, int to) const {
    const QString inside = m_text.mid(from, to - from);
    if (from > 0 || to < m_text.size() || m_join.above || m_join.below)
        return inside;
    return QStringLiteral("```") + m_language + u'\n' + inside + QStringLiteral("\n```");
}

void CodeView::adopt(LeafView& old) {
    auto* same = dynamic_cast<CodeView*>(&old);
    if (!same || same->m_language != m_language)
        return;
    m_scrollX = same->m_scrollX;
    const size_t count = std::min(m_rows.size(), same->m_rows.size());
    for (size_t i = 0; i < count; ++i) {
        Row& was = same->m_rows[i];
        Row& now = m_rows[i];
        if (was.start != now.start || was.length != now.length || was.state != now.state ||
            QStringView(m_text).mid(now.start, now.length) !=
                QStringView(same->m_text).mid(was.start, was.length))
            break;
        now.layout = std::move(was.layout);
    }
}

} // namespace ui
