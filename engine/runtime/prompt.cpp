#include "engine/runtime/prompt.h"

#include <algorithm>
#include <cctype>

namespace engine {

namespace {

std::string lowerAscii(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(c < 0x80 ? std::tolower(c) : c);
    });
    return text;
}

std::string spelling(const Vocabulary& vocabulary, TokenId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= vocabulary.tokens.size())
        return {};
    return vocabulary.tokens[static_cast<std::size_t>(id)].text;
}

Result<Prompt> rawPrompt(const ModelInfo& model, const Request& request) {
    if (request.rawPrompt->empty() && request.continuedAnswer.empty())
        return Status(Code::PromptEmpty);
    Prompt prompt;
    prompt.continuesText = true;
    prompt.tokens = model.tokenizer->encode(*request.rawPrompt + request.continuedAnswer,
                                            {.addBos = true, .parseSpecial = true});
    return prompt;
}

/// The template's own words after the last message, where the answer begins.
void settleReasoning(const ModelInfo& model, const Request& request,
                     std::vector<PromptPiece>& pieces) {
    if (!request.continuedAnswer.empty())
        return;
    const bool inside = endsInsideReasoning(pieces);
    if (inside && !request.enableThinking)
        pieces.push_back({"\n</think>\n\n", false});
    else if (!inside && request.enableThinking && isDeepSeekR1(model))
        pieces.push_back({"<think>\n", false});
}

Result<Prompt> tokenPrompt(const ModelInfo& model, const Request& request) {
    for (const TokenId token : request.promptTokens)
        if (token < 0 || static_cast<std::uint32_t>(token) >= model.config.vocabularySize)
            return Status(Code::OptionInvalid,
                          {{"option", "prompt token"},
                           {"value", std::to_string(token)},
                           {"expected", "a token of the model, below " +
                                            std::to_string(model.config.vocabularySize)}});
    Prompt prompt;
    prompt.tokens = request.promptTokens;
    prompt.continuesText = true;
    return prompt;
}

} // namespace

bool isDeepSeekR1(const ModelInfo& model) {
    const std::string names = lowerAscii(model.name + " " + model.path.filename().string());
    const bool named = names.find("deepseek-r1") != std::string::npos ||
                       names.find("deepseek r1") != std::string::npos;
    return named && model.chatTemplate != nullptr &&
           model.chatTemplate->source().find("</think>") != std::string::npos;
}

Result<Prompt> makePrompt(const ModelInfo& model, const Request& request) {
    if (model.tokenizer == nullptr)
        return Status(Code::NoTokenizer, {{"model", model.name}});
    if (!request.promptTokens.empty())
        return tokenPrompt(model, request);
    if (request.rawPrompt)
        return rawPrompt(model, request);
    if (request.messages.empty())
        return Status(Code::PromptEmpty);

    const Vocabulary& vocabulary = model.tokenizer->vocabulary();
    ChatTemplateInput input;
    input.messages = request.messages;
    for (ChatMessage& message : input.messages)
        if (message.role == "assistant")
            message.content = dropReasoning(message.content);
    input.bosToken = spelling(vocabulary, vocabulary.bos);
    input.eosToken = spelling(vocabulary, vocabulary.eos);
    input.enableThinking = request.enableThinking;
    input.continuedAnswer = request.continuedAnswer;
    const auto chatTemplate =
        model.chatTemplate != nullptr ? model.chatTemplate : ChatTemplate::fallback();
    Result<std::vector<PromptPiece>> pieces = chatTemplate->render(input);
    if (!pieces)
        return pieces.status();
    settleReasoning(model, request, *pieces);

    Prompt prompt;
    prompt.tokens = encodePieces(*model.tokenizer, *pieces);
    prompt.insideReasoning = endsInsideReasoning(*pieces);
    prompt.continuesText = !request.continuedAnswer.empty();
    if (prompt.tokens.empty())
        return Status(Code::PromptEmpty);
    return prompt;
}

std::vector<TokenId> closeReasoningTokens(const Tokenizer& tokenizer) {
    return tokenizer.encode("\n</think>\n\n", {.addBos = false, .parseSpecial = true});
}

} // namespace engine
