#include "ui/chat/transcript_flow.h"

#include <algorithm>

namespace ui {
namespace {

constexpr size_t kMaxLive = 300; // blocks that may hold a layout before far ones are dropped

} // namespace

void TranscriptFlow::setStyle(const TextStyle& style) {
    m_style = style;
    for (const size_t index : m_live)
        m_blocks[index].release(); // colours and fonts are part of a layout
    m_live.clear();
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        m_blocks[i].invalidateLayout();
        m_blocks[i].estimate(m_source, m_style, m_width, gapAbove(i));
        m_heights.set(i, m_blocks[i].height());
    }
}

void TranscriptFlow::setWidth(qreal width) {
    if (m_width == width)
        return;
    m_width = width;
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        m_blocks[i].invalidateLayout();
        m_blocks[i].estimate(m_source, m_style, m_width, gapAbove(i));
        m_heights.set(i, m_blocks[i].height());
    }
}

void TranscriptFlow::setText(const QString& text) {
    m_source = text;
    m_synced = 0;
    m_sources.clear();
    m_blocks.clear();
    m_codeStates.clear();
    m_live.clear();
    m_heights.clear();
    sync();
}

bool TranscriptFlow::sync() {
    if (m_synced == m_source.size())
        return false;
    m_synced = m_source.size();
    const size_t first = splitMarkdown(m_source, m_sources);
    if (m_blocks.size() > m_sources.size()) {
        std::erase_if(m_live, [&](size_t index) { return index >= m_sources.size(); });
        m_blocks.erase(m_blocks.begin() + long(m_sources.size()), m_blocks.end());
        m_heights.truncate(m_sources.size());
    }
    m_codeStates.resize(m_sources.size(), -1);
    for (size_t i = first; i < m_sources.size(); ++i) {
        const bool added = i >= m_blocks.size();
        if (added) {
            m_blocks.emplace_back(m_sources[i]);
            m_heights.append(0);
        } else if (m_blocks[i].source() == m_sources[i]) {
            continue;
        } else {
            m_blocks[i].setSource(m_sources[i]);
        }
        m_codeStates[i] = -1;
        m_blocks[i].estimate(m_source, m_style, m_width, gapAbove(i));
        m_heights.set(i, m_blocks[i].height());
    }
    return true;
}

qreal TranscriptFlow::gapAbove(size_t index) const {
    const SourceBlock& block = m_sources[index];
    if (index == 0 || block.continues)
        return 0;
    const BlockKind above = m_sources[index - 1].kind;
    if (block.kind == BlockKind::Item && above == BlockKind::Item)
        return (block.ordinal >= 0) == (m_sources[index - 1].ordinal >= 0) ? 4 : 12;
    if (block.kind == BlockKind::Heading)
        return 20;
    if (above == BlockKind::Heading)
        return 8;
    return block.kind == BlockKind::Item && above == BlockKind::Paragraph ? 8 : 12;
}

int TranscriptFlow::codeStateAt(size_t index) {
    if (m_sources[index].kind != BlockKind::Code || !m_sources[index].continues)
        return 0;
    size_t known = index;
    while (m_codeStates[known] < 0 && m_sources[known].continues)
        --known;
    int state = std::max(0, m_codeStates[known]);
    for (size_t i = known; i < index; ++i) {
        const SourceBlock& block = m_sources[i];
        QStringView code =
            QStringView(m_source).mid(block.codeBegin, block.codeEnd - block.codeBegin);
        if (code.endsWith(u'\n'))
            code.chop(1);
        state = codeStateAfter(block.language, code, state, block.fenceIndent);
        m_codeStates[i + 1] = state;
    }
    return state;
}

void TranscriptFlow::list(size_t index) {
    if (!m_blocks[index].listed)
        m_live.push_back(index);
    m_blocks[index].listed = true;
}

void TranscriptFlow::layoutBlock(size_t index) {
    MessageBlock& block = m_blocks[index];
    if (block.isLaidOut())
        return;
    list(index);
    block.layout(m_source, m_style, m_width, gapAbove(index), codeStateAt(index));
    m_heights.set(index, block.height());
}

bool TranscriptFlow::ensure(qreal from, qreal to) {
    if (m_blocks.empty() || to <= 0 || from >= height())
        return false;
    bool changed = false;
    const size_t first = m_heights.at(std::max(0.0, from));
    for (size_t i = first; i < m_blocks.size() && m_heights.prefix(i) < to; ++i) {
        if (m_blocks[i].isLaidOut())
            continue;
        const qreal before = m_blocks[i].height();
        layoutBlock(i);
        changed |= m_blocks[i].height() != before;
    }
    return changed;
}

void TranscriptFlow::releaseOutside(qreal from, qreal to) {
    if (m_live.size() < kMaxLive)
        return;
    std::erase_if(m_live, [&](size_t index) {
        const qreal top = m_heights.prefix(index);
        if (top + m_heights.height(index) >= from && top <= to)
            return false;
        m_blocks[index].release();
        return true;
    });
}

void TranscriptFlow::paint(QPainter& painter, const FlowPaint& paint) {
    if (m_blocks.empty())
        return;
    for (size_t i = blockAt(std::max(0.0, paint.clip.top()));
         i < m_blocks.size() && blockTop(i) < paint.clip.bottom(); ++i) {
        if (!m_blocks[i].isLaidOut())
            layoutBlock(i);
        const QPointF origin(0, blockTop(i));
        BlockPaint block{m_style, {}, paint.clip.translated(-origin)};
        const int length = int(m_blocks[i].text().size());
        const int at = int(i);
        if (paint.selectionFrom.block <= at && at <= paint.selectionTo.block &&
            paint.selectionFrom < paint.selectionTo) {
            block.marks.selectionFrom =
                paint.selectionFrom.block == at ? paint.selectionFrom.offset : 0;
            block.marks.selectionTo =
                paint.selectionTo.block == at ? std::min(length, paint.selectionTo.offset) : length;
        }
        if (!paint.find.isEmpty()) {
            const QString& text = m_blocks[i].text();
            for (qsizetype hit = text.indexOf(paint.find, 0, Qt::CaseInsensitive); hit >= 0;
                 hit = text.indexOf(paint.find, hit + paint.find.size(), Qt::CaseInsensitive))
                block.marks.matches.emplace_back(int(hit), int(paint.find.size()));
            if (paint.currentMatch.block == at)
                block.marks.currentMatch = paint.currentMatch.offset;
        }
        const auto here = [&](const FlowTarget& t) {
            return t.block == at ? t.target : BlockTarget{};
        };
        block.focused = here(paint.focused);
        block.hovered = here(paint.hovered);
        block.copied = here(paint.copied);
        painter.save();
        painter.translate(origin);
        m_blocks[i].paint(painter, block);
        painter.restore();
    }
}

FlowPosition TranscriptFlow::positionAt(const QPointF& point) {
    if (m_blocks.empty())
        return {};
    const size_t index = blockAt(point.y());
    layoutBlock(index);
    return {int(index), m_blocks[index].offsetAt(point - QPointF(0, blockTop(index)))};
}

FlowPosition TranscriptFlow::end() const {
    return m_blocks.empty() ? FlowPosition{} : FlowPosition{int(m_blocks.size()) - 1, INT_MAX};
}

QRectF TranscriptFlow::caret(const FlowPosition& position) {
    if (m_blocks.empty())
        return {};
    const size_t index = size_t(bound(position.block));
    layoutBlock(index);
    return m_blocks[index].caret(position.offset).translated(0, blockTop(index));
}

const QString& TranscriptFlow::blockText(size_t index) {
    MessageBlock& block = m_blocks[index];
    if (!block.isParsed()) {
        list(index);
        block.parse(m_source, m_style, codeStateAt(index));
    }
    return block.text();
}

QString TranscriptFlow::markdown(const FlowPosition& from, const FlowPosition& to) {
    QString out;
    for (int i = std::max(0, from.block); i <= to.block && i < int(m_blocks.size()); ++i) {
        const SourceBlock& source = m_sources[size_t(i)];
        const int start = i == from.block ? from.offset : 0;
        int length = 0;
        int stop = INT_MAX;
        if (start > 0 || i == to.block) {
            length = int(blockText(size_t(i)).size());
            stop = i == to.block ? std::min(to.offset, length) : length;
        }
        const bool whole = start == 0 && (i < to.block || stop >= length);
        // A whole block is the source itself, to the letter.
        if (whole)
            out += QStringView(m_source).mid(source.begin, source.end - source.begin);
        else if (start < stop)
            out += m_blocks[size_t(i)].markdown(start, stop) + QString(i < to.block ? 2 : 0, u'\n');
    }
    while (out.endsWith(u'\n'))
        out.chop(1);
    return out;
}

QString TranscriptFlow::visibleText() {
    QString out;
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        if (i > 0)
            out += u'\n';
        out += blockText(i);
    }
    return out.replace(QChar(QChar::LineSeparator), u'\n');
}

FlowTarget TranscriptFlow::targetAt(const QPointF& point) {
    if (m_blocks.empty() || point.y() < 0 || point.y() >= height())
        return {};
    const size_t index = blockAt(point.y());
    const BlockTarget target = m_blocks[index].targetAt(point - QPointF(0, blockTop(index)));
    return target.valid() ? FlowTarget{int(index), target} : FlowTarget{};
}

std::vector<FlowTarget> TranscriptFlow::targets() {
    std::vector<FlowTarget> all;
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        blockText(i);
        for (const BlockTarget& target : m_blocks[i].targets())
            all.push_back({int(i), target});
    }
    return all;
}

QString TranscriptFlow::address(const FlowTarget& target) const {
    return target.valid() && target.block < int(m_blocks.size())
               ? m_blocks[size_t(target.block)].address(target.target)
               : QString();
}

QString TranscriptFlow::code(const FlowTarget& target) const {
    if (!target.valid() || target.block >= int(m_blocks.size()))
        return {};
    if (m_sources[size_t(target.block)].kind != BlockKind::Code)
        return m_blocks[size_t(target.block)].code(target.target);
    const auto [first, last] = joinedRange(size_t(target.block));
    const qsizetype begin = m_sources[first].codeBegin;
    QString code = m_source.mid(begin, m_sources[last].codeEnd - begin);
    if (code.endsWith(u'\n'))
        code.chop(1);
    return code;
}

QRectF TranscriptFlow::targetRect(const FlowTarget& target) {
    if (!target.valid() || target.block >= int(m_blocks.size()))
        return {};
    layoutBlock(size_t(target.block));
    return m_blocks[size_t(target.block)]
        .targetRect(target.target)
        .translated(0, blockTop(size_t(target.block)));
}

std::pair<size_t, size_t> TranscriptFlow::joinedRange(size_t index) const {
    size_t first = index;
    while (first > 0 && m_sources[first].continues)
        --first;
    size_t last = index;
    while (last + 1 < m_sources.size() && m_sources[last + 1].continues)
        ++last;
    return {first, last};
}

bool TranscriptFlow::scrollSideways(const QPointF& point, qreal delta) {
    if (m_blocks.empty() || point.y() < 0 || point.y() >= height())
        return false;
    const size_t index = blockAt(point.y());
    LeafView* under = m_blocks[index].scrollableAt(point - QPointF(0, blockTop(index)));
    // Long code is several blocks that move as one.
    if (m_sources[index].kind != BlockKind::Code) {
        if (under)
            under->setScrollX(std::clamp(under->scrollX() + delta, 0.0, under->overflow()));
        return under != nullptr;
    }
    const auto [first, last] = joinedRange(index);
    qreal overflow = 0;
    qreal at = 0;
    for (size_t i = first; i <= last; ++i)
        if (LeafView* view = m_blocks[i].codeView()) {
            overflow = std::max(overflow, view->overflow());
            at = std::max(at, view->scrollX());
        }
    if (overflow <= 0)
        return false;
    for (size_t i = first; i <= last; ++i)
        if (LeafView* view = m_blocks[i].codeView())
            view->setScrollX(std::clamp(at + delta, 0.0, overflow));
    return true;
}

} // namespace ui
