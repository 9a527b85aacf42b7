#pragma once
// The scores of one chunk of the cache, for the kernels that attend few rows: attention_fused.cu,
// attention_cluster.cu.

#include "kernels/cuda/attention_heads.cuh"

namespace kernels::cuda::fused {

/// scores[unit][e]: head lane / 4, position 8 unit + 2 (lane % 4) + e, without the keys' scales.
template<typename T, int kDim>
__device__ void multiplyKeys(const std::byte* slot, const Few<kDim>& few, float (&scores)[2][2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    constexpr int kOperands = S::kInt8 ? 4 : 2; // of a piece: 16 dimensions each
    float sums[2][2][4] = {};
#pragma unroll
    for (int i = 0; i < S::kKeyPieces; ++i) {
        uint4 raw[2];
#pragma unroll
        for (int unit = 0; unit < 2; ++unit)
            raw[unit] = *reinterpret_cast<const uint4*>(
                slot + ((unit * S::kKeyPieces + i) * 32 + lane) * 16);
#pragma unroll
        for (int o = 0; o < kOperands; ++o) {
            const uint4 v = few.operands[i * kOperands + o][lane];
            const std::uint32_t a[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
            for (int unit = 0; unit < 2; ++unit) {
                const std::uint32_t words[4] = {raw[unit].x, raw[unit].y, raw[unit].z, raw[unit].w};
                if constexpr (S::kInt8)
                    mmaBf16(sums[unit][o % 2], a, plainInt8(words[o]), plainInt8(words[o] >> 8));
                else
                    mmaBf16(sums[unit][o], a, words[o * 2], words[o * 2 + 1]);
            }
        }
    }
#pragma unroll
    for (int unit = 0; unit < 2; ++unit)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            scores[unit][e] =
                sums[unit][0][e] + sums[unit][0][e + 2] + sums[unit][1][e] + sums[unit][1][e + 2];
}

/// scores[unit][e] as above, of the new token's queries; without what a key bias adds.
template<typename T, int kDim>
__device__ void scoreKeys(const std::byte* slot, const Few<kDim>& few, float (&scores)[2][2]) {
    using S = Shape<T, kDim>;
    multiplyKeys<T, kDim>(slot, few, scores);
    if constexpr (S::kInt8)
#pragma unroll
        for (int unit = 0; unit < 2; ++unit) {
            const float2 s = *reinterpret_cast<const float2*>(S::keyScales(slot) + unit * 8 +
                                                              threadIdx.x % 4 * 2);
            scores[unit][0] *= s.x;
            scores[unit][1] *= s.y;
        }
}

/// -infinity behind the row's position.
__device__ inline void maskScores(const Place& place, std::uint32_t chunk, float (&scores)[2][2]) {
    const std::uint32_t left = place.position + 1 - chunk * kChunk; // positions that count
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (i / 2 * 8 + threadIdx.x % 4 * 2 + i % 2 >= left)
            scores[i / 2][i % 2] = -INFINITY;
}

/// The highest score of head lane / 4 in a chunk, at least `top`.
__device__ inline float highestScore(const float (&scores)[2][2], float top) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
        top = fmaxf(top, scores[i / 2][i % 2]);
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    return fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
}

/// Probabilities on the scale of `top`, with the scales of int8 values, as A operand: rows 0..7
/// what bf16 keeps of them, rows 8..15 what it loses. Returns the lane's part of their sum.
template<typename T, int kDim>
__device__ float weighChunk(const std::byte* slot, const float (&scores)[2][2], float top,
                            std::uint32_t (&p)[4]) {
    using S = Shape<T, kDim>;
    float sum = 0;
#pragma unroll
    for (int unit = 0; unit < 2; ++unit) {
        float p0 = exp2Fast(scores[unit][0] - top);
        float p1 = exp2Fast(scores[unit][1] - top);
        sum += p0 + p1;
        if constexpr (S::kInt8) {
            const float2 s = *reinterpret_cast<const float2*>(S::valueScales(slot) + unit * 8 +
                                                              threadIdx.x % 4 * 2);
            p0 = p0 > 0 ? p0 * s.x : 0.0F; // a scale behind the end may be anything
            p1 = p1 > 0 ? p1 * s.y : 0.0F;
        }
        splitPair(p0, p1, p[unit * 2], p[unit * 2 + 1]);
    }
    return sum;
}

__device__ inline void storeResult(const Attention& task, std::size_t at, float value) {
    if (task.roundedOut != nullptr)
        task.roundedOut[at] = __bfloat16_as_ushort(__float2bfloat16_rn(value));
    else
        task.out[at] = value;
}

} // namespace kernels::cuda::fused
