#include "engine/runtime/sequence_output.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace engine {

namespace {

TokenEvent makeEvent(const Sequence& sequence, EventKind kind) {
    TokenEvent event;
    event.request = sequence.id;
    event.kind = kind;
    event.timings = sequence.timings;
    return event;
}

void sendParts(Sequence& sequence, std::vector<TextPart> parts, TokenId token,
               const RowResult* result) {
    const bool wantsLogprobs = sequence.request.topLogprobs > 0 && result != nullptr;
    if (parts.empty() && wantsLogprobs)
        parts.push_back({{}, sequence.parser.insideReasoning()});
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!sequence.messages.empty() && !parts[i].reasoning)
            sequence.answer += parts[i].text;
        TokenEvent event = makeEvent(sequence, EventKind::Text);
        event.text = std::move(parts[i].text);
        event.reasoning = parts[i].reasoning;
        event.token = token;
        if (wantsLogprobs && i == 0) {
            event.logprob = result->logprob;
            event.topLogprobs = result->topLogprobs;
            const std::size_t asked = sequence.request.topLogprobs;
            event.topLogprobs.resize(std::min(asked, event.topLogprobs.size()));
        }
        send(sequence, std::move(event));
    }
}

/// Takes a generated (or forced) token into the text and sends what became certain.
/// `result` may carry log-probabilities; nullptr for a forced token.
void takeToken(Sequence& sequence, TokenId token, const RowResult* result, TimePoint now) {
    sequence.tokens.push_back(token);
    RequestTimings& timings = sequence.timings;
    if (timings.generatedTokens == 0) {
        sequence.firstToken = now;
        timings.ttft_us = microseconds(now - sequence.submitted);
    }
    sequence.lastToken = now;
    timings.decode_us = microseconds(now - sequence.firstToken);
    const bool wasInside = sequence.parser.insideReasoning();
    std::vector<TextPart> parts = sequence.parser.push(sequence.decoder.push(token));
    ++timings.generatedTokens;
    if (wasInside) {
        ++timings.reasoningTokens;
        timings.reasoning_us = timings.decode_us;
    }
    sendParts(sequence, std::move(parts), token, result);
}

/// Why no token may follow, or None.
FinishReason limitReached(const Sequence& sequence) {
    if (sequence.decoder.stopped())
        return FinishReason::StopString;
    const std::uint32_t most = sequence.request.maxTokens;
    if (most > 0 && sequence.timings.generatedTokens >= most)
        return FinishReason::MaxTokens;
    // A text that rolls on has no end of its own: it may become as long as the context.
    const bool rolls = sequence.request.overflow != OverflowPolicy::Stop;
    if (rolls && most == 0 && sequence.timings.generatedTokens >= sequence.model->context)
        return FinishReason::MaxTokens;
    if (sequence.tokens.size() >= sequence.model->context)
        return FinishReason::ContextFull;
    return FinishReason::None;
}

} // namespace

void send(Sequence& sequence, TokenEvent event) {
    if (sequence.sinkGone)
        return;
    if (!sequence.sink->push(std::move(event))) {
        sequence.sinkGone = true;
        sequence.cancelled = true;
    }
}

void sendQueued(Sequence& sequence, std::uint32_t position, std::int64_t estimate_us) {
    const std::int64_t told = sequence.toldEstimate_us;
    const bool sameWait =
        (told < 0) == (estimate_us < 0) && std::abs(told - estimate_us) <= told / 4;
    if (sequence.toldPosition == position && (estimate_us < 0 || sameWait))
        return;
    sequence.toldPosition = position;
    sequence.toldEstimate_us = estimate_us;
    TokenEvent event = makeEvent(sequence, EventKind::Queued);
    event.queuePosition = position;
    event.estimatedWait_us = estimate_us;
    send(sequence, std::move(event));
}

void sendPrefill(Sequence& sequence) {
    send(sequence, makeEvent(sequence, EventKind::Prefill));
}

void sendDropped(Sequence& sequence, std::uint32_t tokens) {
    TokenEvent event = makeEvent(sequence, EventKind::Dropped);
    event.droppedTokens = tokens;
    if (sequence.timings.generatedTokens == 0) {
        event.firstDroppedMessage = sequence.firstDroppedMessage;
        event.droppedMessages = sequence.timings.droppedMessages;
    }
    send(sequence, std::move(event));
}

FinishReason acceptToken(Sequence& sequence, const RowResult& result, TimePoint now) {
    if (!sequence.request.ignoreEndOfGeneration &&
        sequence.model->tokenizer->isEndOfGeneration(result.token))
        return FinishReason::EndOfAnswer;
    takeToken(sequence, result.token, &result, now);
    const std::uint32_t budget = sequence.request.thinkingBudget;
    const bool spent = budget > 0 && sequence.timings.reasoningTokens >= budget;
    if ((std::exchange(sequence.endReasoning, false) || spent) &&
        sequence.parser.insideReasoning()) {
        for (const TokenId token : sequence.closeReasoning)
            if (const FinishReason limit = limitReached(sequence);
                limit == FinishReason::None || (limit == FinishReason::ContextFull &&
                                                sequence.request.overflow != OverflowPolicy::Stop))
                takeToken(sequence, token, nullptr, now);
    }
    if (sequence.sinkGone) // its reader has not had all of it
        return FinishReason::Cancelled;
    return limitReached(sequence);
}

void sendFinished(Sequence& sequence, FinishReason reason, Status status) {
    std::vector<TextPart> rest = sequence.parser.push(sequence.decoder.finish());
    for (TextPart& part : sequence.parser.finish())
        rest.push_back(std::move(part));
    const bool hadAll = !sequence.sinkGone;
    sendParts(sequence, std::move(rest), kNoToken, nullptr);
    if (hadAll && sequence.sinkGone && reason != FinishReason::Failed)
        reason = FinishReason::Cancelled; // the end of it was refused

    TokenEvent event = makeEvent(sequence, EventKind::Finished);
    event.finish = reason;
    event.status = std::move(status);
    if (reason == FinishReason::StopString)
        event.stopString = sequence.decoder.stopString();
    sequence.finished = true;
    sequence.sink->push(std::move(event)); // also when the sink refused text: one Finished each
}

} // namespace engine
