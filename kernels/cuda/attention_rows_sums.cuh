#pragma once
// How attention of many rows ends (attention_rows.cu): the sums of a block's warps become one,
// those of the blocks that share a row meet in memory, and the last of them to arrive writes the
// result. Sums are added in the order of warps and splits, so that the same step gives the same
// bits.

#include "kernels/cuda/attention_fused.cuh"
#include "kernels/cuda/digits.cuh"

namespace kernels::cuda::fused {

constexpr std::uint32_t kFewHeads = 4;

/// Softmax and values of this warp's chunks.
template<int kDim, bool kDigits>
struct Running {
    float top = -INFINITY; // of head lane % 4
    float weight = 0;      // this lane's part
    // Dimensions 2 j and 2 j + 1 of the lane's group; both halves of a probability apart, digits
    // together.
    float acc[kDim / 16][kDigits ? 2 : 4] = {};

    __device__ float2 sums(int j) const {
        if constexpr (kDigits)
            return make_float2(acc[j][0], acc[j][1]);
        else
            return make_float2(acc[j][0] + acc[j][1], acc[j][2] + acc[j][3]);
    }
};

/// Dimensions d..d+3 of one head of a row; a warp holds the whole head.
template<int kDim>
__device__ void storeResult(const Attention& task, const Place& place, std::uint32_t head,
                            std::uint32_t d, float4 v) {
    const std::uint32_t column = (place.firstHead + head) * kDim + d;
    if constexpr (kDim == 128)
        if (task.digits.values != nullptr) {
            writeDigits(task.digits, place.row, column, v);
            return;
        }
    const std::size_t at = std::size_t{place.row} * task.outStride + column;
    if (task.preparedOut != nullptr) { // as gemm_wgmma.cuh wants them
        const std::uint32_t first = column % 16 * 4 + column % 64 / 16 * 2; // of the first pair
        auto* to = reinterpret_cast<std::uint32_t*>(task.preparedOut + at / 64 * 64 + first);
        to[0] = packBf16(v.x, v.y);
        to[4] = packBf16(v.z, v.w);
        return;
    }
    if (task.roundedOut != nullptr)
        *reinterpret_cast<uint2*>(task.roundedOut + at) =
            make_uint2(packBf16(v.x, v.y), packBf16(v.z, v.w));
    else
        *reinterpret_cast<float4*>(task.out + at) = v;
}

/// Weighted values of one head's dimensions d..d+3, and what they are weighted with.
struct Sum {
    float top = -INFINITY;
    float weight = 0;
    float4 values = make_float4(0, 0, 0, 0);

    /// Values on the scale of another top.
    __device__ void add(float factor, float otherWeight, const float4& other) {
        values.x = fmaf(factor, other.x, values.x);
        values.y = fmaf(factor, other.y, values.y);
        values.z = fmaf(factor, other.z, values.z);
        values.w = fmaf(factor, other.w, values.w);
        weight = fmaf(factor, otherWeight, weight);
    }
    __device__ void moveTo(float higher) {
        const float shrink = exp2Fast(top - higher);
        top = higher;
        values.x *= shrink, values.y *= shrink, values.z *= shrink, values.w *= shrink;
        weight *= shrink;
    }
    __device__ float4 result() const {
        const float inverse = 1.0F / weight;
        return make_float4(values.x * inverse, values.y * inverse, values.z * inverse,
                           values.w * inverse);
    }
};

/// Adds up `count` parts that lie in shared memory: values [part][head][dim] in `sums`, tops and
/// weights in `fixed`.
template<int kDim>
__device__ Sum sumParts(const Fixed<kDim>& fixed, const float* sums, std::uint32_t count,
                        std::uint32_t head, std::uint32_t d) {
    Sum sum;
    for (std::uint32_t w = 0; w < count; ++w)
        sum.top = fmaxf(sum.top, fixed.tops[w][head]);
    for (std::uint32_t w = 0; w < count; ++w)
        sum.add(exp2Fast(fixed.tops[w][head] - sum.top), // 0 for a part without positions
                fixed.weights[w][head],
                *reinterpret_cast<const float4*>(sums + (w * kFewHeads + head) * kDim + d));
    return sum;
}

/// Where the parts of a row's splits lie: [row][head][split][dim] of partials, tops and weights
/// behind them.
struct Partials {
    float* values;
    float2* tops;
    std::size_t first; // of the block's row and first head, in splits
    std::uint32_t splits;

    template<int kDim>
    static __device__ Partials of(const Attention& task, const Place& place) {
        const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
        return {task.partials, reinterpret_cast<float2*>(task.partials + all * kDim),
                (std::size_t{place.row} * task.heads + place.firstHead) * task.splits, task.splits};
    }
};

/// The splits of one row and KV head. By the last block to arrive: a warp takes 128 dimensions of
/// every few splits, with the reads of many under way at once.
template<int kDim>
__device__ void combine(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                        float* sums) {
    constexpr std::uint32_t kLanes = kDim / 4;       // of a head
    constexpr std::uint32_t kTogether = 32 / kLanes; // heads
    constexpr int kBatch = 9; // 33 splits of four heads in two rounds of eight warps
    const Partials parts = Partials::of<kDim>(task, place);
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t d = lane % kLanes * 4;
    const std::uint32_t units = (place.heads + kTogether - 1) / kTogether;
    const std::uint32_t slices = max(warps() / units, 1U);
    for (std::uint32_t job = threadIdx.x / 32; job < units * slices; job += warps()) {
        const std::uint32_t slice = job / units;
        const std::uint32_t head = job % units * kTogether + lane / kLanes;
        if (head >= place.heads)
            continue;
        const std::size_t from = parts.first + head * parts.splits;
        Sum sum;
        for (std::uint32_t s = slice; s < place.active; s += slices * kBatch) {
            float2 own[kBatch];
            float4 part[kBatch];
            float top = sum.top;
#pragma unroll
            for (int i = 0; i < kBatch; ++i) {
                const std::uint32_t at = s + i * slices;
                const bool there = at < place.active;
                own[i] = there ? __ldcg(parts.tops + from + at) : make_float2(-INFINITY, 0);
                part[i] = there ? __ldcg(reinterpret_cast<const float4*>(parts.values +
                                                                         (from + at) * kDim + d))
                                : make_float4(0, 0, 0, 0);
            }
#pragma unroll
            for (int i = 0; i < kBatch; ++i)
                top = fmaxf(top, own[i].x);
            sum.moveTo(top);
#pragma unroll
            for (int i = 0; i < kBatch; ++i)
                sum.add(exp2Fast(own[i].x - top), own[i].y, part[i]);
        }
        *reinterpret_cast<float4*>(sums + (slice * kFewHeads + head) * kDim + d) = sum.values;
        if (d == 0) {
            fixed.tops[slice][head] = sum.top;
            fixed.weights[slice][head] = sum.weight;
        }
    }
    __syncthreads();
    for (std::uint32_t i = threadIdx.x; i < place.heads * kLanes; i += blockDim.x)
        storeResult<kDim>(task, place, i / kLanes, i % kLanes * 4,
                          sumParts<kDim>(fixed, sums, slices, i / kLanes, i % kLanes * 4).result());
}

/// The warps' sums of a block; its result, or its part of it.
template<int kDim, bool kDigits>
__device__ void finishBlock(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            Running<kDim, kDigits>& run, float* sums) {
    constexpr std::uint32_t kLanes = kDim / 4; // of a head
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t head = threadIdx.x % 4;
#pragma unroll
    for (int offset = 4; offset < 32; offset *= 2)
        run.weight += __shfl_xor_sync(kAllLanes, run.weight, offset);
    __syncthreads(); // the rings are free
    constexpr int kLaneDims = kDim / 8;
    float* mine = sums + (warp * kFewHeads + head) * kDim + group * kLaneDims;
#pragma unroll
    for (int j = 0; j < kDim / 16; j += 2) {
        const float2 first = run.sums(j);
        const float2 second = run.sums(j + 1);
        *reinterpret_cast<float4*>(mine + 2 * j) =
            make_float4(first.x, first.y, second.x, second.y);
    }
    if (group == 0) {
        fixed.tops[warp][head] = run.top;
        fixed.weights[warp][head] = run.weight;
    }
    __syncthreads();
    const Partials parts = Partials::of<kDim>(task, place);
    for (std::uint32_t i = threadIdx.x; i < place.heads * kLanes; i += blockDim.x) {
        const std::uint32_t h = i / kLanes;
        const std::uint32_t d = i % kLanes * 4;
        const Sum sum = sumParts<kDim>(fixed, sums, warps(), h, d);
        if (place.active == 1) {
            storeResult<kDim>(task, place, h, d, sum.result());
            continue;
        }
        const std::size_t to = parts.first + h * parts.splits + place.split;
        *reinterpret_cast<float4*>(parts.values + to * kDim + d) = sum.values;
        if (d == 0)
            parts.tops[to] = make_float2(sum.top, sum.weight);
    }
    if (place.active == 1)
        return;
    std::uint32_t* arrivals = task.arrivals + std::size_t{place.row} * task.heads + place.firstHead;
    __syncthreads();
    if (threadIdx.x == 0) {
        fixed.last = arriveAndSee(arrivals) + 1 == place.active ? 1 : 0;
        if (fixed.last != 0)
            *arrivals = 0;
    }
    __syncthreads();
    if (fixed.last != 0)
        combine<kDim>(task, place, fixed, sums);
}

} // namespace kernels::cuda::fused
