#pragma once
// ChatSession: one conversation and the answer that may be running in it. Lives apart from the
// views, so that a chat goes on when another one is shown. Stores the user's message before the
// engine sees it. GUI thread.

#include "app/engine_host.h"
#include "app/history/history.h"
#include "app/history/message_tree.h"
#include "app/library/model_card.h"
#include "app/session/answer_cache.h"
#include "app/session/answer_keeper.h"
#include "app/session/chat_controller.h"
#include "app/session/loop_watch.h"

namespace app {

class Settings;

/// What sets an agent's lane apart from a chat.
struct ChatTerms {
    QString title;       // of a new conversation; empty: its first words
    RunId run = 0;       // a new conversation is a lane of it
    QString agent;       // JSON, stored with the lane
    int tokenBudget = 0; // tokens an answer may take, all its parts together; 0 = no limit
    engine::Priority priority = engine::Priority::P0;
};

class ChatSession : public QObject {
    Q_OBJECT

  public:
    ChatSession(History& history, EngineHost& host, Settings& settings, QObject* parent = nullptr);

    ConversationId id() const { return m_conversation.id; }
    const Conversation& conversation() const { return m_conversation; }
    QList<Message> branch() const;
    const GenerationProgress& progress() const { return m_progress; }
    EngineHost::ReplyId reply() const { return m_reply; } ///< the one that runs; 0 = none
    bool isBusy() const { return m_progress.phase != GenerationPhase::Idle; }
    /// Nothing runs or waits, and everything is on disk: it may go.
    bool isSettled() const {
        return !isBusy() && !m_storing && m_waiting.isEmpty() && m_keeper.isSettled();
    }

    void load(ConversationId conversation);
    void send(const QString& text);
    void stop();
    /// stop(), and messages that wait for their turn stay without an answer.
    void abandon();
    void regenerate(MessageId message);
    void editUserMessage(MessageId message, const QString& text);
    void switchSibling(MessageId message, int step);
    void continueAnswer(MessageId message);
    void answerNow();
    void setSampling(const SamplingValues& sampling) { m_sampling = sampling; }
    /// What was set on a model; goes before the settings of the program.
    void setDefaults(ModelDefaultsOf defaults) { m_defaults = std::move(defaults); }
    /// Null: every answer is computed.
    void setCache(AnswerCache* cache) { m_cache = cache; }
    OverflowChoice overflow() const;
    void setOverflow(OverflowChoice overflow);
    /// Of answers that begin from now on.
    void setTerms(const ChatTerms& terms) { m_terms = terms; }
    void setTitle(const QString& title) { m_conversation.title = title; }
    /// Tells contextChanged anew, after a model came or went.
    void measureContext();

  signals:
    void opened(const app::Conversation& conversation);
    void messagesLoaded(const QList<app::Message>& messages);
    void messageAdded(const app::Message& message);
    void messageGrew(const app::MessageDelta& delta);
    void messageFinished(const app::Message& message);
    void progressChanged(const app::GenerationProgress& progress);
    void contextChanged(int usedTokens, int contextTokens);
    void failed(const QString& sentence, const QString& text);
    void overflowChanged(app::OverflowChoice overflow);
    void stateChanged(app::ConversationId conversation, app::ConversationState state);
    /// While it is queued; goes with the state.
    void placeChanged(app::ConversationId conversation, const app::QueuePlace& place);
    /// A turn was stored: the list has something new to show.
    void stored(app::ConversationId conversation);

  private:
    enum class Show { Append, Reload }; // how a stored turn comes into the views

    bool refuseWhileBusy(const QString& text = {});
    void store(NewTurn turn, Show show);
    void onStored(const StoredTurn& turn, Show show);
    void startAnswer(const Message& answer, const QString& cutReasoning, const QString& cutText);
    void askEngine(const EngineHost::MakeRequest& make);
    void onLookedUp(const AnswerCache::Found& found, const EngineHost::MakeRequest& make);
    void giveAgain(const CachedAnswer& answer);
    void keepForOthers(const ReplyUpdate& last);
    void onUpdate(const ReplyUpdate& update);
    void updateProgress(const ReplyUpdate& update);
    void endAnswer(const ReplyUpdate& update);
    void startWaiting();
    void sendUnsent();
    void setPhase(GenerationPhase phase);
    ModelDefaults defaultsNow() const;
    QString systemPromptNow() const;
    void resetProgress();
    void setPlace(const QueuePlace& place);
    SamplingValues samplingNow() const;
    ModelStamp stampNow() const;

    History& m_history;
    EngineHost& m_host;
    Settings& m_settings;
    ModelDefaultsOf m_defaults;
    AnswerKeeper m_keeper;
    Conversation m_conversation;
    MessageTree m_tree;
    std::optional<SamplingValues> m_sampling; // of this chat
    std::optional<OverflowChoice> m_overflow; // of this chat
    AnswerCache* m_cache = nullptr;
    AnswerCache::Found m_found; // what the cache said to the question of the running answer
    bool m_computeAnew = false; // the next answer is not to come from there
    ChatTerms m_terms;
    GenerationProgress m_progress;
    LoopWatch m_loops;                   // of the running answer
    Message m_answer;                    // the running one; the tree has it when it has ended
    std::optional<AnswerStats> m_before; // of the part that a continued answer had already
    EngineHost::ReplyId m_reply = 0;
    QList<MessageId> m_waiting; // stored user messages that one answer comes to next
    QStringList m_unsent;       // typed while a turn is being stored; each is stored in its order
    bool m_storing = false;     // a turn is on its way to the disk
    bool m_stopping = false;    // asked to stop before the engine was asked
};

} // namespace app
