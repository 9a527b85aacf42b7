#pragma once
// CpuSampler: chooses the next token of one slot from its logits, in the order that sampler_spec.h
// gives. The oracle of every other sampler.
//
// What the filters mean exactly. Tokens are ordered by adjusted logit, the lower id first on a tie.
// p = softmax(adjusted / temperature).
//   top-k   keeps the first k of that order; p is normalised over them.
//   top-p   keeps the shortest prefix of the order whose p sums to at least top-p.
//   min-p   keeps those with p >= min-p x the best p.
// The draw runs through what is left in the order of ids, so it does not depend on how the
// selection was made. No sort: one pass of exp over the vocabulary and a weighted selection among
// those near the best; 150,000 tokens take about a millisecond. A NaN logit is never chosen.
// One instance a slot, one thread.

#include "engine/device/batch.h"
#include "engine/device/sampler_spec.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace engine {

/// A token that is still in the draw, and its share.
struct Candidate {
    TokenId token = kNoToken;
    float weight = 0; ///< exp((logit - best) / temperature)
};

/// Working memory of a draw, shared by all slots of a device.
struct SamplerScratch {
    explicit SamplerScratch(std::uint32_t vocabularySize);
    /// What the constructor allocates, for the memory plan.
    static std::uint64_t bytes(std::uint32_t vocabularySize);

    std::vector<float> adjusted; // [vocabularySize]
    std::vector<Candidate> candidates;
    std::vector<Candidate> selection;
};

class CpuSampler {
  public:
    /// A sequence joins: counts its seen tokens, forgets the mask.
    void reset(const SamplerSpec& spec);
    /// One bit a token, 1 = allowed; empty = all.
    void setMask(std::span<const std::uint32_t> allowedBits);

    /// Chooses from logits [vocabularySize]; `position` is the place of the chosen token in its
    /// sequence (its row's position + 1). Counts the token for the penalties.
    TokenId sample(std::span<const float> logits, std::uint32_t position, SamplerScratch& scratch);
    /// What the draw would choose among: filtered, ascending ids, weights summing to 1. Greedy:
    /// one.
    std::vector<Candidate> distribution(std::span<const float> logits, SamplerScratch& scratch);

    TokenId lastToken() const { return m_last; }

  private:
    std::span<const float> adjust(std::span<const float> logits, SamplerScratch& scratch) const;
    void select(std::span<const float> adjusted, SamplerScratch& scratch) const;
    bool penalizes() const;

    SamplerSpec m_spec;
    std::unordered_map<TokenId, std::uint32_t> m_counts; // only kept when a penalty is on
    std::vector<std::uint32_t> m_mask;
    TokenId m_last = kNoToken;
};

/// Highest logit, lowest id on a tie, NaN never; kNoToken when all are NaN.
TokenId argmax(std::span<const float> logits);
/// ln of the softmax's denominator: logprob(token) = logits[token] - logSumExp(logits).
double logSumExp(std::span<const float> logits);
/// The `count` most probable tokens of raw logits, best first.
std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count);

} // namespace engine
