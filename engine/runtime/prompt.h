#pragma once
// Prompt: a request rendered by the model's template and tokenized. Any thread; a ModelInfo is
// immutable.

#include "engine/runtime/model_info.h"
#include "engine/runtime/request.h"

#include <vector>

namespace engine {

struct Prompt {
    std::vector<TokenId> tokens;
    bool insideReasoning = false; ///< ends with an opened <think>
    bool continuesText = false;   ///< the answer goes on in the middle of a text
};

/// Message bodies never become special tokens; earlier answers lose their reasoning. Models of the
/// R1 family get the opening <think> that their authors ask for when the template leaves it out.
Result<Prompt> makePrompt(const ModelInfo& model, const Request& request);

/// The tokens that close a reasoning: "</think>" as the model spells it, on lines of its own.
std::vector<TokenId> closeReasoningTokens(const Tokenizer& tokenizer);

/// True for DeepSeek's R1 models and their distillations.
bool isDeepSeekR1(const ModelInfo& model);

} // namespace engine
