#pragma once
// The beginning that a conversation's next prompt will have. Any thread.

#include "engine/runtime/prompt.h"

#include <vector>

namespace engine {

/// What two prompts have in common that go on from these messages with different questions: system
/// prompt, earlier turns, the last answer without its reasoning, as the template renders them then.
Result<std::vector<TokenId>> nextPromptBeginning(const ModelInfo& model, const Request& request);

} // namespace engine
