#include "engine/runtime/prewarm.h"

#include <algorithm>

namespace engine {

Result<std::vector<TokenId>> nextPromptBeginning(const ModelInfo& model, const Request& request) {
    if (request.rawPrompt) {
        Result<Prompt> prompt = makePrompt(model, request);
        if (!prompt)
            return prompt.status();
        return std::move(prompt->tokens);
    }
    Request next = request;
    next.continuedAnswer.clear();
    next.messages.push_back({"user", "1"});
    Result<Prompt> one = makePrompt(model, next);
    if (!one)
        return one.status();
    next.messages.back().content = std::string(1, '?');
    const Result<Prompt> other = makePrompt(model, next);
    if (!other)
        return other.status();
    const auto differs = std::mismatch(one->tokens.begin(), one->tokens.end(),
                                       other->tokens.begin(), other->tokens.end());
    one->tokens.erase(differs.first, one->tokens.end());
    return std::move(one->tokens);
}

} // namespace engine
