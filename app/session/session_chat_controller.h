#pragma once
// SessionChatController: the ChatController of the program. Shows one ChatSession at a time.

#include "app/session/chat_sessions.h"

namespace app {

class SessionChatController : public ChatController {
    Q_OBJECT

  public:
    SessionChatController(ChatSessions& sessions, QObject* parent = nullptr);
    ~SessionChatController() override;

    ConversationId conversationId() const override;
    QList<Message> messages() const override;
    GenerationProgress progress() const override;

    void openConversation(ConversationId conversation) override;
    void newConversation() override;
    void send(const QString& text) override;
    void stop() override;
    void regenerate(MessageId message) override;
    void editUserMessage(MessageId message, const QString& text) override;
    void switchSibling(MessageId message, int step) override;
    void continueAnswer(MessageId message) override;
    void answerNow() override;
    OverflowChoice overflow() const override;
    void setOverflow(app::OverflowChoice overflow) override;
    void setSampling(const SamplingValues& sampling) override;

  private:
    void show(ChatSession* session);

    QPointer<ChatSessions> m_sessions; // gone after shutdown
    QPointer<ChatSession> m_session;
};

} // namespace app
