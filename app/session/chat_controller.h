#pragma once
// ChatController: one view of one conversation. Slots take values and return at once; signals carry
// values. The conversation itself lives on when the view shows another one or goes away: several
// chats may generate at the same time. GUI thread.

#include "app/history/records.h"

#include <QObject>

namespace app {

/// What arrived since the last frame. Never sent more often than once a frame (16 ms) per chat.
struct MessageDelta {
    MessageId message = 0;
    QString reasoning; // to append to the reasoning
    QString text;      // to append to the text
};

enum class GenerationPhase { Idle, Saving, Queued, Prefill, Reasoning, Answering };

/// Live figures of the running answer.
struct GenerationProgress {
    GenerationPhase phase = GenerationPhase::Idle;
    MessageId message = 0;   // the answer; 0 while Idle or Saving
    QueuePlace place;        // of Queued
    int prefilledTokens = 0; // of promptTokens, while Prefill
    int promptTokens = 0;
    int generatedTokens = 0;
    int reasoningTokens = 0;
    qint64 reasoning_us = 0;      // running clock of the think block
    double tokensPerSecond = 0.0; // of decode, 0 = not known yet
    AnswerSource source;          // what was left out so far
    bool repeats = false;         // it goes round in circles (loop_watch.h)
};

class ChatController : public QObject {
    Q_OBJECT

  public:
    explicit ChatController(QObject* parent = nullptr);
    ~ChatController() override;

    virtual ConversationId conversationId() const = 0; ///< 0 = a chat that has no message yet
    virtual QList<Message> messages() const = 0;       ///< the branch shown, oldest first
    virtual GenerationProgress progress() const = 0;
    /// What becomes of this chat when it outgrows the context.
    virtual OverflowChoice overflow() const = 0;

  public slots:
    /// Shows a stored conversation: conversationOpened, then messagesLoaded.
    virtual void openConversation(ConversationId conversation) = 0;
    /// Shows an empty chat; it is stored with its first message.
    virtual void newConversation() = 0;
    /// Stores the message, then has it answered. While an answer runs, it waits its turn.
    virtual void send(const QString& text) = 0;
    /// Ends the running answer (queued, prefill or decode); what has arrived stays.
    virtual void stop() = 0;
    /// Another answer beside this one (a sibling); of a user message: another answer to it.
    virtual void regenerate(MessageId message) = 0;
    /// A changed copy of a user message beside it, answered anew. The old branch stays.
    virtual void editUserMessage(MessageId message, const QString& text) = 0;
    /// Shows the sibling `step` to the right (negative: left) with what follows it.
    virtual void switchSibling(MessageId message, int step) = 0;
    /// Goes on with an answer that was cut, in the same message.
    virtual void continueAnswer(MessageId message) = 0;
    /// Ends the reasoning of the running answer; the answer follows at once.
    virtual void answerNow() = 0;
    /// Settings of this chat from now on; stored with every answer.
    virtual void setSampling(const app::SamplingValues& sampling) = 0;
    virtual void setOverflow(app::OverflowChoice overflow) = 0;

  signals:
    void conversationOpened(const app::Conversation& conversation);
    /// The whole branch: after opening, editing, regenerating or switching a sibling.
    void messagesLoaded(const QList<app::Message>& messages);
    /// One message at the end of the branch.
    void messageAdded(const app::Message& message);
    void messageGrew(const app::MessageDelta& delta);
    /// The answer ended, with its statistics and stop reason; text and reasoning are complete.
    void messageFinished(const app::Message& message);
    void progressChanged(const app::GenerationProgress& progress);
    /// Tokens the next request would start from, and what the model's context holds; 0 = unknown.
    void contextChanged(int usedTokens, int contextTokens);
    void overflowChanged(app::OverflowChoice overflow);
    /// One sentence a person can act on. `text` is a message that could not be stored, for the
    /// composer to give back, or empty.
    void failed(const QString& sentence, const QString& text);
};

} // namespace app

Q_DECLARE_METATYPE(app::MessageDelta)
Q_DECLARE_METATYPE(app::GenerationProgress)
