#pragma once
// A key bias outside of the cache (qwen2) in the fused decode attention: a key is R(p) (k + b), so
// a score gets q R(p) b = sum over pairs of cos(p) u + sin(p) v, u and v of the finished query.
// Products in tf32 with both operands split in two (22 bits). The angle of a chunk's first position
// turns u and v; the positions within use one table.

#include "kernels/cuda/attention_place.cuh"

namespace kernels::cuda::fused {

constexpr std::uint32_t kTurnPitch = 136; // floats of a row of turns: no bank conflicts

/// Shared memory of a key bias outside of the cache.
template<int kDim>
struct Bias {
    float2 uv[kHeads][kDim / 2 + 4]; // pairs; other banks for other heads
    float rest[kHeads];              // of dimensions that do not turn
    float key[kDim];                 // the bias itself
    float turns[kChunk][kTurnPitch];
};

__device__ inline std::uint32_t highTf32(float v) {
    return __float_as_uint(v) & 0xFFFFE000U;
}
__device__ inline std::uint32_t lowTf32(float v) {
    return __float_as_uint(v - __uint_as_float(highTf32(v)));
}

/// u, v of every pair and q b of the dimensions that do not turn, of one finished head; by a warp.
template<int kDim>
__device__ void fillBias(const Attention& task, const float* q, std::uint32_t head,
                         Bias<kDim>& shared) {
    const std::uint32_t pairs = task.rope.pairs;
    const float* bias = shared.key;
    __syncwarp();
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x % 32; i < pairs; i += 32) {
        const std::uint32_t a = task.rope.adjacent ? 2 * i : i;
        const std::uint32_t b = task.rope.adjacent ? 2 * i + 1 : i + pairs;
        shared.uv[head][i] =
            make_float2(q[a] * bias[a] + q[b] * bias[b], q[b] * bias[a] - q[a] * bias[b]);
    }
    float rest = 0;
#pragma unroll 1
    for (std::uint32_t d = 2 * pairs + threadIdx.x % 32; d < kDim; d += 32)
        rest += q[d] * bias[d];
    rest = warpSum(rest);
    if (threadIdx.x % 32 == 0)
        shared.rest[head] = rest;
}

/// What the bias adds to the scores of a chunk: head = lane / 4, positions 8 unit + 2 (lane % 4).
template<int kDim>
__device__ void biasScores(const Bias<kDim>& shared, const float* angles, std::uint32_t pairs,
                           float (&scores)[2][2]) {
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    float sums[2][2][4] = {};
#pragma unroll 2 // more would be fetched once and never again
    for (std::uint32_t i = quarter; i < pairs; i += 4) {
        const float cosine = angles[i];
        const float sine = angles[pairs + i];
        const float2 uv = shared.uv[group][i];
        const float u = uv.x * cosine + uv.y * sine;
        const float v = uv.y * cosine - uv.x * sine;
        const std::uint32_t a[4] = {highTf32(u), lowTf32(u), highTf32(v), lowTf32(v)};
#pragma unroll
        for (int unit = 0; unit < 2; ++unit) {
            const float2 turn =
                *reinterpret_cast<const float2*>(&shared.turns[unit * 8 + group][i * 2]);
            mmaTf32(sums[unit][0], a, highTf32(turn.x), highTf32(turn.y));
            mmaTf32(sums[unit][1], a, lowTf32(turn.x), lowTf32(turn.y));
        }
    }
#pragma unroll
    for (int unit = 0; unit < 2; ++unit)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            scores[unit][e] = sums[unit][0][e] + sums[unit][0][e + 2] + sums[unit][1][e] +
                              sums[unit][1][e + 2] + shared.rest[group];
}

} // namespace kernels::cuda::fused
