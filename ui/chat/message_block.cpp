#include "ui/chat/message_block.h"

#include "ui/text/block_leaves.h"

#include <algorithm>
#include <cmath>
#include <QFontMetricsF>

namespace ui {
namespace {

constexpr qreal kItemIndent = 26, kQuoteIndent = 18; // px
constexpr qreal kParagraphGap = 10, kItemGap = 4;    // px

qreal indentOf(const std::vector<LeafContainer>& containers) {
    qreal x = 0;
    for (const LeafContainer& container : containers)
        x += container.kind == LeafContainer::Quote ? kQuoteIndent : kItemIndent;
    return x;
}

bool startsItem(const std::vector<LeafContainer>& containers) {
    return !containers.empty() && containers.back().kind == LeafContainer::Item &&
           !containers.back().marker.isEmpty();
}

void paintTask(QPainter& painter, const QRectF& line, bool done, const TextStyle& style) {
    const qreal side = std::round(style.body.pixelSize() * 0.93);
    const QRectF box(line.left() + 4.5, std::round(line.center().y() - side / 2) + 0.5, side, side);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(done ? style.palette.accent : style.palette.muted, 1.5));
    painter.setBrush(done ? QBrush(style.palette.accent) : QBrush(Qt::NoBrush));
    painter.drawRoundedRect(box, 3, 3);
    if (!done)
        return;
    painter.setPen(QPen(style.palette.onAccent, 2, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(QPolygonF{{box.left() + side * 0.22, box.top() + side * 0.52},
                                   {box.left() + side * 0.42, box.top() + side * 0.72},
                                   {box.left() + side * 0.78, box.top() + side * 0.30}});
}

} // namespace

void MessageBlock::setSource(const SourceBlock& source) {
    m_source = source;
    m_stale = true;
    m_parsed = m_laidOut = false;
}

void MessageBlock::release() {
    m_placed.clear();
    m_text.clear();
    m_parsed = false;
    m_laidOut = false;
    listed = false;
}

std::vector<Leaf> MessageBlock::leaves(QStringView message, const TextStyle& style) const {
    return leavesOf(m_source, message, style.hardBreaks);
}

void MessageBlock::parse(QStringView message, const TextStyle& style, int codeState) {
    if (m_parsed)
        return;
    std::vector<Placed> old;
    old.swap(m_placed);
    const CodeJoin join{m_source.kind == BlockKind::Code && m_source.continues,
                        m_source.kind == BlockKind::Code && m_source.joined, codeState,
                        m_source.fenceIndent};
    m_text.clear();
    for (Leaf& leaf : leaves(message, style)) {
        Placed placed;
        placed.view = makeLeafView(leaf, style, join);
        placed.containers = std::move(leaf.containers);
        placed.kind = leaf.kind;
        placed.code = std::move(leaf.code);
        if (!m_placed.empty())
            m_text += u'\n';
        placed.start = int(m_text.size());
        const QString visible = placed.view->text();
        placed.length = int(visible.size());
        m_text += visible;
        if (m_placed.size() < old.size())
            placed.view->adopt(*old[m_placed.size()].view);
        m_placed.push_back(std::move(placed));
    }
    m_parsed = true;
    m_stale = false;
    m_laidOut = false;
}

void MessageBlock::estimate(QStringView message, const TextStyle& style, qreal width, qreal gap) {
    if (m_source.kind == BlockKind::Code) {
        // Exact but for rows longer than anyone writes.
        const QStringView code =
            message.mid(m_source.codeBegin, m_source.codeEnd - m_source.codeBegin);
        const qsizetype rows = std::max<qsizetype>(1, code.count(u'\n'));
        m_height = gap + qreal(rows) * style.codeLineHeight + (m_source.continues ? 0 : 32) +
                   (m_source.joined ? 0 : 12);
        return;
    }
    const qreal characters = qreal(m_source.end - m_source.begin);
    const bool wide =
        m_source.begin < message.size() && message[m_source.begin].unicode() >= 0x2E80;
    const qreal perLine = std::max(1.0, width / (style.body.pixelSize() * (wide ? 1.0 : 0.49)));
    m_height = gap + style.lineHeight * std::ceil(std::max(1.0, characters / perLine));
}

qreal MessageBlock::gapAbove(const Placed& placed) {
    if (startsItem(placed.containers))
        return kItemGap;
    return placed.kind == LeafKind::Heading ? 2 * kItemGap + kParagraphGap : kParagraphGap;
}

void MessageBlock::layout(QStringView message, const TextStyle& style, qreal width, qreal gap,
                          int codeState) {
    parse(message, style, codeState);
    qreal y = gap;
    for (size_t i = 0; i < m_placed.size(); ++i) {
        Placed& placed = m_placed[i];
        if (i > 0)
            y += gapAbove(placed);
        const qreal x = indentOf(placed.containers);
        placed.origin = {x, y};
        placed.height = placed.view->layout(style, std::max(120.0, width - x));
        y += placed.height;
    }
    m_height = std::ceil(y);
    m_laidOut = true;
}

void MessageBlock::paintContainers(QPainter& painter, const Placed& placed, size_t index,
                                   const TextStyle& style) const {
    qreal x = 0;
    for (const LeafContainer& container : placed.containers) {
        if (container.kind == LeafContainer::Quote) {
            // The bar spans the gap to the leaf below when that one is quoted as well.
            const bool goesOn = index + 1 < m_placed.size() &&
                                !m_placed[index + 1].containers.empty() &&
                                m_placed[index + 1].origin.x() > x;
            const qreal bottom =
                goesOn ? m_placed[index + 1].origin.y() : placed.origin.y() + placed.height;
            painter.fillRect(QRectF(x, placed.origin.y(), 3, bottom - placed.origin.y()),
                             style.palette.border);
            x += kQuoteIndent;
            continue;
        }
        const QRectF line(x, placed.origin.y(), kItemIndent - 8, style.lineHeight);
        if (container.task >= 0) {
            paintTask(painter, line, container.task == 1, style);
        } else if (!container.marker.isEmpty()) {
            painter.setPen(style.palette.muted);
            painter.setFont(style.body);
            painter.drawText(line.adjusted(-40, 0, 0, 0),
                             Qt::AlignRight | Qt::AlignVCenter | Qt::TextSingleLine |
                                 Qt::TextDontClip,
                             container.marker);
        }
        x += kItemIndent;
    }
}

void MessageBlock::paint(QPainter& painter, const BlockPaint& paint) {
    for (size_t i = 0; i < m_placed.size(); ++i) {
        Placed& placed = m_placed[i];
        if (placed.origin.y() > paint.clip.bottom() ||
            placed.origin.y() + placed.height < paint.clip.top())
            continue;
        paintContainers(painter, placed, i, paint.style);
        LeafPaint leaf{paint.style, paint.marks.shifted(placed.start, placed.length, 0),
                       paint.clip.translated(-placed.origin)};
        const auto isCopy = [&](const BlockTarget& t) { return t.leaf == int(i) && t.link < 0; };
        leaf.copied = isCopy(paint.copied);
        leaf.copyHovered = isCopy(paint.hovered);
        leaf.copyFocused = isCopy(paint.focused);
        leaf.marks.focusedLink = paint.focused.leaf == int(i) ? paint.focused.link : -1;
        painter.save();
        painter.translate(placed.origin);
        placed.view->paint(painter, leaf);
        painter.restore();
    }
}

size_t MessageBlock::leafAt(const QPointF& point) const {
    for (size_t i = 0; i + 1 < m_placed.size(); ++i)
        if (point.y() < m_placed[i + 1].origin.y())
            return i;
    return m_placed.empty() ? 0 : m_placed.size() - 1;
}

int MessageBlock::offsetAt(const QPointF& point) {
    if (m_placed.empty())
        return 0;
    Placed& placed = m_placed[leafAt(point)];
    return placed.start + placed.view->offsetAt(point - placed.origin);
}

QRectF MessageBlock::caret(int offset) {
    for (size_t i = m_placed.size(); i-- > 0;)
        if (m_placed[i].start <= offset)
            return m_placed[i]
                .view->caret(std::min(offset - m_placed[i].start, m_placed[i].length))
                .translated(m_placed[i].origin);
    return {0, 0, 1, m_height};
}

QString MessageBlock::markdown(int from, int to) const {
    QString out;
    for (const Placed& placed : m_placed) {
        const int a = std::clamp(from - placed.start, 0, placed.length);
        const int b = std::clamp(to - placed.start, 0, placed.length);
        if (a >= b && !(placed.length == 0 && placed.start >= from && placed.start < to))
            continue;
        QString prefix;
        for (const LeafContainer& container : placed.containers) {
            if (container.kind == LeafContainer::Quote)
                prefix += QStringLiteral("> ");
            else if (a > 0 || container.marker.isEmpty())
                prefix += QStringLiteral("  ");
            else if (container.marker.endsWith(u'.'))
                prefix += container.marker + u' ';
            else
                prefix += QStringLiteral("- ");
            if (container.task >= 0 && a == 0)
                prefix += container.task == 1 ? QStringLiteral("[x] ") : QStringLiteral("[ ] ");
        }
        if (!out.isEmpty())
            out += startsItem(placed.containers) ? QStringLiteral("\n") : QStringLiteral("\n\n");
        // A selection inside one leaf needs no marker of its surroundings.
        if (out.isEmpty() && from > placed.start)
            prefix.clear();
        out += prefix + placed.view->markdown(a, b);
    }
    return out;
}

BlockTarget MessageBlock::targetAt(const QPointF& point) const {
    if (m_placed.empty() || !m_laidOut)
        return {};
    const size_t index = leafAt(point);
    const Placed& placed = m_placed[index];
    const QPointF local = point - placed.origin;
    if (placed.view->copyButtonAt(local))
        return {int(index), -1};
    const int link = placed.view->linkAt(local);
    return link >= 0 ? BlockTarget{int(index), link} : BlockTarget{};
}

std::vector<BlockTarget> MessageBlock::targets() const {
    std::vector<BlockTarget> all;
    for (size_t i = 0; i < m_placed.size(); ++i) {
        if (m_placed[i].view->hasCopyButton())
            all.push_back({int(i), -1});
        const int count = int(m_placed[i].view->links().size());
        for (int link = 0; link < count; ++link)
            all.push_back({int(i), link});
    }
    return all;
}

QString MessageBlock::address(const BlockTarget& target) const {
    if (target.link < 0 || target.leaf < 0 || target.leaf >= int(m_placed.size()))
        return {};
    return m_placed[size_t(target.leaf)].view->links().value(target.link);
}

QString MessageBlock::code(const BlockTarget& target) const {
    return target.leaf >= 0 && target.leaf < int(m_placed.size())
               ? m_placed[size_t(target.leaf)].code
               : QString();
}

QRectF MessageBlock::targetRect(const BlockTarget& target) const {
    if (target.leaf < 0 || target.leaf >= int(m_placed.size()))
        return {};
    const Placed& placed = m_placed[size_t(target.leaf)];
    return {placed.origin.x(), placed.origin.y(), 1, std::min(placed.height, 200.0)};
}

LeafView* MessageBlock::scrollableAt(const QPointF& point) {
    if (m_placed.empty() || !m_laidOut)
        return nullptr;
    LeafView* view = m_placed[leafAt(point)].view.get();
    return view->overflow() > 0 ? view : nullptr;
}

LeafView* MessageBlock::codeView() {
    return m_source.kind == BlockKind::Code && !m_placed.empty() ? m_placed[0].view.get() : nullptr;
}

} // namespace ui
