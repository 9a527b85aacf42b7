#pragma once
// One top-level block of a message: parsed on first need, laid out once per width, dropped again
// when it is far from the screen (its height stays known). Offsets count UTF-16 units of text(),
// the visible text of its leaves joined by line feeds.

#include "ui/text/leaf_view.h"
#include "ui/text/markdown_splitter.h"

namespace ui {

/// Something in a block that a click or Enter acts on.
struct BlockTarget {
    int leaf = -1;
    int link = -1; // -1: the copy button
    bool valid() const { return leaf >= 0; }
    bool operator==(const BlockTarget&) const = default;
};

struct BlockPaint {
    const TextStyle& style;
    TextMarks marks; // of text(); focusedLink unused
    QRectF clip;     // block coordinates
    BlockTarget focused, hovered, copied;
};

class MessageBlock {
  public:
    explicit MessageBlock(const SourceBlock& source) : m_source(source) {}

    const SourceBlock& source() const { return m_source; }
    /// The source has changed: what is laid out is kept only to be taken over by the next parse.
    void setSource(const SourceBlock& source);

    bool isParsed() const { return m_parsed; }
    bool isLaidOut() const { return m_laidOut; }
    /// px, estimated until the block has been laid out.
    qreal height() const { return m_height; }

    void estimate(QStringView message, const TextStyle& style, qreal width, qreal gap);
    void parse(QStringView message, const TextStyle& style, int codeState);
    /// `gap`: px above the block. `codeState`: the highlighter's at its start.
    void layout(QStringView message, const TextStyle& style, qreal width, qreal gap, int codeState);
    void invalidateLayout() { m_laidOut = false; }
    void release();
    /// Owner's note: the block is on its list of those that hold a parse.
    bool listed = false;

    void paint(QPainter& painter, const BlockPaint& paint);

    const QString& text() const { return m_text; }
    int offsetAt(const QPointF& point);
    QRectF caret(int offset);
    /// Markdown of [from, to) of text(); the whole block should be copied from its source instead.
    QString markdown(int from, int to) const;

    BlockTarget targetAt(const QPointF& point) const;
    std::vector<BlockTarget> targets() const;
    QString address(const BlockTarget& target) const;
    /// Code of a leaf inside of a list or quote; top-level code is copied from the source.
    QString code(const BlockTarget& target) const;
    QRectF targetRect(const BlockTarget& target) const;

    /// The view under `point` that can move sideways, else nullptr.
    LeafView* scrollableAt(const QPointF& point);
    /// The view of a top-level code block, else nullptr.
    LeafView* codeView();

  private:
    struct Placed {
        std::unique_ptr<LeafView> view;
        std::vector<LeafContainer> containers;
        LeafKind kind;
        QString code;
        int start = 0, length = 0; // in text()
        QPointF origin;            // px in the block
        qreal height = 0;
    };

    std::vector<Leaf> leaves(QStringView message, const TextStyle& style) const;
    static qreal gapAbove(const Placed& placed);
    void paintContainers(QPainter& painter, const Placed& placed, size_t index,
                         const TextStyle& style) const;
    size_t leafAt(const QPointF& point) const;

    SourceBlock m_source;
    std::vector<Placed> m_placed;
    QString m_text;
    qreal m_height = 0;
    bool m_parsed = false;
    bool m_laidOut = false;
    bool m_stale = false; // m_placed is of an older source
};

} // namespace ui
