#pragma once
// Which architectures are computed, and which tensors a model of each must bring. The place where a
// new family (deepseek2) says its names and shapes.

#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"

#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// From general.architecture ("qwen2") or config.json's model_type; ArchitectureLater for families
/// that are known but not computed yet, else ArchitectureUnknown.
Result<Architecture> parseArchitecture(std::string_view name, const std::string& file);

struct ExpectedTensor {
    std::string name;
    std::vector<std::uint64_t> shape; // outermost first
};

/// What sets a family apart beyond its numbers.
void setFamily(ModelConfig& config);

/// Every tensor a model of this configuration needs, in the order of computation.
std::vector<ExpectedTensor> expectedTensors(const ModelConfig& config);

/// All expected tensors are there, with the right shapes and of types that hold weights, and none
/// that would change the result is left over.
Status checkTensors(const ModelConfig& config, const TensorSource& source);

/// Elements of all weights in the source.
std::uint64_t countParameters(const TensorSource& source);

/// The type that most bytes of the source have, for people: "Q8_0".
std::string mainTensorType(const TensorSource& source);

/// "blk.12.attn_q.weight"
std::string layerTensor(std::uint32_t layer, std::string_view part);

} // namespace engine
