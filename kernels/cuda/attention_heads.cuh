#pragma once
// The new token's query heads, for the kernels that attend few rows: a warp has a head, a lane its
// pairs of dimensions that turn together, in registers from the projection to the operands of the
// tensor cores.

#include "kernels/cuda/attention_fused.cuh"

namespace kernels::cuda::fused {

/// The lane's pairs of dimensions of a query head: lane and lane + 32 of those that turn, then
/// neighbours that do not.
template<int kDim>
struct HeadPairs {
    static constexpr std::uint32_t kPairs = kDim / 64; // of a lane
    std::uint32_t dims[kPairs][2];

    __device__ explicit HeadPairs(const RopeTable& rope) {
#pragma unroll
        for (std::uint32_t t = 0; t < kPairs; ++t) {
            const bool apart = turns(rope, t) && !rope.adjacent;
            dims[t][0] = apart ? pair(t) : 2 * pair(t);
            dims[t][1] = apart ? pair(t) + rope.pairs : 2 * pair(t) + 1;
        }
    }
    static __device__ std::uint32_t pair(std::uint32_t t) {
        return threadIdx.x % 32 + t * 32;
    }
    static __device__ bool turns(const RopeTable& rope, std::uint32_t t) {
        return pair(t) < rope.pairs;
    }
};
/// Of the lane's pairs.
template<int kDim>
struct PairValues {
    float at[HeadPairs<kDim>::kPairs][2] = {};
};

/// The bias of query head `which` of the block, zeros behind the last: may be read before the
/// projections are there.
template<int kDim>
__device__ PairValues<kDim> queryBias(const QkvFinish& finish, const Place& place,
                                      std::uint32_t which) {
    PairValues<kDim> bias;
    if (finish.queryBias == nullptr || place.finished || which >= place.heads)
        return bias;
    const float* from = finish.queryBias + (place.firstHead + which) * kDim;
    const HeadPairs<kDim> own(finish.rope);
#pragma unroll
    for (std::uint32_t t = 0; t < own.kPairs; ++t)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            bias.at[t][e] = from[own.dims[t][e]];
    return bias;
}

/// Dimension `d` of query head `which` as A operand in the order of the keys' bytes: a lane of its
/// group has 4 of every 16 dimensions. What bf16 keeps of it, and a word on what that loses.
template<typename T, int kDim>
__device__ __forceinline__ void storeOperand(float value, std::uint32_t d, std::uint32_t which,
                                             Few<kDim>& few) {
    constexpr std::uint32_t kPieceDims = 16 / sizeof(T);
    const std::uint32_t part = d / kPieceDims; // 16 bytes of a key
    const std::uint32_t operand = part / 4 * (kPieceDims / 4) + d % kPieceDims / 4;
    const std::uint32_t e = d % 4;
    // Masks leave bytes 0 and 2 of a word, then 1 and 3.
    const std::uint32_t half =
        sizeof(T) == 1 ? e % 2 * 4 + e / 2 : e / 2 * 4 + e % 2; // of 8 halves of an operand
    auto* to =
        reinterpret_cast<std::uint16_t*>(&few.operands[operand][which * 4 + part % 4]) + half;
    const __nv_bfloat16 high = __float2bfloat16_rn(value);
    to[0] = __bfloat16_as_ushort(high);
    to[2] = __bfloat16_as_ushort(__float2bfloat16_rn(value - __bfloat162float(high)));
}

/// u, v of the lane's pairs and q b of the dimensions that do not turn, of finished query head
/// `which`; by a warp.
template<int kDim>
__device__ void fillBias(const RopeTable& rope, const HeadPairs<kDim>& own,
                         const PairValues<kDim>& query, std::uint32_t which, Bias<kDim>& shared) {
    float2 uv[own.kPairs];
    float rest = 0;
    std::uint32_t largest = 0; // bits of a magnitude
#pragma unroll
    for (std::uint32_t t = 0; t < own.kPairs; ++t) {
        const float* q = query.at[t];
        const float key[2] = {shared.key[own.dims[t][0]], shared.key[own.dims[t][1]]};
        uv[t] = make_float2(q[0] * key[0] + q[1] * key[1], q[1] * key[0] - q[0] * key[1]);
        if (!own.turns(rope, t)) {
            rest += uv[t].x;
            uv[t] = make_float2(0, 0);
        }
        largest =
            max(largest, max(__float_as_uint(fabsf(uv[t].x)), __float_as_uint(fabsf(uv[t].y))));
    }
    const float scale = biasScale(__reduce_max_sync(kAllLanes, largest));
#pragma unroll
    for (std::uint32_t t = 0; t < own.kPairs; ++t)
        shared.uv[which][own.pair(t)] = make_float2(uv[t].x * scale, uv[t].y * scale);
    if (2 * rope.pairs < kDim)
        rest = warpSum(rest);
    if (threadIdx.x % 32 == 0) {
        shared.rest[which] = rest;
        shared.unscale[which] = 1.0F / scale; // both powers of two
    }
}

/// Query head `which` of the block: bias, norm, rotation, unless that was done before; by a warp.
template<typename T, int kDim>
__device__ void finishQuery(const QkvFinish& finish, const Attention& task, const Place& place,
                            const PairValues<kDim>& added, const Fixed<kDim>& fixed,
                            std::uint32_t which, Few<kDim>& few, Bias<kDim>& bias) {
    const HeadPairs<kDim> own(finish.rope);
    const float* x = finish.query + std::size_t{place.row} * finish.queryStride +
                     (place.firstHead + which) * kDim;
    PairValues<kDim> query;
#pragma unroll
    for (std::uint32_t t = 0; t < own.kPairs; ++t)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            query.at[t][e] = __ldcg(x + own.dims[t][e]);
    float factor = 1;
    if (finish.queryNorm != nullptr && !place.finished) {
        float squares = 0;
#pragma unroll
        for (std::uint32_t t = 0; t < own.kPairs; ++t)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                const float v = query.at[t][e] + added.at[t][e];
                squares += v * v;
                query.at[t][e] = v * finish.queryNorm[own.dims[t][e]];
            }
        factor = 1.0F / sqrtf(warpSum(squares) / kDim + finish.eps);
    } else {
#pragma unroll
        for (std::uint32_t t = 0; t < own.kPairs; ++t)
            query.at[t][0] += added.at[t][0], query.at[t][1] += added.at[t][1];
    }
    factor *= task.scale * kLog2E;
#pragma unroll
    for (std::uint32_t t = 0; t < own.kPairs; ++t) {
        const bool turns = own.turns(finish.rope, t) && !place.finished;
        const float cosine = turns ? fixed.angles[own.pair(t)] : 1.0F;
        const float sine = turns ? fixed.angles[own.pair(t) + finish.rope.pairs] : 0.0F;
        const float a = query.at[t][0] * factor;
        const float b = query.at[t][1] * factor;
        query.at[t][0] = a * cosine - b * sine;
        query.at[t][1] = b * cosine + a * sine;
        storeOperand<T, kDim>(query.at[t][0], own.dims[t][0], which, few);
        storeOperand<T, kDim>(query.at[t][1], own.dims[t][1], which, few);
    }
    if (task.keyBias != nullptr)
        fillBias<kDim>(finish.rope, own, query, which, bias);
}

/// The heads of a block, in turn by its warps: queries as operands, with what a key bias adds, and
/// the new key and value where their position is. `added`: queryBias() of the warp's first one.
template<typename T, int kDim>
__device__ void finishHeads(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, PairValues<kDim> added, Fixed<kDim>& fixed,
                            Few<kDim>& few, Bias<kDim>& bias) {
#pragma unroll 1
    for (std::uint32_t which = threadIdx.x / 32; which < place.jobs(); which += warps()) {
        if (which >= place.heads) {
            finishHead<T, kDim>(finish, task, sizes, place, fixed, which);
            continue;
        }
        if (which >= warps())
            added = queryBias<kDim>(finish, place, which);
        finishQuery<T, kDim>(finish, task, place, added, fixed, which, few, bias);
    }
}

} // namespace kernels::cuda::fused
