#pragma once
// One leaf of a block on the screen. Offsets count UTF-16 units of text(); points are px from the
// leaf's top left corner. A view belongs to the GUI thread.

#include "ui/text/markdown.h"
#include "ui/text/rich_layout.h"

#include <memory>

namespace ui {

struct LeafPaint {
    const TextStyle& style;
    TextMarks marks;
    QRectF clip;              // the part that shows, leaf coordinates
    bool copied = false;      // the code was just copied: say so
    bool copyFocused = false; // the copy button has the keyboard
    bool copyHovered = false;
};

/// What code needs to know about its neighbours.
struct CodeJoin {
    bool above = false, below = false; // continues, is continued
    int state = 0;                     // highlighter state at its start
    int indent = 0;                    // columns to strip from each line
};

class LeafView {
  public:
    virtual ~LeafView() = default;

    /// Returns the height, px. Cheap when nothing changed.
    virtual qreal layout(const TextStyle& style, qreal width) = 0;
    virtual void paint(QPainter& painter, const LeafPaint& paint) = 0;
    virtual QString text() const = 0;
    virtual int offsetAt(const QPointF& point) = 0;
    virtual QRectF caret(int offset) = 0;
    virtual QString markdown(int from, int to) const = 0;

    virtual QStringList links() const { return {}; }
    virtual int linkAt(const QPointF&) const { return -1; }
    virtual bool copyButtonAt(const QPointF&) const { return false; }
    virtual bool hasCopyButton() const { return false; }
    /// How far the content can be moved sideways, px.
    virtual qreal overflow() const { return 0; }
    /// Takes over what `old`, the same leaf a frame ago, has already laid out.
    virtual void adopt(LeafView& old) { Q_UNUSED(old); }

    qreal scrollX() const { return m_scrollX; }
    void setScrollX(qreal x) { m_scrollX = x; }

  protected:
    qreal m_scrollX = 0;
};

std::unique_ptr<LeafView> makeLeafView(const Leaf& leaf, const TextStyle& style,
                                       const CodeJoin& join);

/// State of the highlighter after `code`, starting from `state`.
int codeStateAfter(const QString& language, QStringView code, int state, int indent);

} // namespace ui
