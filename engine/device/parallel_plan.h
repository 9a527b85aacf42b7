#pragma once
// ParallelPlan: how one model is divided among several GPUs. Pure arithmetic: no device is touched,
// so that 1 to 8 GPUs, even and uneven, are tested without any.
//
// Tensor split (every GPU works on every token): query and KV heads, the inner columns of the MLP
// and the rows of the head are dealt out; two sums over all GPUs a layer put the parts together.
// Method: Shoeybi et al., "Megatron-LM", 2019.
// Layer split (a token goes from one GPU to the next): each GPU holds a stretch of the layers, as
// many as its memory asks for; the embedding lies on the first, the head on the last.

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

/// What one GPU of a layer split holds; alone, everything that is no layer.
struct LayerShare {
    std::uint32_t firstLayer = 0;
    std::uint32_t layers = 0; // 0: it has no room for one, and hands on what it gets
    bool embeds = true;       // the first GPU
    bool samples = true;      // the last one: output norm, head and sampling

    bool operator==(const LayerShare&) const = default;
};

/// Deals layers out in their order, such that the fullest GPU, measured by its own room, is as
/// little full as can be, and the others are as even as that allows. `layers`: bytes of each layer
/// with its KV; `fixed`: what each GPU holds beside layers; `room`: its free bytes, or how much it
/// is to hold against the others. Whether all of it fits is for the memory plan to say.
/// OptionInvalid when the model cannot be divided so or the number of GPUs is out of range.
Result<std::vector<LayerShare>> shareLayers(const ModelConfig& config,
                                            std::span<const std::uint64_t> layers,
                                            std::span<const std::uint64_t> fixed,
                                            std::span<const std::uint64_t> room);

/// The model as one GPU of a layer split computes it.
ModelConfig stretchConfig(const ModelConfig& config, const LayerShare& share);

} // namespace engine
