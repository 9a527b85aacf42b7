#pragma once
// Synthetic models: real shapes, normal random weights, made row by row when asked. For bench and
// synth.

#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"

#include <memory>
#include <string_view>
#include <vector>

namespace engine {

/// qwen2-1.5b qwen2-7b llama-8b qwen3-8b qwen2-14b qwen2-32b llama-70b gpt2-xl
std::vector<std::string_view> syntheticShapes();
Result<ModelConfig> syntheticConfig(std::string_view shape);
/// BF16 tensors of that configuration, distinct per tensor, scaled so that logits have a standard
/// deviation near 2.
std::shared_ptr<const TensorSource> makeSyntheticSource(const ModelConfig& config,
                                                        std::uint64_t seed);

} // namespace engine
