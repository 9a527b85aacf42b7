#include "engine/runtime/overflow.h"

#include <algorithm>

namespace engine {

namespace {

/// Tokens that a shortened prompt may have: the rest is for the answer.
std::uint32_t promptTarget(const ModelInfo& model, const Request& request) {
    const std::uint32_t quarter = model.context / 4;
    const std::uint32_t room =
        request.maxTokens == 0 ? quarter : std::min(request.maxTokens, model.context / 2);
    return model.context - std::max(room, 1U);
}

std::size_t systemMessages(const Request& request) {
    std::size_t count = 0;
    while (count < request.messages.size() && request.messages[count].role == "system")
        ++count;
    return count;
}

std::uint32_t agreeingTokens(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
    const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    return static_cast<std::uint32_t>(differs.first - a.begin());
}

/// What a prompt has in common with one of the same system prompt and another question.
std::uint32_t headTokens(const ModelInfo& model, const Request& request, const Prompt& prompt) {
    if (request.rawPrompt || request.messages.empty())
        return model.tokenizer->vocabulary().addBos ? 1 : 0;
    Request other = request;
    other.messages.resize(systemMessages(request));
    other.messages.push_back({"user", "?"});
    other.continuedAnswer.clear();
    const Result<Prompt> rendered = makePrompt(model, other);
    return rendered ? agreeingTokens(prompt.tokens, rendered->tokens) : 0;
}

/// Messages [first, first + count) may go.
struct Droppable {
    std::size_t first = 0;
    std::size_t count = 0;
};

Droppable droppable(const Request& request) {
    if (request.rawPrompt || request.messages.empty())
        return {};
    const std::size_t last = request.messages.size() - 1;
    std::size_t first = systemMessages(request);
    if (request.overflow == OverflowPolicy::DropMiddle)
        first += 2; // the first question and its answer stay
    return first < last ? Droppable{first, last - first} : Droppable{};
}

Result<Prompt> promptWithout(const ModelInfo& model, const Request& request, std::size_t first,
                             std::size_t count) {
    Request shorter = request;
    const auto begin = shorter.messages.begin() + static_cast<std::ptrdiff_t>(first);
    shorter.messages.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
    return makePrompt(model, shorter);
}

/// The fewest messages that make it fit, so that the text goes on with a question; all that may go
/// when that is not enough.
Status dropMessages(const ModelInfo& model, const Request& request, std::uint32_t target,
                    FittedPrompt& fitted) {
    const Droppable range = droppable(request);
    if (range.count == 0)
        return {};
    std::size_t tooFew = 0;
    std::size_t enough = range.count;
    while (enough - tooFew > 1) {
        const std::size_t middle = (tooFew + enough) / 2;
        const Result<Prompt> tried = promptWithout(model, request, range.first, middle);
        if (tried && tried->tokens.size() <= target)
            enough = middle;
        else
            tooFew = middle;
    }
    while (enough < range.count && request.messages[range.first + enough].role != "user")
        ++enough;
    Result<Prompt> prompt = promptWithout(model, request, range.first, enough);
    if (!prompt)
        return prompt.status();
    fitted.prompt = std::move(*prompt);
    fitted.firstDroppedMessage = static_cast<std::uint32_t>(range.first);
    fitted.droppedMessages = static_cast<std::uint32_t>(enough);
    return {};
}

/// Cuts behind the head (DropMiddle: behind the first quarter too) so that `target` tokens stay.
void dropTokens(OverflowPolicy policy, std::uint32_t target, FittedPrompt& fitted) {
    std::vector<TokenId>& tokens = fitted.prompt.tokens;
    const auto surplus = static_cast<std::ptrdiff_t>(tokens.size() - target);
    std::uint32_t begin = std::min(fitted.headTokens, target / 2);
    if (policy == OverflowPolicy::DropMiddle)
        begin = std::max(begin, target / 4);
    tokens.erase(tokens.begin() + begin, tokens.begin() + begin + surplus);
}

} // namespace

Result<FittedPrompt> makeFittedPrompt(const ModelInfo& model, const Request& request) {
    Result<Prompt> prompt = makePrompt(model, request);
    if (!prompt)
        return prompt.status();
    FittedPrompt fitted;
    fitted.prompt = std::move(*prompt);
    const std::size_t size = fitted.prompt.tokens.size();
    if (request.overflow == OverflowPolicy::Stop) {
        if (size >= model.context)
            return Status(Code::ContextExceeded, {{"tokens", std::to_string(size)},
                                                  {"limit", std::to_string(model.context)}});
        return fitted;
    }
    fitted.headTokens = headTokens(model, request, fitted.prompt);
    if (size < model.context)
        return fitted;
    const std::uint32_t target = promptTarget(model, request);
    INGLENOOK_TRY(dropMessages(model, request, target, fitted));
    if (fitted.prompt.tokens.size() > target)
        dropTokens(request.overflow, target, fitted);
    fitted.droppedTokens = static_cast<std::uint32_t>(size - fitted.prompt.tokens.size());
    return fitted;
}

Cut chooseCut(const Sequence& sequence) {
    const auto size = static_cast<std::uint32_t>(sequence.tokens.size());
    Cut cut;
    cut.begin = std::min(sequence.headTokens, size / 2);
    if (sequence.request.overflow == OverflowPolicy::DropMiddle)
        cut.begin = std::max(cut.begin, size / 4);
    const std::uint32_t border = pagesFor(cut.begin) * kPageTokens;
    if (border <= size / 2)
        cut.begin = border;
    cut.end = cut.begin + std::max(1U, (size - cut.begin) / 2);
    return cut;
}

} // namespace engine
