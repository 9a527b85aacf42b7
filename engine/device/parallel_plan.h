#pragma once
// ParallelPlan: how one model is divided among several GPUs. Pure arithmetic: no device is touched,
// so that 1 to 8 GPUs, even and uneven, are tested without any.
//
// Tensor split (every GPU works on every token): query and KV heads, the inner columns of the MLP
// and the rows of the head are dealt out; two sums over all GPUs a layer put the parts together.
// Method: Shoeybi et al., "Megatron-LM", 2019.

#include "engine/model/model_config.h"
#include "engine/status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace engine {

/// More GPUs than this in one machine are refused.
constexpr std::uint32_t kMostRanks = 8;

/// What one GPU ("rank") of a tensor split holds.
struct RankShare {
    std::uint32_t firstHead = 0; // query heads
    std::uint32_t heads = 0;
    std::uint32_t firstKvHead = 0; // replicated where GPUs outnumber KV heads
    std::uint32_t kvHeads = 0;
    bool repeats = false; // its heads are another GPU's: its part of the output product is zero
    std::uint32_t firstInner = 0; // columns of gate and up
    std::uint32_t inner = 0;
    std::uint32_t firstToken = 0; // rows of the head
    std::uint32_t tokens = 0;

    bool operator==(const RankShare&) const = default;
};

/// Deals a model out among `ranks` GPUs. Cuts fall on groups of 128 columns where there are enough
/// of them, else of 32. `weights`: how much each is to get against the others, above 0; empty = all
/// the same. Everybody gets something, and where GPUs outnumber KV heads, heads are dealt evenly.
/// OptionInvalid when the model is too narrow or `ranks` or `weights` are out of range.
Result<std::vector<RankShare>> shareTensors(const ModelConfig& config, std::uint32_t ranks,
                                            std::span<const std::uint32_t> weights = {});

/// The model as one GPU computes it: its heads and its inner columns; the vocabulary stays whole,
/// because every GPU samples from all logits.
ModelConfig rankConfig(const ModelConfig& config, const RankShare& share);

} // namespace engine
