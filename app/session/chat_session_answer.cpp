// What a session does with the answer that comes: from the question that is sent to its end.
#include "app/live_rate.h"
#include "app/messages.h"
#include "app/session/chat_session.h"
#include "app/session/request_builder.h"
#include "app/settings.h"

#include <algorithm>
#include <utility>

namespace app {

namespace {

StopReason stopReasonFrom(engine::FinishReason reason) {
    switch (reason) {
    case engine::FinishReason::EndOfAnswer:
        return StopReason::EndOfAnswer;
    case engine::FinishReason::StopString:
        return StopReason::StopString;
    case engine::FinishReason::MaxTokens:
    case engine::FinishReason::TimeLimit:
        return StopReason::MaxTokens;
    case engine::FinishReason::ContextFull:
        return StopReason::ContextFull;
    case engine::FinishReason::Cancelled:
        return StopReason::Cancelled;
    case engine::FinishReason::Failed:
        return StopReason::Failed;
    case engine::FinishReason::None:
        break;
    }
    return StopReason::None;
}

AnswerStats statsFrom(const engine::RequestTimings& t, const AnswerStats& before) {
    AnswerStats s;
    s.promptTokens = int(t.promptTokens);
    s.cachedTokens = int(t.cachedTokens);
    s.generatedTokens = before.generatedTokens + int(t.generatedTokens);
    s.reasoningTokens = before.reasoningTokens + int(t.reasoningTokens);
    s.queueWait_us = t.queueWait_us;
    s.ttft_us = t.ttft_us;
    s.reasoning_us = before.reasoning_us + t.reasoning_us;
    s.decode_us = before.decode_us + t.decode_us;
    return s;
}

} // namespace

void ChatSession::startAnswer(const Message& answer, const QString& cutReasoning,
                              const QString& cutText) {
    m_answer = answer;
    m_answer.state = MessageState::Streaming;
    m_answer.stopReason = StopReason::None;
    m_answer.error.clear();
    m_answer.model = stampNow();
    m_answer.source = {};
    m_answer.source.overflow = overflow();
    m_found = {};
    m_before = answer.stats;
    m_keeper.begin(answer.id);
    m_loops = {};
    resetProgress();
    m_progress.message = answer.id;
    setPhase(GenerationPhase::Queued);

    Question question;
    question.path = m_tree.pathTo(answer.parent);
    question.sampling = answer.sampling;
    question.systemPrompt = systemPromptNow();
    question.overflow = overflow();
    question.priority = m_terms.priority;
    if (m_terms.tokenBudget > 0) {
        const int left = m_terms.tokenBudget - (m_before ? m_before->generatedTokens : 0);
        int& most = question.sampling.maxTokens;
        most = std::max(most > 0 ? std::min(most, left) : left, 1);
    }
    question.cutReasoning = cutReasoning;
    question.cutText = cutText;
    const EngineHost::MakeRequest make = [question](const EngineHost::ModelInfo& model) {
        return buildRequest(question, model);
    };
    const bool computeAnew = std::exchange(m_computeAnew, false);
    const bool goesOn = !cutReasoning.isEmpty() || !cutText.isEmpty();
    if (m_cache == nullptr || goesOn) {
        askEngine(make);
        return;
    }
    const bool isRepeatable = answer.sampling.temperature == 0 || !m_settings.values().randomSeed;
    m_cache->lookUp(make, isRepeatable, !computeAnew, this,
                    [this, make](const AnswerCache::Found& found) { onLookedUp(found, make); });
}

void ChatSession::askEngine(const EngineHost::MakeRequest& make) {
    m_reply = m_host.ask(make, this, [this](const ReplyUpdate& update) { onUpdate(update); });
    if (m_stopping)
        m_host.cancel(m_reply);
}

void ChatSession::onLookedUp(const AnswerCache::Found& found, const EngineHost::MakeRequest& make) {
    m_found = found;
    if (found.answer && !m_stopping)
        giveAgain(*found.answer);
    else
        askEngine(make); // to hear of its end where it was stopped meanwhile
}

void ChatSession::giveAgain(const CachedAnswer& answer) {
    ReplyUpdate update;
    update.reasoning = QString::fromStdString(answer.reasoning);
    update.text = QString::fromStdString(answer.text);
    update.finish = answer.finish;
    update.stopString = QString::fromStdString(answer.stopString);
    update.timings.promptTokens = answer.promptTokens;
    update.timings.cachedTokens = answer.promptTokens;
    update.timings.generatedTokens = answer.generatedTokens;
    update.timings.reasoningTokens = answer.reasoningTokens;
    m_answer.source.isFromCache = true;
    onUpdate(update);
}

/// The answer that has ended, for who asks the same again.
void ChatSession::keepForOthers(const ReplyUpdate& last) {
    if (m_cache == nullptr || m_found.key.isEmpty() || m_answer.source.isFromCache)
        return;
    CachedAnswer whole;
    whole.text = m_answer.text.toStdString();
    whole.reasoning = m_answer.reasoning.toStdString();
    whole.stopString = last.stopString.toStdString();
    whole.finish = last.finish;
    whole.promptTokens = last.timings.promptTokens;
    whole.generatedTokens = last.timings.generatedTokens;
    whole.reasoningTokens = last.timings.reasoningTokens;
    m_cache->keep(m_found, whole); // takes only what ended by itself
}

void ChatSession::onUpdate(const ReplyUpdate& update) {
    if (!update.reasoning.isEmpty() || !update.text.isEmpty()) {
        m_answer.reasoning += update.reasoning;
        m_answer.text += update.text;
        m_loops.push(update.reasoning);
        if (m_answer.text.size() == update.text.size() && !update.text.isEmpty())
            m_loops = {}; // the answer begins: what was thought is over
        m_loops.push(update.text);
        m_keeper.append(update.reasoning, update.text);
        emit messageGrew({m_answer.id, update.reasoning, update.text});
    }
    if (update.finish != engine::FinishReason::None)
        endAnswer(update);
    else
        updateProgress(update);
}

void ChatSession::updateProgress(const ReplyUpdate& update) {
    const engine::RequestTimings& t = update.timings;
    m_progress.promptTokens = int(t.promptTokens);
    m_progress.prefilledTokens = int(t.prefilledTokens);
    m_progress.generatedTokens = int(t.generatedTokens);
    m_progress.reasoningTokens = int(t.reasoningTokens);
    m_progress.reasoning_us = update.inReasoning ? t.decode_us : t.reasoning_us;
    m_progress.tokensPerSecond = liveTokensPerSecond(int(t.generatedTokens), t.decode_us);
    m_progress.repeats = m_loops.repeats();
    m_progress.source.droppedTokens = int(t.droppedTokens);
    m_progress.source.droppedMessages = int(t.droppedMessages);
    GenerationPhase phase = GenerationPhase::Queued;
    if (update.phase == engine::EventKind::Prefill)
        phase = GenerationPhase::Prefill;
    else if (update.phase == engine::EventKind::Text)
        phase = update.inReasoning ? GenerationPhase::Reasoning : GenerationPhase::Answering;
    setPlace(phase == GenerationPhase::Queued
                 ? QueuePlace{update.queuePosition + 1, update.estimatedWait_us}
                 : QueuePlace());
    setPhase(phase);
}

/// Nothing runs or waits yet, or any more.
void ChatSession::resetProgress() {
    setPlace({});
    m_progress = {};
}

void ChatSession::setPlace(const QueuePlace& place) {
    if (m_progress.place == place)
        return;
    m_progress.place = place;
    emit placeChanged(id(), place);
}

void ChatSession::endAnswer(const ReplyUpdate& update) {
    m_reply = 0;
    m_answer.state = MessageState::Done;
    m_answer.stopReason = stopReasonFrom(update.finish);
    m_answer.stopString = update.stopString;
    m_answer.source.droppedTokens = int(update.timings.droppedTokens);
    m_answer.source.droppedMessages = int(update.timings.droppedMessages);
    if (update.finish == engine::FinishReason::Failed)
        m_answer.error = sentence(update.status);
    m_answer.stats = statsFrom(update.timings, m_before.value_or(AnswerStats()));
    if (m_answer.model.name.isEmpty())
        m_answer.model = stampNow(); // it waited for the model to be loaded
    keepForOthers(update);
    const Message answer = std::exchange(m_answer, Message());
    m_tree.replace(answer);
    m_keeper.finish(answer);
    resetProgress();
    emit messageFinished(m_tree.numbered(answer.id));
    if (update.finish == engine::FinishReason::Failed)
        emit failed(answer.error, {});
    const EngineHost::ModelInfo model = m_host.model();
    if (model != nullptr && answer.stats->promptTokens > 0)
        emit contextChanged(answer.stats->promptTokens + int(update.timings.generatedTokens),
                            int(model->context));
    emit progressChanged(m_progress);
    emit stateChanged(id(), answer.stopReason == StopReason::Failed ? ConversationState::Failed
                                                                    : ConversationState::Done);
    if (!m_waiting.isEmpty() && !m_storing)
        startWaiting();
}

} // namespace app
