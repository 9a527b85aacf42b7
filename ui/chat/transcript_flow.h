#pragma once
// A growing Markdown text as a column of blocks: the answer of a message, or its reasoning. Only
// blocks near the visible range are parsed and laid out; the rest count with estimated heights.

#include "ui/chat/message_block.h"
#include "ui/chat/transcript_heights.h"

#include <compare>

namespace ui {

/// A place in a flow.
struct FlowPosition {
    int block = 0;
    int offset = 0; // UTF-16 units of the block's visible text
    auto operator<=>(const FlowPosition&) const = default;
};

struct FlowTarget {
    int block = -1;
    BlockTarget target;
    bool valid() const { return block >= 0 && target.valid(); }
    bool operator==(const FlowTarget&) const = default;
};

struct FlowPaint {
    QRectF clip; // flow coordinates
    FlowPosition selectionFrom, selectionTo;
    QString find; // matches of this are marked; may be empty
    FlowPosition currentMatch{-1, -1};
    FlowTarget focused, hovered, copied;
};

class TranscriptFlow {
  public:
    void setStyle(const TextStyle& style);
    const TextStyle& style() const { return m_style; }
    void setWidth(qreal width);

    const QString& text() const { return m_source; }
    void setText(const QString& text);
    void append(QStringView text) { m_source += text; }
    /// Brings the blocks up to date with the text. True when something changed.
    bool sync();

    size_t blockCount() const { return m_blocks.size(); }
    qreal height() const { return m_heights.total(); }
    qreal blockTop(size_t index) const { return m_heights.prefix(index); }
    size_t blockAt(qreal y) const { return m_heights.at(y); }
    bool isLaidOut(size_t index) const { return m_blocks[index].isLaidOut(); }

    /// Lays out the blocks in [from, to), px. True when a height changed.
    bool ensure(qreal from, qreal to);
    /// Drops layouts outside of [from, to) when many are held.
    void releaseOutside(qreal from, qreal to);

    void paint(QPainter& painter, const FlowPaint& paint);

    FlowPosition positionAt(const QPointF& point);
    FlowPosition end() const;
    /// Lays the block out when it is not.
    QRectF caret(const FlowPosition& position);
    /// Visible text of a block; parses it when needed.
    const QString& blockText(size_t index);
    QString markdown(const FlowPosition& from, const FlowPosition& to);
    /// Plain visible text, for screen readers.
    QString visibleText();

    FlowTarget targetAt(const QPointF& point);
    std::vector<FlowTarget> targets();
    QString address(const FlowTarget& target) const;
    QString code(const FlowTarget& target) const;
    QRectF targetRect(const FlowTarget& target);
    /// Moves wide code or a wide table under `point` sideways. False when nothing there can move.
    bool scrollSideways(const QPointF& point, qreal delta);

  private:
    qreal gapAbove(size_t index) const;
    int codeStateAt(size_t index);
    void list(size_t index);
    void layoutBlock(size_t index);
    std::pair<size_t, size_t> joinedRange(size_t index) const;
    int bound(int block) const { return std::clamp(block, 0, int(m_blocks.size()) - 1); }

    TextStyle m_style;
    QString m_source;
    qsizetype m_synced = 0; // length of the text the blocks stand for
    qreal m_width = 0;
    std::vector<SourceBlock> m_sources;
    std::vector<MessageBlock> m_blocks;
    std::vector<int> m_codeStates; // at the start of each block; -1: not yet known
    std::vector<size_t> m_live;    // blocks that hold a parse
    HeightTree m_heights;
};

} // namespace ui
