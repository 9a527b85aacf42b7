#pragma once
// What both sampling kernels share. Definitions: engine/device/cpu_sampler.h, their oracle.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

constexpr std::int32_t kNoSample = -1;
constexpr float kGreedyTemperature = 1e-6F;

/// Philox4x32-10 keyed by seed, sample number and position; source in engine/device/philox.h.
__device__ inline double uniform(std::uint64_t seed, std::uint32_t sampleNumber,
                                 std::uint32_t position) {
    std::uint32_t c[4] = {position, sampleNumber, 0, 0};
    std::uint32_t key[2] = {static_cast<std::uint32_t>(seed),
                            static_cast<std::uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * c[0];
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * c[2];
        const std::uint32_t next0 = static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key[0];
        const std::uint32_t next2 = static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key[1];
        c[1] = static_cast<std::uint32_t>(product1);
        c[3] = static_cast<std::uint32_t>(product0);
        c[0] = next0;
        c[2] = next2;
        key[0] += 0x9E3779B9U;
        key[1] += 0xBB67AE85U;
    }
    const std::uint64_t bits = (std::uint64_t{c[0]} << 32) | c[1];
    return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

__device__ inline double warpSumDouble(double value) {
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(kAllLanes, value, offset);
    return value;
}

/// Candidates heavier than `weight`, and the first `ties` of those as heavy.
struct Cut {
    float weight = 0;
    std::uint32_t ties = 0xFFFFFFFFU;
};

/// The best logit and its id: highest, lowest id on a tie, NaN never.
struct Best {
    float logit = -INFINITY;
    std::int32_t token = kNoSample;

    __device__ void take(float other, std::int32_t id) {
        if (id != kNoSample &&
            (token == kNoSample || other > logit || (other == logit && id < token)))
            logit = other, token = id;
    }
};

/// A logit after repetition, presence and frequency penalties of a token seen `count` times.
__device__ inline float penalized(const SlotState& state, float logit, std::uint32_t count) {
    if (count == 0)
        return logit;
    const float divided =
        logit > 0 ? logit / state.repetitionPenalty : logit * state.repetitionPenalty;
    return divided - (state.presencePenalty + state.frequencyPenalty * static_cast<float>(count));
}

/// By one cluster a job (sm_90). Precondition: sampleClusterTakes().
cudaError_t sampleCluster(const Sampling& task, const DeviceLimits& limits, cudaStream_t stream);
bool sampleClusterTakes(const Sampling& task, const DeviceLimits& limits);

} // namespace kernels::cuda
