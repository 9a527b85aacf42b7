#pragma once
// GoldenFile: the exact answers that verify compares with, as a safetensors file:
//   input_ids int32 [T], positions int32 [P], logits float32 [P, V],
//   greedy int32 [N] (the next tokens by argmax), margins float32 [N] (best minus second best)

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace engine {

struct Golden {
    std::vector<TokenId> inputIds;        // [T]
    std::vector<std::uint32_t> positions; // [P], ascending, below T
    std::vector<float> logits;            // [P, vocabularySize]
    std::vector<TokenId> greedy;          // [N]
    std::vector<float> margins;           // [N]
};

/// Reads and checks it against the model's vocabulary. Fails with GoldenInvalid, or as
/// readSafetensorsArray() does.
Result<Golden> readGolden(const std::filesystem::path& path, std::uint32_t vocabularySize);

} // namespace engine
