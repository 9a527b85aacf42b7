#pragma once
// Request and TokenEvent: what goes into the engine and what comes out, as values.

#include "engine/device/batch.h"
#include "engine/device/sampler_spec.h"
#include "engine/runtime/time_source.h"
#include "engine/status.h"
#include "engine/text/chat_template.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace engine {

using RequestId = std::uint64_t;
using ModelKey = std::string; ///< content hash + formats + devices; "" = the default model

enum class Priority : std::uint8_t { P0, P1, P2 }; ///< interactive, agents and API, batch
constexpr std::size_t kPriorityCount = 3;

/// What becomes of a request that cannot start now. Refuse: submit() answers RateLimited, QueueFull
/// or BreakerOpen (API clients, who are told when to come back). Wait: it is queued whatever
/// happens (tabs, agents, batch jobs).
enum class WhenBusy : std::uint8_t { Wait, Refuse };

/// What becomes of a conversation that outgrows the context. What was dropped is told by an event
/// of kind Dropped and stays in RequestTimings.
enum class OverflowPolicy : std::uint8_t {
    Stop,       ///< the answer ends: FinishReason::ContextFull; a longer prompt is refused
    Roll,       ///< the oldest text after the system prompt goes
    DropMiddle, ///< the beginning stays too (system prompt, first exchange), the middle goes
};

/// Either a conversation (rendered by the model's template) or a raw prompt. The n answers of one
/// prompt are n requests that differ in sampler.sampleNumber: they share its pages.
struct Request {
    ModelKey model;
    std::vector<ChatMessage> messages; ///< used when rawPrompt is absent
    std::optional<std::string> rawPrompt;
    std::vector<TokenId> promptTokens; ///< not empty: the whole prompt, as ids, as it is
    std::string continuedAnswer;       ///< answer text to continue (regenerate from a cut)
    bool enableThinking = true;
    SamplerSpec sampler;
    std::vector<std::string> stopStrings;
    std::uint32_t maxTokens = 0; ///< 0 = as the context allows
    std::uint32_t thinkingBudget =
        0; ///< 0 = none; else </think> is forced after so many reasoning tokens
    std::uint32_t topLogprobs = 0;
    Priority priority = Priority::P0;
    std::string client = "desktop"; ///< tabs and agents are one client; the API: one a key
    OverflowPolicy overflow = OverflowPolicy::Stop;
    WhenBusy whenBusy = WhenBusy::Wait;
    /// By when it must have joined; later it fails with DeadlinePassed. None by default.
    std::optional<TimePoint> deadline;
    /// From joining to the end; then it finishes with TimeLimit, text kept. 0 = none [ms].
    std::chrono::milliseconds maxTime{0};
    bool reproducible = false;
    bool ignoreEndOfGeneration = false; ///< bench: run to maxTokens
};

enum class FinishReason : std::uint8_t {
    None,
    EndOfAnswer,
    StopString,
    MaxTokens,
    ContextFull,
    Cancelled,
    Failed,
    TimeLimit ///< Request::maxTime, or the engine's cap
};

/// Counters of one request, exact; durations on the steady clock.
struct RequestTimings {
    std::uint32_t promptTokens = 0;
    std::uint32_t cachedTokens = 0;    ///< prompt tokens that were not computed again
    std::uint32_t prefilledTokens = 0; ///< progress of the prefill
    std::uint32_t generatedTokens = 0;
    std::uint32_t reasoningTokens = 0;
    std::uint32_t droppedTokens = 0;   ///< by the overflow policy, so far
    std::uint32_t droppedMessages = 0; ///< whole messages left out of the prompt (among the above)
    std::int64_t queueWait_us = 0;
    std::int64_t ttft_us = 0;      ///< submit to first token
    std::int64_t reasoning_us = 0; ///< first token to </think>
    std::int64_t decode_us = 0;    ///< first token to last: tok/s = (generated - 1) / decode
};

enum class EventKind : std::uint8_t { Queued, Prefill, Text, Finished, Dropped };

struct TokenEvent {
    RequestId request = 0;
    EventKind kind = EventKind::Text;
    std::string text; ///< UTF-8, whole characters
    bool reasoning = false;
    TokenId token = kNoToken;
    std::vector<TokenLogprob> topLogprobs;
    float logprob = 0;
    std::uint32_t queuePosition = 0;       ///< Queued: how many go before it
    std::int64_t estimatedWait_us = -1;    ///< Queued: until it joins; -1 = not known yet
    std::uint32_t droppedTokens = 0;       ///< Dropped: by this cut alone
    std::uint32_t firstDroppedMessage = 0; ///< Dropped: index in Request::messages, where whole
    std::uint32_t droppedMessages = 0;     ///< messages went; 0 = the cut lies inside the text
    FinishReason finish = FinishReason::None;
    std::string stopString;
    Status status;          ///< why it failed
    RequestTimings timings; ///< so far; final in Finished
};

/// Where events go. push() runs on the engine thread, must not block and not throw.
/// Returning false (the reader has gone or holds too much) cancels the request.
class TokenSink {
  public:
    virtual ~TokenSink() = default;
    virtual bool push(TokenEvent event) noexcept = 0;
};

} // namespace engine
