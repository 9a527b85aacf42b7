#pragma once
// The scores of one chunk of the cache, for the kernels that attend few rows: attention_fused.cu,
// attention_cluster.cu.

#include "kernels/cuda/attention_fused.cuh"

namespace kernels::cuda::fused {

/// scores[unit][e]: head lane / 4, position 8 unit + 2 (lane % 4) + e, without the keys' scales.
template<typename T, int kDim>
__device__ void multiplyKeys(const std::byte* slot, const Few<kDim>& few, float (&scores)[2][2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    std::uint32_t a[kDim / 16][4];
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
        const uint4 v = few.operands[i][lane];
        a[i][0] = v.x, a[i][1] = v.y, a[i][2] = v.z, a[i][3] = v.w;
    }
#pragma unroll 1 // its instructions are fetched once
    for (int unit = 0; unit < 2; ++unit) {
        float sums[2][4] = {};
#pragma unroll
        for (int i = 0; i < S::kKeyPieces; ++i) {
            const uint4 raw = *reinterpret_cast<const uint4*>(
                slot + ((unit * S::kKeyPieces + i) * 32 + lane) * 16);
            if constexpr (S::kInt8) {
                const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
                for (int w = 0; w < 4; ++w)
                    mmaBf16(sums[w % 2], a[i * 4 + w], plainInt8(words[w]),
                            plainInt8(words[w] >> 8));
            } else {
                mmaBf16(sums[0], a[i * 2], raw.x, raw.y);
                mmaBf16(sums[1], a[i * 2 + 1], raw.z, raw.w);
            }
        }
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            const float score = sums[0][e] + sums[0][e + 2] + sums[1][e] + sums[1][e + 2];
            scores[0][e] = unit == 0 ? score : scores[0][e];
            scores[1][e] = score;
        }
    }
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

/// The heads of a block, in turn by its warps: queries as operands, with what a key bias adds.
template<typename T, int kDim>
__device__ void finishHeads(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, Fixed<kDim>& fixed, Few<kDim>& few,
                            Bias<kDim>& bias) {
    const std::uint32_t jobs = place.jobs();
#pragma unroll 1
    for (std::uint32_t which = threadIdx.x / 32; which < jobs; which += warps()) {
        finishHead<T, kDim>(finish, task, sizes, place, fixed, which);
        if (which >= place.heads)
            continue;
        storeOperands<T, kDim>(fixed.query[which], which, few);
        if (task.keyBias != nullptr)
            fillBias<kDim>(task, fixed.query[which], which, bias);
    }
}

} // namespace kernels::cuda::fused
