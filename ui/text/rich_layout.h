#pragma once
// One run of rich text shaped by QTextLayout at a fixed line height. Used by paragraphs, headings
// and table cells. No QTextDocument: nothing in the text can name a resource.

#include "ui/text/markdown.h"
#include "ui/text/text_style.h"

#include <memory>
#include <QPainter>
#include <QRectF>
#include <QTextLayout>

namespace ui {

/// What is marked in a piece of text; offsets are local to it.
struct TextMarks {
    int selectionFrom = 0, selectionTo = 0;   // equal: nothing selected
    std::vector<std::pair<int, int>> matches; // start, length
    int currentMatch = -1;                    // start of the match the reader stands on
    int focusedLink = -1;                     // index into the leaf's links

    bool empty() const {
        return selectionFrom == selectionTo && matches.empty() && focusedLink < 0;
    }
    /// These marks as a part that begins `offset` later sees them.
    TextMarks shifted(int offset, int length, int firstLink) const;
};

class RichLayout {
  public:
    struct Look {
        int pixelSize = 0; // 0: the style's body size
        bool strong = false;
        Qt::Alignment alignment = Qt::AlignLeft;
    };

    RichLayout(RichText rich, const Look& look) : m_rich(std::move(rich)), m_look(look) {}

    const RichText& rich() const { return m_rich; }
    bool sameContent(const RichLayout& other) const;

    /// Width the text would like to have on one line a paragraph, px.
    qreal naturalWidth(const TextStyle& style);
    /// Width of the widest word, px; very wide when there is one that no column should follow.
    qreal longestWord() const;
    /// Lays out; returns the height, px. Nothing happens when width and style are as before.
    qreal layout(const TextStyle& style, qreal width);
    qreal height() const { return m_height; }

    void paint(QPainter& painter, const QPointF& origin, const TextStyle& style,
               const TextMarks& marks, const QRectF& clip) const;

    int offsetAt(const QPointF& point) const;
    QRectF caret(int offset) const;
    /// Index into rich().links, -1 beside any link.
    int linkAt(const QPointF& point) const;

  private:
    void shape(const TextStyle& style);
    void paintCodeGround(QPainter& painter, const QPointF& origin, const TextStyle& style) const;
    std::vector<QRectF> linkRects(int link) const;

    RichText m_rich;
    Look m_look;
    std::unique_ptr<QTextLayout> m_layout;
    qreal m_width = -1;
    qreal m_natural = -1;
    qreal m_height = 0;
};

/// Formats for selection and matches, in the order they are drawn.
QList<QTextLayout::FormatRange> markFormats(const TextMarks& marks, const TextStyle& style);

} // namespace ui
