#pragma once
// SamplerSpec: how the next token of one sequence is chosen. Lives on the device while the sequence
// does.
//
// Order: logit bias, repetition / presence / frequency penalties, vocabulary mask; then temperature
// 0 = argmax (lowest id on a tie), else temperature, top-k, top-p, min-p, draw. Random numbers:
// Philox4x32-10 keyed by (seed, sample number, token index), never by slot or step, so that a
// sequence's tokens do not depend on where it ran.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace engine {

struct SamplerSpec {
    float temperature = 0.6F; // 0 = greedy
    std::int32_t topK = 0;    // 0 = off
    float topP = 0.95F;       // 1 = off
    float minP = 0.0F;        // 0 = off; relative to the best probability
    float repetitionPenalty =
        1.0F; // 1 = off; divides positive, multiplies negative logits of seen tokens
    float presencePenalty = 0.0F;  // subtracted once from seen tokens
    float frequencyPenalty = 0.0F; // subtracted per occurrence
    std::uint64_t seed = 0;
    std::uint32_t sampleNumber = 0; // n-th answer of a request
    std::vector<std::pair<TokenId, float>> logitBias;
    std::vector<TokenId> seenTokens; // the prompt, counted for the penalties when a sequence joins
};

/// Refuses NaN, negative temperature, top-p outside (0, 1] ... with the option named.
Status validate(const SamplerSpec& spec);

} // namespace engine
