#pragma once
// What becomes of a conversation that outgrows the context: which text is left out, so that a
// prompt fits (any thread), and which tokens go while an answer is written (engine thread).

#include "engine/runtime/prompt.h"
#include "engine/runtime/sequence.h"

#include <cstdint>

namespace engine {

/// A prompt after its request's overflow policy, and what was left out for it.
struct FittedPrompt {
    Prompt prompt;
    std::uint32_t headTokens = 0; ///< of the system prompt and what stands before it: they stay
    std::uint32_t droppedTokens = 0;
    std::uint32_t firstDroppedMessage = 0;
    std::uint32_t droppedMessages = 0;
};

/// Renders the request. A prompt that leaves no room for an answer loses whole messages, as few as
/// the policy needs (Roll: the oldest; DropMiddle: those behind the first exchange); when the last
/// message alone is too long, tokens go. ContextExceeded with OverflowPolicy::Stop.
Result<FittedPrompt> makeFittedPrompt(const ModelInfo& model, const Request& request);

/// The tokens [begin, end) that go when the context is full in the middle of an answer. `begin` is
/// a page border where the kept beginning allows it: what stands before is not computed again.
struct Cut {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};
Cut chooseCut(const Sequence& sequence);

} // namespace engine
