#pragma once
// A key bias outside of the cache (qwen2) in the fused decode attention: a key is R(p) (k + b), so
// a score gets q R(p) b = sum over pairs of cos(p) u + sin(p) v, u and v of the finished query.
// Products in tf32 with both operands split in two (22 bits). The angle of a chunk's first position
// turns u and v; the positions within use one table.

#include "kernels/cuda/attention_place.cuh"

namespace kernels::cuda::fused {

constexpr std::uint32_t kTurnPitch = 144; // floats of a row of turns: no bank conflicts

/// Shared memory of a key bias outside of the cache.
template<int kDim>
struct Bias {
    // Pairs of a head, times a power of two so that they fit fp16; other banks for other heads.
    __align__(16) float2 uv[kHeads][kDim / 2 + 8];
    float unscale[kHeads]; // what undoes that
    float rest[kHeads];    // of dimensions that do not turn
    float key[kDim];       // the bias itself
    // Cosine and sine of every pair; then both as fp16, and as fp16 what that loses: splitTurns().
    __align__(16) float turns[kChunk][kTurnPitch];
};

/// A power of two for numbers of which the largest has these bits: then below 2^13, so that they
/// fit fp16 when turned, also by angles of a length up to 5. What is not finite stays so.
__device__ inline float biasScale(std::uint32_t largest) {
    return __uint_as_float((127 + 12 + 127 - max(largest >> 23, 27U)) << 23);
}

/// Two floats as fp16, and what that loses.
__device__ inline void splitHalves(float a, float b, std::uint32_t& high, std::uint32_t& low) {
    const __half2 h = __floats2half2_rn(a, b);
    const float2 back = __half22float2(h);
    const __half2 l = __floats2half2_rn(a - back.x, b - back.y);
    high = *reinterpret_cast<const std::uint32_t*>(&h);
    low = *reinterpret_cast<const std::uint32_t*>(&l);
}

/// The table of turns as operands, in its place; zeros for pairs behind the last, up to a multiple
/// of eight. A thread takes what it has copied itself (fetchTables()).
template<int kDim>
__device__ void splitTurns(std::uint32_t pairs, Bias<kDim>& shared) {
    const std::uint32_t padded = (2 * pairs + 15) / 16 * 16;
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x / 32; i < kChunk; i += blockDim.x / 32)
        for (std::uint32_t c = threadIdx.x % 32 * 4; c < padded; c += 128) {
            auto* place = reinterpret_cast<float4*>(&shared.turns[i][c]);
            const float4 turn = c < 2 * pairs ? *place : make_float4(0, 0, 0, 0);
            uint4 split;
            splitHalves(turn.x, turn.y, split.x, split.y);
            splitHalves(turn.z, turn.w, split.z, split.w);
            *reinterpret_cast<uint4*>(place) = split;
        }
}

/// Adds to the scores of a chunk what the bias adds: head = lane / 4, scores[unit][e] of position
/// 8 unit + 2 (lane % 4) + e. `angles`: of the chunk's first position.
template<int kDim>
__device__ void addBias(const Bias<kDim>& shared, const float* angles, std::uint32_t pairs,
                        float (&scores)[2][2]) {
    const std::uint32_t group = threadIdx.x % 32 / 4;
    float sums[2][2][4] = {};
#pragma unroll 2 // more would be fetched once and never again
    for (std::uint32_t i = threadIdx.x % 4 * 2; i < (pairs + 7) / 8 * 8; i += 8) {
        float2 cosine = make_float2(0, 0);
        float2 sine = cosine;
        if (i < pairs) {
            cosine = *reinterpret_cast<const float2*>(angles + i);
            sine = *reinterpret_cast<const float2*>(angles + pairs + i);
        }
        const float4 uv = *reinterpret_cast<const float4*>(&shared.uv[group][i]);
        std::uint32_t a[4]; // pairs i and i + 1: rows 0..7 what fp16 keeps, 8..15 what it loses
        splitHalves(uv.x * cosine.x + uv.y * sine.x, uv.y * cosine.x - uv.x * sine.x, a[0], a[1]);
        splitHalves(uv.z * cosine.y + uv.w * sine.y, uv.w * cosine.y - uv.z * sine.y, a[2], a[3]);
#pragma unroll
        for (int unit = 0; unit < 2; ++unit) {
            const uint4 turn =
                *reinterpret_cast<const uint4*>(&shared.turns[unit * 8 + group][i * 2]);
            mmaHalf(sums[unit][0], a, turn.x, turn.z);
            mmaHalf(sums[unit][1], a, turn.y, turn.w);
        }
    }
#pragma unroll
    for (int unit = 0; unit < 2; ++unit)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            scores[unit][e] += (sums[unit][0][e] + sums[unit][0][e + 2] + sums[unit][1][e] +
                                sums[unit][1][e + 2]) *
                                   shared.unscale[group] +
                               shared.rest[group];
}

} // namespace kernels::cuda::fused
