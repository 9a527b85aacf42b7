#pragma once
// ConversationListController: the list of conversations, their states, search, trash. GUI thread.

#include "app/history/records.h"

#include <QObject>
#include <QStringList>

namespace app {

class ConversationListController : public QObject {
    Q_OBJECT

  public:
    explicit ConversationListController(QObject* parent = nullptr);
    ~ConversationListController() override;

    virtual QList<Conversation> conversations() const = 0; ///< as of the last listChanged
    /// Titles of all chats that answer or wait, also of those that are not in the list.
    virtual QStringList busyTitles() const = 0;

  public slots:
    /// Asks for the list; listChanged follows. Later changes arrive by themselves.
    virtual void refresh() = 0;
    /// Titles and messages, newest first; searchFinished follows. Only the newest query answers.
    virtual void search(const QString& query) = 0;
    virtual void rename(ConversationId conversation, const QString& title) = 0;
    virtual void setPinned(ConversationId conversation, bool pinned) = 0;
    /// Into the trash, where it stays as long as the settings say; `trashed` follows.
    virtual void moveToTrash(ConversationId conversation) = 0;
    /// Back from the trash ("Undo").
    virtual void restore(ConversationId conversation) = 0;
    /// The row was looked at: Done and Failed become Idle.
    virtual void markSeen(ConversationId conversation) = 0;

  signals:
    /// Pinned ones first, then by last change, newest first.
    void listChanged(const QList<app::Conversation>& conversations);
    void conversationChanged(const app::Conversation& conversation);
    void stateChanged(app::ConversationId conversation, app::ConversationState state);
    /// A queued one moved up, or its wait became known.
    void placeChanged(app::ConversationId conversation, const app::QueuePlace& place);
    void searchFinished(const QString& query, const QList<app::SearchHit>& hits);
    /// For the undo toast.
    void trashed(app::ConversationId conversation, const QString& title);
    void failed(const QString& sentence);
};

} // namespace app
