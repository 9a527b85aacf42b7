#pragma once
// One message on the screen: author line, foldable reasoning, text, error, and room for the action
// row. Coordinates are px from the item's top left corner, in the message column.

#include "ui/chat/transcript_flow.h"
#include "ui/chat/transcript_types.h"

#include <QCoreApplication>
#include <QElapsedTimer>

namespace ui {

enum class Section { Reasoning, Body };

struct ItemStyles {
    TextStyle answer, user, reasoning;
};

/// A place in a message.
struct ItemPosition {
    Section section = Section::Body;
    FlowPosition at;
    auto operator<=>(const ItemPosition&) const = default;
};

struct ItemTarget {
    Section section = Section::Body;
    FlowTarget target;
    bool fold = false; // the header of the reasoning
    bool valid() const { return fold || target.valid(); }
    bool operator==(const ItemTarget&) const = default;
};

struct ItemPaint {
    QRectF clip;
    ItemPosition selectionFrom, selectionTo; // equal: nothing
    QString find;
    ItemPosition currentMatch{Section::Body, {-1, -1}};
    ItemTarget focused, hovered, copied;
    bool current = false; // the keyboard stands on this message
};

/// Stays where it is while heights above it change.
struct ItemAnchor {
    int block = -1; // of the body; -1: dy counts from the item's top
    qreal dy = 0;
};

class TranscriptItem {
    Q_DECLARE_TR_FUNCTIONS(ui::TranscriptItem)

  public:
    enum class Fold { Collapsed, Tail, Open };
    static constexpr int kTailRows = 12;

    TranscriptItem(const TranscriptMessage& message, const ItemStyles& styles, qreal width,
                   bool openReasoning);

    const TranscriptMessage& message() const { return m_message; }
    TranscriptMessage& message() { return m_message; }
    void setStyles(const ItemStyles& styles);
    void setWidth(qreal width);

    void append(const QString& delta, bool reasoning);
    void setReasoningProgress(double seconds, int tokens);
    void finish();
    /// Takes over a message whose texts go on from the ones shown; false when they do not.
    bool replace(const TranscriptMessage& message);
    /// Brings text to blocks; folds the reasoning when it has ended and `collapse` says so.
    bool sync(bool collapse);
    bool reasoningRunning() const { return m_message.running && m_reasoningOpen; }

    Fold fold() const { return m_fold; }
    void toggleFold();
    bool hasReasoning() const { return !m_reasoning.text().isEmpty(); }
    QString reasoningTitle() const;

    qreal height() const;
    qreal actionsTop() const;
    QRectF foldRect() const;
    QRectF reasoningRect() const; // the part that shows
    QRectF bodyRect() const;
    TranscriptFlow& flow(Section section) {
        return section == Section::Body ? m_body : m_reasoning;
    }
    /// Where the flow's own origin lies (above reasoningRect() in a tail window).
    QPointF flowOrigin(Section section) const;
    bool shows(Section section) const;

    bool ensure(qreal from, qreal to);
    void releaseOutside(qreal from, qreal to);
    void paint(QPainter& painter, const ItemPaint& paint);

    ItemPosition positionAt(const QPointF& point);
    ItemPosition begin() const;
    ItemPosition end() const;
    QRectF caret(const ItemPosition& position);
    QString markdown(const ItemPosition& from, const ItemPosition& to);
    ItemTarget targetAt(const QPointF& point);
    std::vector<ItemTarget> targets();
    QRectF targetRect(const ItemTarget& target);

    ItemAnchor anchorAt(qreal y) const;
    qreal anchorY(const ItemAnchor& anchor) const;

  private:
    bool isUser() const { return m_message.role == MessageRole::User; }
    qreal cardPadX() const { return isUser() ? 16 : 0; }
    qreal cardPadY() const { return isUser() ? 12 : 0; }
    qreal reasoningBottom() const;
    qreal errorHeight() const;
    void paintHeader(QPainter& painter, const ItemPaint& paint);
    qreal paintNote(QPainter& painter, const QString& note, qreal x, const QRectF& line);
    void paintReasoning(QPainter& painter, const ItemPaint& paint);
    void paintBody(QPainter& painter, const ItemPaint& paint);
    void paintError(QPainter& painter);
    FlowPaint flowPaint(Section section, const ItemPaint& paint, const QRectF& shown) const;

    TranscriptMessage m_message;
    ItemStyles m_styles;
    qreal m_width = 0;
    TranscriptFlow m_reasoning;
    TranscriptFlow m_body;
    RichLayout m_error;
    qreal m_errorHeight = 0;
    Fold m_fold = Fold::Collapsed;
    bool m_reasoningOpen = false; // reasoning may still grow
    QElapsedTimer m_clock;        // since the first reasoning text; only while running here
};

} // namespace ui
