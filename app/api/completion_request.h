#pragma once
// CompletionRequest: the body of /v1/chat/completions and /v1/completions as a value. Fields that
// are unknown here are ignored, as OpenAI's clients expect; fields that are known but not served
// are refused with their name; wrong types and figures too. Pure, any thread.

#include "app/api/api_error.h"
#include "app/api/api_limits.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/request.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace app {

enum class CompletionKind { Chat, Text };

/// What the client set of the sampler; the rest is the model's own.
struct SamplerWishes {
    std::optional<float> temperature;
    std::optional<float> topP;
    std::optional<std::int32_t> topK;
    std::optional<float> minP;
    std::optional<float> repetitionPenalty;
    std::optional<float> presencePenalty;
    std::optional<float> frequencyPenalty;
    std::optional<std::uint64_t> seed;
    std::vector<std::pair<engine::TokenId, float>> logitBias;
};

struct CompletionRequest {
    CompletionKind kind = CompletionKind::Chat;
    std::string model; ///< as the client called it; empty = the loaded one
    std::vector<engine::ChatMessage> messages;
    std::vector<std::string> prompts; ///< of Text
    SamplerWishes sampler;
    std::vector<std::string> stopStrings;
    std::uint32_t maxTokens = 0;
    std::uint32_t choices = 1; ///< n, of each prompt
    bool enableThinking = true;
    std::uint32_t thinkingBudget = 0;
    bool inlineReasoning = false; ///< <think> stands in content instead of reasoning_content
    bool logprobs = false;
    std::uint32_t topLogprobs = 0; ///< how many are to be told
    bool echo = false;             ///< of Text: the prompt stands before the answer
    bool stream = false;
    bool includeUsage = false;
    std::optional<bool> cache; ///< answer from the response cache? Absent: seeded or greedy ones

    std::size_t answerCount() const {
        return choices * (kind == CompletionKind::Text ? prompts.size() : 1);
    }
};

std::variant<CompletionRequest, ApiError> readCompletion(CompletionKind kind, std::string_view body,
                                                         const ApiLimits& limits);

/// What the engine is asked for answer `index` (prompt index / n, sample index % n).
/// `seed` serves when the client gave none.
engine::Request engineRequest(const CompletionRequest& asked, const engine::ModelInfo& model,
                              std::size_t index, std::uint64_t seed);

/// The same request gives the same answer: it is greedy or carries a seed.
bool isRepeatable(const CompletionRequest& asked, const engine::Request& request);

} // namespace app
