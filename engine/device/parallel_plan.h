#pragma once
// ParallelPlan: how one model is divided among several GPUs. Pure arithmetic: no device is touched,
// so that 1 to 8 GPUs, even and uneven, are tested without any.
//
// Tensor split (every GPU works on every token): query and KV heads, the inner columns of the MLP
// and the rows of the head are dealt out; two sums over all GPUs a layer put the parts together.
// Layer split: each GPU holds a stretch of layers, shares
// by bytes. Method of the tensor split: Shoeybi et al., "Megatron-LM", 2019.

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
/// of them, else of 32. OptionInvalid when the model is too narrow or `ranks` is out of range.
Result<std::vector<RankShare>> shareTensors(const ModelConfig& config, std::uint32_t ranks);

/// The model as one GPU computes it: its heads and its inner columns; the vocabulary stays whole,
/// because every GPU samples from all logits.
ModelConfig rankConfig(const ModelConfig& config, const RankShare& share);

/// A GPU's stretch of layers.
struct LayerShare {
    std::uint32_t firstLayer = 0;
    std::uint32_t layers = 0;
    std::uint64_t bytes = 0;
};
/// Bytes of a model's parts, KV and workspace of a layer included.
struct LayerBytes {
    std::vector<std::uint64_t> layers; // [layerCount]
    std::uint64_t embedding = 0;       // on the first GPU
    std::uint64_t head = 0;            // on the last
};
/// Stretches such that the fullest GPU, measured by its own memory, is as little full as can be.
/// OutOfMemory with figures where it cannot be. `room` holds the free bytes of every GPU.
Result<std::vector<LayerShare>> shareLayers(const LayerBytes& bytes,
                                            std::span<const std::uint64_t> room);

/// What was measured on the machine.
struct LinkRates {
    double readGbPerSecond = 0; // of one GPU's own memory, while decoding
    double linkGbPerSecond = 0; // one direction of one GPU's links, to all others together
    double sum_us = 0;          // one sum over all GPUs with residual and norm, small
    double stage_us = 0;        // what a product costs beyond its bytes
    double prefillTops = 0;     // operations of one GPU's products [10^12/s]
};
struct SpeedPrediction {
    double decodeTokensPerSecond = 0;
    double prefillTokensPerSecond = 0;
};
/// One sequence, int8 or other weights of `layerBytes` and `headBytes` altogether.
SpeedPrediction predictTensorSplit(const ModelConfig& config, std::uint64_t layerBytes,
                                   std::uint64_t headBytes, std::uint32_t ranks,
                                   const LinkRates& rates);

} // namespace engine
