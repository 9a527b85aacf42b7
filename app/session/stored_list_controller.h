#pragma once
// StoredListController: the ConversationListController of the program, over History and the states
// of the running sessions.

#include "app/session/chat_sessions.h"
#include "app/session/conversation_list_controller.h"

namespace app {

class StoredListController : public ConversationListController {
    Q_OBJECT

  public:
    StoredListController(History& history, ChatSessions& sessions, QObject* parent = nullptr);

    QList<Conversation> conversations() const override { return m_list; }
    QStringList busyTitles() const override { return m_sessions.busyTitles(); }

    void refresh() override;
    void search(const QString& query) override;
    void rename(ConversationId conversation, const QString& title) override;
    void setPinned(ConversationId conversation, bool pinned) override;
    void moveToTrash(ConversationId conversation) override;
    void restore(ConversationId conversation) override;
    void markSeen(ConversationId conversation) override;

  private:
    /// Stores a change of the list, then shows the list anew.
    void change(History::Change change, std::function<void()> then = {});
    void setState(ConversationId conversation, ConversationState state);
    void setPlace(ConversationId conversation, const QueuePlace& place);

    static constexpr int kMostHits = 50;

    History& m_history;
    ChatSessions& m_sessions;
    QList<Conversation> m_list;
    QHash<ConversationId, ConversationState> m_states; // those that are not Idle
    QHash<ConversationId, QueuePlace> m_places;        // of those that are queued
    quint64 m_search = 0;                              // number of the newest query
};

} // namespace app
