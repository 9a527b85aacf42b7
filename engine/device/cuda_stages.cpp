#include "engine/device/cuda_stages.h"

#include <array>

namespace engine {

const char* name(CudaStage stage) {
    static constexpr std::array<const char*, kCudaStageCount> kNames = {
        "embed", "qkv", "attention", "attn_out", "gate_up", "down", "head", "sample"};
    return kNames[static_cast<std::size_t>(stage)];
}

} // namespace engine
