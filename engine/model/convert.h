#pragma once
// Convert: writes a model as a GGUF that other programs open (quantize, synth).
// int8 = Q8_0; int4 = Q4_0 with head and embeddings Q8_0; a tensor whose K is no multiple of 32
// stays F16 and is named.

#include "engine/model/opened_model.h"
#include "engine/model/weight_options.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace engine {

struct ConvertReport {
    std::uint64_t inputBytes = 0;
    std::uint64_t outputBytes = 0;
    std::uint64_t quantizedF32Bytes = 0;  ///< the quantized tensors as f32
    std::uint64_t quantizedBytes = 0;     ///< the same tensors as written
    std::vector<std::string> keptTensors; ///< left in F16 because K is no multiple of 32
};

/// Writes OUT beside a temporary name and renames it when complete and synced. weights: Int8, Int4,
/// BF16 or F32.
Result<ConvertReport>
convertToGguf(const OpenedModel& model, const std::filesystem::path& out, WeightFormat weights,
              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress,
              const std::atomic<bool>& stop);

} // namespace engine
