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
    connect(session, &ChatSession::stateChanged, this, &ChatSessions::stateChanged);
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

bool ChatSessions::anyBusy() const {
    return std::any_of(m_views.keyBegin(), m_views.keyEnd(),
                       [](const ChatSession* session) { return session->isBusy(); });
}

void ChatSessions::measureContexts() {
    for (auto it = m_views.keyBegin(); it != m_views.keyEnd(); ++it)
        (*it)->measureContext();
}

} // namespace app
