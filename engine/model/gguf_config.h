#pragma once
// What GGUF metadata says about the model: hyperparameters ("qwen2.block_count" ...), published
// sampling, licence. Key names: the GGUF specification.

#include "engine/model/gguf_file.h"
#include "engine/model/opened_model.h"

namespace engine {

/// Reads and validates; also checks that all tensors are there with the right shapes.
Result<ModelConfig> configFromGguf(const GgufFile& file);

/// general.sampling.*; absent keys stay absent.
Result<PublishedSampling> samplingFromGguf(const GgufHeader& header);

} // namespace engine
