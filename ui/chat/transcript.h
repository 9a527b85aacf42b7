#pragma once
// The conversation: one scroll area that draws its messages itself. Text that streams in is
// gathered and shown once a frame; only the open block of the answer is parsed and laid out again.
// Nothing in a message can make it open a file or a socket: a click on a link only emits
// linkActivated.
//
// Keyboard: Alt+Up/Down walks messages, Tab the links, copy buttons and folds of one, Enter acts;
// Shift with the arrows selects; Ctrl+C copies Markdown. GUI thread only.

#include "ui/chat/transcript_actions.h"
#include "ui/chat/transcript_item.h"

#include <memory>
#include <QAbstractScrollArea>
#include <QHash>
#include <QTimer>
#include <vector>

class QAbstractButton;
class QLabel;

namespace ui {

/// A place in the transcript.
struct TranscriptPosition {
    int message = -1;
    ItemPosition at;
    auto operator<=>(const TranscriptPosition&) const = default;
};

class Transcript : public QAbstractScrollArea {
    Q_OBJECT

  public:
    static constexpr int kColumnWidth = 760; // px, at most
    static constexpr int kFrameMs = 16;

    explicit Transcript(QWidget* parent = nullptr);
    ~Transcript() override;

    void setTheme(const Palette& palette);
    /// Size of the body text, px; 15 is normal.
    void setTextSize(int pixelSize);
    /// Reasoning folds away when it ends (default), and starts open (default: a window of its
    /// tail).
    void setReasoningView(bool collapseAtEnd, bool startOpen);

    void setMessages(const std::vector<TranscriptMessage>& messages);
    /// A user's message also brings the end into view.
    void appendMessage(const TranscriptMessage& message);
    void appendText(const QString& id, const QString& delta, bool reasoning = false);
    void setReasoningProgress(const QString& id, double seconds, int tokens);
    void setStats(const QString& id, const QString& stats);
    /// Chips beside the author of a message.
    void setNotes(const QString& id, const QStringList& notes);
    void finishMessage(const QString& id, const QString& stats, const QString& error = {});
    /// Replaces the message of the same id; without one it is appended. What goes on from the text
    /// shown moves nothing.
    void replaceMessage(const TranscriptMessage& message);
    /// Removes everything below the message.
    void removeAfter(const QString& id);
    /// Brings a message into view and makes it the current one; unknown ids change nothing.
    void showMessage(const QString& id);

    int messageCount() const { return int(m_items.size()); }
    /// Id of the first message in view; empty without messages.
    QString topMessage() const;
    /// The view follows the end of the answer.
    bool isAttached() const { return m_attached; }

    bool hasSelection() const { return m_selectionAnchor != m_selectionHead; }
    QString selectedMarkdown();
    /// Markdown of a message as it was written, without its reasoning.
    QString messageMarkdown(int index) const;

    /// Marks all matches (letter case ignored) and goes to the first from here; empty: ends.
    void setFind(const QString& text);
    int matchCount() const { return int(m_matches.size()); }

    // For screen readers and tests.
    QString accessibleText(int index);
    QString accessibleAuthor(int index) const;
    QRect messageRect(int index) const; // viewport coordinates
    int currentMessage() const { return m_current; }
    int contentHeight() const;

  public slots:
    void jumpToLatest();
    void copySelection();
    void selectAll();
    void findNext();
    void findPrevious();

  signals:
    void editRequested(const QString& id);
    void regenerateRequested(const QString& id);
    void siblingRequested(const QString& id, int delta);
    void continueRequested(const QString& id);
    void answerNowRequested(const QString& id);
    void timesRequested(const QString& id);
    void linkActivated(const QString& url);
    /// Empty when no link is under the pointer or the keyboard.
    void linkHovered(const QString& url);
    void attachedChanged(bool attached);
    /// `current` from 1, 0: none; `total` may still grow while `searching`.
    void findChanged(int current, int total, bool searching);

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void scrollContentsBy(int dx, int dy) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool focusNextPrevChild(bool next) override;
    bool viewportEvent(QEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    struct Anchor {
        int item = -1;
        ItemAnchor at;
        qreal screenY = 0;
    };
    struct Target {
        int message = -1;
        ItemTarget item;
        bool valid() const { return message >= 0 && item.valid(); }
        bool operator==(const Target&) const = default;
    };

    // transcript.cpp: messages; transcript_layout.cpp: frames, heights, scrolling
    void setUpTimers();
    void addOverlays();
    void act(int index, MessageActions::Action action);
    TranscriptItem* find(const QString& id);
    void rebuildStyles();
    void addItem(const TranscriptMessage& message);
    void markDirty(int index);
    void frame();
    void relayoutAll();
    void settle(bool keepView);
    bool ensureVisible();
    void releaseFar();
    Anchor anchorAtTop() const;
    void setScroll(qreal y);
    void setAttached(bool attached);
    void placeOverlays();
    void placeActions(MessageActions* row, int index);
    void tickClock();
    void toggleFold(int index);
    qreal itemTop(int index) const;
    QPointF columnOrigin(int index) const; // of an item, viewport coordinates
    QRectF column() const;
    int itemAt(qreal contentY) const;
    qreal scrollY() const;

    // transcript_input.cpp: pointer and keyboard
    TranscriptPosition positionAt(const QPointF& viewportPoint);
    Target targetAt(const QPointF& viewportPoint);
    void activate(const Target& target);
    void hover(const QPointF& viewportPoint);
    void showAddress(const Target& target);
    void setCurrent(int index);
    void reveal(const QRectF& contentRect);
    QRectF contentRect(const TranscriptPosition& position);
    void scrollByKey(int key);
    void copyText(const QString& text);

    // transcript_selection.cpp
    std::pair<TranscriptPosition, TranscriptPosition> selection() const;
    bool extendSelection(QKeyEvent* event);
    TranscriptPosition stepped(const TranscriptPosition& from, int delta);
    void selectWord(const TranscriptPosition& at);
    void clearSelection();

    // transcript_find.cpp
    struct FindCursor {
        int message = 0;
        Section section = Section::Reasoning;
        int block = 0;
    };
    void restartFindAt(int message);
    void collectMatches();
    void goToMatch(int index);
    void reportFind();

    std::vector<std::unique_ptr<TranscriptItem>> m_items;
    HeightTree m_heights; // of m_items
    QHash<QString, int> m_index;
    std::vector<int> m_dirty;
    ItemStyles m_styles;
    Palette m_palette;
    int m_textSize = 15;
    bool m_collapseAtEnd = true;
    bool m_startOpen = false;

    QTimer m_frameTimer;
    QTimer m_clockTimer;
    bool m_attached = true;
    bool m_settling = false;
    qreal m_slack = 0;       // px of room below the content, kept so that folding moves nothing
    qreal m_lastContent = 0; // content height when last settled

    TranscriptPosition m_selectionAnchor, m_selectionHead;
    bool m_selecting = false;
    int m_current = -1;
    Target m_focused, m_hovered, m_pressed, m_copied;
    QTimer m_copiedTimer;
    QTimer m_dragTimer;
    QPointF m_dragPoint;
    int m_hoveredMessage = -1;

    QString m_find;
    std::vector<TranscriptPosition> m_matches;
    FindCursor m_findCursor;
    int m_match = -1;
    bool m_findDone = true;
    bool m_findSeek = false; // the first match from m_findFrom on is still to be shown
    TranscriptPosition m_findFrom;
    QTimer m_findTimer;

    MessageActions* m_lastActions = nullptr;
    MessageActions* m_hoverActions = nullptr;
    QAbstractButton* m_pill = nullptr;
    QLabel* m_address = nullptr;
};

} // namespace ui
