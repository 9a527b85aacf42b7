#include "app/session/chat_sessions.h"

namespace app {

ChatSessions::ChatSessions(History& history, EngineHost& host, Settings& settings, QObject* parent)
    : QObject(parent), m_history(history), m_host(host), m_settings(settings) {}

ChatSession* ChatSessions::find(ConversationId conversation) const {
    for (auto it = m_views.keyBegin(); it != m_views.keyEnd(); ++it)
        if (conversation != 0 && (*it)->id() == conversation)
            return *it;
    return nullptr;
}

ChatSession* ChatSessions::take(ConversationId conversation) {
    sweep();
    if (ChatSession* open = find(conversation)) {
        ++m_views[open];
        return open;
    }
    auto* session = new ChatSession(m_history, m_host, m_settings, this);
    session->setDefaults(m_defaults);
    session->setCache(m_cache);
    connect(session, &ChatSession::stateChanged, this, &ChatSessions::stateChanged);
    connect(session, &ChatSession::placeChanged, this, &ChatSessions::placeChanged);
    connect(session, &ChatSession::stored, this, &ChatSessions::stored);
    m_views.insert(session, 1);
    return session;
}

void ChatSessions::release(ChatSession* session) {
    if (const auto it = m_views.find(session); it != m_views.end() && *it > 0)
        --*it;
    sweep();
}

void ChatSessions::sweep() {
    for (auto it = m_views.begin(); it != m_views.end();) {
        if (*it == 0 && it.key()->isSettled()) {
            it.key()->deleteLater();
            it = m_views.erase(it);
        } else {
            ++it;
        }
    }
}

void ChatSessions::startChat(const QString& text, const Started& started) {
    ChatSession* session = take(0);
    auto* once = new QObject(session);
    const auto settle = [this, session, once, started](ConversationId id, const QString& refused) {
        session->disconnect(once);
        once->deleteLater();
        started(id, refused); // may show it, which keeps it
        release(session);
    };
    connect(session, &ChatSession::stored, once, [settle](ConversationId id) { settle(id, {}); });
    connect(session, &ChatSession::failed, once,
            [settle](const QString& sentence) { settle(0, sentence); });
    session->send(text);
}

QString ChatSessions::titleOf(EngineHost::ReplyId reply) const {
    for (auto it = m_views.keyBegin(); it != m_views.keyEnd(); ++it)
        if (reply != 0 && (*it)->reply() == reply)
            return (*it)->conversation().title;
    return {};
}

QStringList ChatSessions::busyTitles() const {
    QStringList titles;
    for (auto it = m_views.keyBegin(); it != m_views.keyEnd(); ++it)
        if ((*it)->isBusy())
            titles.append((*it)->conversation().title);
    titles.sort();
    return titles;
}

void ChatSessions::measureContexts() {
    for (auto it = m_views.keyBegin(); it != m_views.keyEnd(); ++it)
        (*it)->measureContext();
}

} // namespace app
