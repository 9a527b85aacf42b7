#pragma once
// ChatSessions: the conversations that are open or running, one session each, however many views
// show them. GUI thread.

#include "app/session/chat_session.h"

#include <functional>
#include <QHash>
#include <QStringList>

namespace app {

class ChatSessions : public QObject {
    Q_OBJECT

  public:
    ChatSessions(History& history, EngineHost& host, Settings& settings, QObject* parent = nullptr);

    /// Where answers may be given again from; of sessions that are taken from now on.
    void setCache(AnswerCache* cache) { m_cache = cache; }

    /// A view takes the session of a conversation, or a new empty one for 0.
    ChatSession* take(ConversationId conversation);
    /// The view looks elsewhere. A session that nobody shows goes when it is settled.
    void release(ChatSession* session);
    /// The session of a conversation, or null.
    ChatSession* find(ConversationId conversation) const;

    /// A new chat that begins with `text` and that no view shows yet. `started` is called once:
    /// with the conversation when the message is committed, or with 0 and a sentence.
    using Started = std::function<void(ConversationId, const QString& refused)>;
    void startChat(const QString& text, const Started& started);

    /// The title of the chat that a reply belongs to; empty: of none that is open.
    QString titleOf(EngineHost::ReplyId reply) const;

    /// What chats with a model begin with; for sessions that are taken from now on.
    void setDefaults(ModelDefaultsOf defaults) { m_defaults = std::move(defaults); }

    /// Titles of the chats whose answers run or wait for the engine.
    QStringList busyTitles() const;
    /// Every context is measured again: the model has changed.
    void measureContexts();

  signals:
    void stateChanged(app::ConversationId conversation, app::ConversationState state);
    void placeChanged(app::ConversationId conversation, const app::QueuePlace& place);
    void stored(app::ConversationId conversation);

  private:
    void sweep();

    History& m_history;
    EngineHost& m_host;
    Settings& m_settings;
    ModelDefaultsOf m_defaults;
    AnswerCache* m_cache = nullptr;
    QHash<ChatSession*, int> m_views; // how many show it
};

} // namespace app
