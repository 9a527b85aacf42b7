#include "app/session/chat_session.h"

#include "app/messages.h"
#include "app/session/chat_title.h"
#include "app/session/request_builder.h"
#include "app/settings.h"

#include <QRandomGenerator>

namespace app {

ChatSession::ChatSession(History& history, EngineHost& host, Settings& settings, QObject* parent)
    : QObject(parent), m_history(history), m_host(host), m_settings(settings), m_keeper(history) {}

QList<Message> ChatSession::branch() const {
    QList<Message> messages = m_tree.branch();
    for (Message& message : messages) {
        if (message.id != m_answer.id || m_answer.id == 0)
            continue;
        const int index = message.siblingIndex;
        const int count = message.siblingCount;
        message = m_answer;
        message.siblingIndex = index;
        message.siblingCount = count;
    }
    return messages;
}

void ChatSession::load(ConversationId conversation) {
    m_history.load(conversation, this, [this](const engine::Result<StoredConversation>& loaded) {
        if (!loaded.ok()) {
            emit failed(sentence(loaded.status()), {});
            return;
        }
        m_conversation = loaded->conversation;
        m_tree = MessageTree(loaded->messages, loaded->leaf);
        for (const Message& message : m_tree.branch())
            if (message.source.overflow)
                m_overflow = message.source.overflow;
        emit opened(m_conversation);
        emit overflowChanged(overflow());
        emit messagesLoaded(branch());
        measureContext();
    });
}

OverflowChoice ChatSession::overflow() const {
    return m_overflow.value_or(m_settings.values().overflow);
}

void ChatSession::setOverflow(OverflowChoice overflow) {
    m_overflow = overflow;
    emit overflowChanged(overflow);
}

bool ChatSession::refuseWhileBusy(const QString& text) {
    if (!isBusy())
        return false;
    emit failed(sentence(engine::Status(engine::Code::ChatBusy)), text);
    return true;
}

void ChatSession::send(const QString& text) {
    if (text.trimmed().isEmpty())
        return;
    if (m_storing) {
        m_unsent.append(text); // its place in the chat is known when that one has its own
        return;
    }
    const bool mustWait = isBusy();
    NewTurn turn;
    turn.conversation = m_conversation.id;
    turn.title = m_terms.title.isEmpty() ? titleFrom(text) : m_terms.title;
    turn.run = m_terms.run;
    turn.agent = m_terms.agent;
    turn.parent = m_tree.leaf();
    turn.userText = text;
    turn.hasAnswer = !mustWait;
    store(std::move(turn), Show::Append);
}

void ChatSession::store(NewTurn turn, Show show) {
    turn.model = stampNow();
    turn.sampling = samplingNow();
    turn.overflow = overflow();
    const QString text = turn.userText;
    const bool answers = turn.hasAnswer;
    if (answers) {
        m_stopping = false;
        resetProgress();
        setPhase(GenerationPhase::Saving);
    }
    m_storing = true;
    m_history.addTurn(turn, this,
                      [this, show, text, answers](const engine::Result<StoredTurn>& result) {
                          m_storing = false;
                          if (result.ok()) {
                              onStored(*result, show);
                          } else {
                              if (answers)
                                  setPhase(GenerationPhase::Idle);
                              emit failed(sentence(result.status()), text);
                          }
                          sendUnsent();
                      });
}

void ChatSession::sendUnsent() {
    if (!m_storing && !m_unsent.isEmpty())
        send(m_unsent.takeFirst());
}

void ChatSession::onStored(const StoredTurn& turn, Show show) {
    const bool isNew = m_conversation.id == 0;
    m_conversation = turn.conversation;
    for (const Message& message : {turn.user, turn.answer})
        if (message.id != 0)
            m_tree.add(message);
    if (isNew)
        emit opened(m_conversation);
    m_answer = turn.answer.id != 0 ? turn.answer : m_answer;
    if (show == Show::Reload) {
        emit messagesLoaded(branch());
    } else {
        for (const Message& message : {turn.user, turn.answer})
            if (message.id != 0)
                emit messageAdded(m_tree.numbered(message.id));
    }
    emit stored(m_conversation.id);
    if (turn.answer.id != 0) {
        startAnswer(turn.answer, {}, {});
    } else {
        m_waiting.append(turn.user.id);
        if (!isBusy()) // the answer it waited for ended while it was being stored
            startWaiting();
    }
}

/// One answer to all that was sent meanwhile, as a person would give it.
void ChatSession::startWaiting() {
    const QList<MessageId> waiting = std::exchange(m_waiting, {});
    m_history.commit([waiting](HistoryWriter& writer) {
        for (const MessageId message : waiting)
            writer.setMessageState(message, MessageState::Done);
    });
    for (const MessageId id : waiting) {
        const Message* message = m_tree.find(id);
        if (message == nullptr)
            continue;
        Message answered = *message;
        answered.state = MessageState::Done;
        m_tree.replace(answered);
        emit messageFinished(m_tree.numbered(id));
    }
    NewTurn turn;
    turn.conversation = m_conversation.id;
    turn.parent = waiting.last();
    turn.hasUser = false;
    store(std::move(turn), Show::Append);
}

void ChatSession::stop() {
    m_stopping = true;
    if (m_reply != 0)
        m_host.cancel(m_reply);
}

void ChatSession::abandon() {
    m_unsent.clear();
    m_waiting.clear();
    stop();
}

void ChatSession::regenerate(MessageId message) {
    const Message* original = m_tree.find(message);
    if (original == nullptr || refuseWhileBusy())
        return;
    m_computeAnew = true;
    NewTurn turn;
    turn.conversation = m_conversation.id;
    turn.parent = original->role == Role::Assistant ? original->parent : original->id;
    turn.hasUser = false;
    store(std::move(turn), Show::Reload);
}

void ChatSession::editUserMessage(MessageId message, const QString& text) {
    const Message* original = m_tree.find(message);
    if (original == nullptr || original->role != Role::User || text.trimmed().isEmpty() ||
        refuseWhileBusy(text))
        return;
    NewTurn turn;
    turn.conversation = m_conversation.id;
    turn.parent = original->parent;
    turn.userText = text;
    store(std::move(turn), Show::Reload);
}

void ChatSession::switchSibling(MessageId message, int step) {
    const MessageId leaf = m_tree.leafOfSibling(message, step);
    if (leaf == 0 || refuseWhileBusy())
        return;
    m_tree.setLeaf(leaf);
    emit messagesLoaded(branch());
    m_history.change(
        [conversation = id(), leaf](HistoryWriter& writer) { writer.setLeaf(conversation, leaf); });
    measureContext();
}

void ChatSession::continueAnswer(MessageId message) {
    const Message* original = m_tree.find(message);
    if (original == nullptr || original->role != Role::Assistant || refuseWhileBusy())
        return;
    const Message answer = *original;
    m_stopping = false;
    resetProgress();
    setPhase(GenerationPhase::Saving);
    m_history.commit([message](HistoryWriter& writer) { writer.reopenAnswer(message); }, this,
                     [this, answer](const engine::Status& status) {
                         if (status.ok()) {
                             startAnswer(answer, answer.reasoning, answer.text);
                             return;
                         }
                         setPhase(GenerationPhase::Idle);
                         emit failed(sentence(status), {});
                     });
}

void ChatSession::answerNow() {
    if (m_reply != 0)
        m_host.endReasoning(m_reply);
}

void ChatSession::setPhase(GenerationPhase phase) {
    const bool newPhase = phase != m_progress.phase;
    m_progress.phase = phase;
    emit progressChanged(m_progress);
    if (!newPhase || id() == 0)
        return;
    ConversationState state = ConversationState::Running;
    if (phase == GenerationPhase::Idle)
        state = ConversationState::Idle;
    else if (phase == GenerationPhase::Saving || phase == GenerationPhase::Queued)
        state = ConversationState::Queued;
    emit stateChanged(id(), state);
}

void ChatSession::measureContext() {
    const EngineHost::ModelInfo model = m_host.model();
    if (model == nullptr || isBusy()) {
        if (model == nullptr)
            emit contextChanged(0, 0);
        return;
    }
    Question question;
    question.path = m_tree.branch();
    question.systemPrompt = systemPromptNow();
    if (question.path.empty()) {
        emit contextChanged(0, int(model->context));
        return;
    }
    m_host.countTokens(
        [question](const EngineHost::ModelInfo& asked) { return buildRequest(question, asked); },
        this,
        [this, limit = int(model->context)](int used) {
            if (!isBusy())
                emit contextChanged(used, limit);
        });
}

ModelDefaults ChatSession::defaultsNow() const {
    const EngineHost::ModelInfo model = m_host.model();
    return m_defaults && model != nullptr ? m_defaults(QString::fromStdString(model->path.string()))
                                          : ModelDefaults();
}

QString ChatSession::systemPromptNow() const {
    return systemPromptOf(defaultsNow(), m_settings.values());
}

/// This chat's own, else the model's, else the program's, else what was published.
SamplingValues ChatSession::samplingNow() const {
    const SettingsValues& settings = m_settings.values();
    const ModelDefaults own = defaultsNow();
    SamplingValues sampling = settings.sampling;
    if (m_sampling) {
        sampling = *m_sampling;
    } else if (own.sampling) {
        sampling = *own.sampling;
        sampling.maxTokens = settings.sampling.maxTokens;
        sampling.thinkingBudget = settings.sampling.thinkingBudget;
    } else if (!settings.samplingOverridden && m_host.model() != nullptr) {
        sampling = fromEngine(engine::defaultSampler(*m_host.model()));
        sampling.maxTokens = settings.sampling.maxTokens;
        sampling.thinkingBudget = settings.sampling.thinkingBudget;
    }
    sampling.seed =
        settings.randomSeed ? QRandomGenerator::global()->generate() : settings.sampling.seed;
    return sampling;
}

ModelStamp ChatSession::stampNow() const {
    const EngineHost::ModelInfo model = m_host.model();
    return model != nullptr ? stampOf(*model) : ModelStamp();
}

} // namespace app
