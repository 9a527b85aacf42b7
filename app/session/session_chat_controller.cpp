#include "app/session/session_chat_controller.h"

namespace app {

SessionChatController::SessionChatController(ChatSessions& sessions, QObject* parent)
    : ChatController(parent), m_sessions(&sessions) {
    show(sessions.take(0));
}

SessionChatController::~SessionChatController() {
    show(nullptr);
}

void SessionChatController::show(ChatSession* session) {
    if (m_session) {
        m_session->disconnect(this);
        if (m_sessions)
            m_sessions->release(m_session);
    }
    m_session = session;
    if (session == nullptr)
        return;
    connect(session, &ChatSession::opened, this, &ChatController::conversationOpened);
    connect(session, &ChatSession::messagesLoaded, this, &ChatController::messagesLoaded);
    connect(session, &ChatSession::messageAdded, this, &ChatController::messageAdded);
    connect(session, &ChatSession::messageGrew, this, &ChatController::messageGrew);
    connect(session, &ChatSession::messageFinished, this, &ChatController::messageFinished);
    connect(session, &ChatSession::progressChanged, this, &ChatController::progressChanged);
    connect(session, &ChatSession::contextChanged, this, &ChatController::contextChanged);
    connect(session, &ChatSession::failed, this, &ChatController::failed);
    connect(session, &ChatSession::overflowChanged, this, &ChatController::overflowChanged);
    emit overflowChanged(session->overflow());
}

OverflowChoice SessionChatController::overflow() const {
    return m_session ? m_session->overflow() : OverflowChoice::Stop;
}

void SessionChatController::setOverflow(OverflowChoice overflow) {
    if (m_session)
        m_session->setOverflow(overflow);
}

void SessionChatController::openConversation(ConversationId conversation) {
    if (!m_sessions || (conversation != 0 && conversationId() == conversation))
        return;
    ChatSession* session = m_sessions->take(conversation);
    const bool isOpen = session->id() == conversation;
    show(session);
    if (!isOpen) {
        session->load(conversation);
        return;
    }
    // Another view has it, or it still runs: what it holds is newer than the database.
    emit conversationOpened(session->conversation());
    emit messagesLoaded(session->branch());
    emit progressChanged(session->progress());
    session->measureContext();
}

void SessionChatController::newConversation() {
    if (!m_sessions)
        return;
    if (m_session && m_session->id() == 0 && !m_session->isBusy())
        return; // it is new already
    show(m_sessions->take(0));
    emit conversationOpened({});
    emit messagesLoaded({});
    emit progressChanged({});
    m_session->measureContext();
}

ConversationId SessionChatController::conversationId() const {
    return m_session ? m_session->id() : 0;
}

QList<Message> SessionChatController::messages() const {
    return m_session ? m_session->branch() : QList<Message>();
}

GenerationProgress SessionChatController::progress() const {
    return m_session ? m_session->progress() : GenerationProgress();
}

void SessionChatController::send(const QString& text) {
    if (m_session)
        m_session->send(text);
}

void SessionChatController::stop() {
    if (m_session)
        m_session->stop();
}

void SessionChatController::regenerate(MessageId message) {
    if (m_session)
        m_session->regenerate(message);
}

void SessionChatController::editUserMessage(MessageId message, const QString& text) {
    if (m_session)
        m_session->editUserMessage(message, text);
}

void SessionChatController::switchSibling(MessageId message, int step) {
    if (m_session)
        m_session->switchSibling(message, step);
}

void SessionChatController::continueAnswer(MessageId message) {
    if (m_session)
        m_session->continueAnswer(message);
}

void SessionChatController::answerNow() {
    if (m_session)
        m_session->answerNow();
}

void SessionChatController::setSampling(const SamplingValues& sampling) {
    if (m_session)
        m_session->setSampling(sampling);
}

} // namespace app
