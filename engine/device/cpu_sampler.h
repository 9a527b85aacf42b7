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
// selection was made. No sort of the vocabulary: one pass of exp over it lists those near the best,
// their weights go into buckets, and only the bucket where a filter cuts is sorted. A NaN logit is
// never chosen. One instance a slot; one thread at a time, with a scratch of its own.

#include "engine/device/batch.h"
#include "engine/device/sampler_spec.h"
#include "kernels/cpu_kernels.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace engine {

/// A token that is still in the draw, and its share exp((logit - best) / temperature).
using Candidate = kernels::DrawCandidate;

/// Working memory of a draw; one a thread that draws.
struct SamplerScratch {
    explicit SamplerScratch(
        std::uint32_t vocabularySize,
        const kernels::KernelTable& kernels = kernels::kernelTable(kernels::bestInstructionSet()));
    /// What the constructor allocates, for the memory plan.
    static std::uint64_t bytes(std::uint32_t vocabularySize);

    const kernels::KernelTable* kernels;
    std::vector<float> adjusted;      // [vocabularySize]
    std::vector<Candidate> listed;    // [vocabularySize]: memory of `candidates`
    std::span<Candidate> candidates;  // what is in the draw, ids ascend
    std::vector<double> buckets;      // of weights, see cpu_sampler.cpp
    std::vector<Candidate> selection; // the bucket where a filter cuts
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
    double listNearBest(std::span<const float> adjusted, float top, SamplerScratch& scratch) const;
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
/// The same through the fast kernels, to about 1e-6.
double logSumExp(std::span<const float> logits, SamplerScratch& scratch);
/// The `count` most probable tokens of raw logits, best first; the denominator is logSumExp().
std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count,
                                      double denominator);
std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count);

} // namespace engine
