#pragma once
// What the blocks of a cluster that attend a row together (attention_cluster.cu) make of their
// chunks, and tell each other.

#include "kernels/cuda/attention_chunk.cuh"
#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/handed_row.cuh"

namespace kernels::cuda::fused {

constexpr int kDepth = 2;           // chunks of a warp under way
constexpr std::uint32_t kWarps = 8; // each of them sends to a block or two
static_assert(kWarps == kMostWarps);
/// Of a block. Where keys have a bias, twice the warps: the second half computes what it adds.
template<bool kBiased>
constexpr std::uint32_t kThreads = kWarps * 32 * (kBiased ? 2 : 1);

/// What a warp makes of its chunk, in the place of the chunk's keys.
struct Weighed {
    uint4 p[32];          // probabilities as A operand
    float2 heads[kHeads]; // highest score; weight on its scale
};

/// What the blocks of a cluster send here: their sums of this block's part of the dimensions,
/// highest scores and weights.
template<int kDim, int kSplits>
struct Inbox {
    /// Blocks that add up a part of the dimensions: all, or the first eight.
    static constexpr std::uint32_t kOwners = kSplits == 16 ? 16 : 8;
    static constexpr std::uint32_t kShare = kDim / kOwners; // dimensions of each
    __align__(16) float sums[kSplits][kHeads][kShare];
    float2 totals[kSplits][kHeads];
    Arrivals arrivals;
};

/// acc[tile][..] = p V: the lane's probabilities times the values of kDim / 8 dimensions, those of
/// `part`. Columns 2 (lane % 4) and + 1 of tile t are dimensions kTiles column + t of the part.
template<typename T, int kDim>
__device__ __forceinline__ void multiplyValues(const std::byte* values, std::uint32_t part,
                                               const uint4& p, float (&acc)[kDim / 64][4]) {
    using S = Shape<T, kDim>;
    constexpr int kTiles = kDim / 64;
    constexpr std::uint32_t kLaneBytes = kTiles * sizeof(T); // of a row
    const std::uint32_t quarter = threadIdx.x % 4;
    const std::uint32_t byte = (part * 8 + threadIdx.x % 32 / 4) * kLaneBytes;
    std::uint32_t words[4]; // positions 2q, 2q + 1, 2q + 8, 2q + 9
#pragma unroll
    for (int r = 0; r < 4; ++r) {
        const std::uint32_t row = quarter * 2 + r % 2 + r / 2 * 8;
        const std::byte* from =
            values + row * S::kRowBytes + S::swizzle(row, byte / 16) * 16 + byte % 16;
        if constexpr (kLaneBytes == 4)
            words[r] = *reinterpret_cast<const std::uint32_t*>(from);
        else if constexpr (kLaneBytes == 2)
            words[r] = *reinterpret_cast<const std::uint16_t*>(from);
        else
            words[r] = static_cast<std::uint32_t>(*from);
    }
    const std::uint32_t a[4] = {p.x, p.y, p.z, p.w};
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
        std::uint32_t b[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const std::uint32_t pair = // dimension t of both positions
                permute(words[i * 2], words[i * 2 + 1],
                        S::kInt8 ? 0x0400U + static_cast<std::uint32_t>(t) * 0x0101U
                                 : (t == 0 ? 0x5410U : 0x7632U));
            b[i] = S::kInt8 ? plainInt8(pair) : pair;
        }
        mmaBf16(acc[t], a, b[0], b[1]);
    }
}

/// Sums of a block, in every warp those of its dimensions: of head lane / 4.
template<int kDim>
struct Sums {
    static constexpr int kTiles = kDim / 64;
    float top = -INFINITY;
    float weight = 0;
    float values[kTiles][2] = {};
};

/// Adds a turn's `count` chunks, whose first slot is `slot`, the warps' rings `pitch` apart.
template<typename T, int kDim>
__device__ void addTurn(const std::byte* slot, std::uint32_t pitch, std::uint32_t count,
                        Sums<kDim>& to) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t head = lane / 4;
    float higher = to.top;
#pragma unroll
    for (std::uint32_t w = 0; w < kWarps; ++w)
        if (w < count)
            higher =
                fmaxf(higher, reinterpret_cast<const Weighed*>(slot + w * pitch)->heads[head].x);
    const float shrink = exp2Fast(to.top - higher);
    to.top = higher;
    to.weight *= shrink;
#pragma unroll
    for (auto& tile : to.values)
        tile[0] *= shrink, tile[1] *= shrink;
#pragma unroll 2 // more would be fetched once and never again
    for (std::uint32_t w = 0; w < count; ++w) {
        const auto* weighed = reinterpret_cast<const Weighed*>(slot + w * pitch);
        const float2 own = weighed->heads[head];
        const float factor = exp2Fast(own.x - higher);
        float products[kDim / 64][4] = {};
        multiplyValues<T, kDim>(slot + w * pitch + Shape<T, kDim>::kSideBytes, threadIdx.x / 32,
                                weighed->p[lane], products);
        to.weight = fmaf(factor, own.y, to.weight);
#pragma unroll
        for (int t = 0; t < kDim / 64; ++t)
#pragma unroll
            for (int e = 0; e < 2; ++e)
                to.values[t][e] =
                    fmaf(factor, products[t][e] + products[t][e + 2], to.values[t][e]);
    }
}

/// What a key bias adds to a chunk's scores, computed by another warp than they are: by pairs of
/// warps. It lies in the place of the chunk's angles.
template<typename T, int kDim>
struct AddedScores {
    static_assert(Shape<T, kDim>::kAngleBytes >= 32 * sizeof(float4));
    float4* place;       // of the lane
    std::uint32_t meets; // the pair's barrier

    __device__ explicit AddedScores(std::byte* slot)
        : place(reinterpret_cast<float4*>(const_cast<float*>(Shape<T, kDim>::angles(slot))) +
                threadIdx.x % 32),
          meets(1 + threadIdx.x / 32 % kWarps) {}
    __device__ void meet() const { asm volatile("bar.sync %0, 64;" ::"r"(meets) : "memory"); }
    /// By the pair's second warp.
    __device__ void compute(const Attention& task, const std::byte* slot, const Bias<kDim>& bias) {
        float added[2][2];
        biasScores<kDim>(bias, Shape<T, kDim>::angles(slot), task.rope.pairs, added);
        __syncwarp(); // the angles have been read
        *place = make_float4(added[0][0], added[0][1], added[1][0], added[1][1]);
        meet();
    }
    /// By its first.
    __device__ void add(float (&scores)[2][2]) {
        meet();
        const float4 added = *place;
        scores[0][0] += added.x, scores[0][1] += added.y;
        scores[1][0] += added.z, scores[1][1] += added.w;
    }
};

/// Probabilities of the warp's chunk into the place of its keys.
template<typename T, int kDim, bool kBiased>
__device__ void weighOwn(const Place& place, std::uint32_t chunk, std::byte* slot,
                         const Few<kDim>& few) {
    const std::uint32_t lane = threadIdx.x % 32;
    float scores[2][2];
    scoreKeys<T, kDim>(slot, few, scores);
    if constexpr (kBiased)
        AddedScores<T, kDim>(slot).add(scores);
    maskScores(place, chunk, scores);
    const float top = highestScore(scores, -INFINITY);
    std::uint32_t p[4];
    float weight = weighChunk<T, kDim>(slot, scores, top, p);
    weight += __shfl_xor_sync(kAllLanes, weight, 1);
    weight += __shfl_xor_sync(kAllLanes, weight, 2);
    __syncwarp(); // the keys have been read
    auto* weighed = reinterpret_cast<Weighed*>(slot);
    weighed->p[lane] = make_uint4(p[0], p[1], p[2], p[3]);
    if (lane % 4 == 0)
        weighed->heads[lane / 4] = make_float2(top, weight);
}

/// The block's sums to the blocks of the cluster, a warp's to the one or two that have its
/// dimensions.
template<int kDim, int kSplits>
__device__ void sendSums(const Place& place, const Sums<kDim>& sums, Inbox<kDim, kSplits>& inbox) {
    constexpr std::uint32_t kOwners = Inbox<kDim, kSplits>::kOwners;
    constexpr std::uint32_t kLanes = 4 * kWarps / kOwners; // of a head, that send to one block
    const std::uint32_t head = threadIdx.x % 32 / 4;
    const std::uint32_t to = threadIdx.x % 4 / kLanes + threadIdx.x / 32 * (4 / kLanes);
    const std::uint32_t lane = threadIdx.x % kLanes;
    if (head >= place.heads)
        return;
    delayAtRandom();
    float* values = inbox.sums[place.split][head];
    if constexpr (kDim == 128)
        inbox.arrivals.send(
            reinterpret_cast<float4*>(values) + lane,
            make_float4(sums.values[0][0], sums.values[1][0], sums.values[0][1], sums.values[1][1]),
            to);
    else
        inbox.arrivals.send(reinterpret_cast<float2*>(values) + lane,
                            make_float2(sums.values[0][0], sums.values[0][1]), to);
    if (lane == 0)
        inbox.arrivals.send(&inbox.totals[place.split][head], make_float2(sums.top, sums.weight),
                            to);
}

/// The result of this block's part of the dimensions, once all splits are here.
template<int kDim, int kSplits>
__device__ void writeShare(const Attention& task, const Place& place, Inbox<kDim, kSplits>& inbox) {
    constexpr std::uint32_t kShare = Inbox<kDim, kSplits>::kShare;
    if (place.split >= Inbox<kDim, kSplits>::kOwners)
        return;
    delayAtRandom();
    inbox.arrivals.wait();
    for (std::uint32_t i = threadIdx.x; i < place.heads * kShare; i += blockDim.x) {
        const std::uint32_t head = i / kShare;
        float2 totals[kSplits];
        float top = -INFINITY;
#pragma unroll
        for (std::uint32_t s = 0; s < kSplits; ++s) {
            totals[s] = s < place.active ? inbox.totals[s][head] : make_float2(-INFINITY, 0);
            top = fmaxf(top, totals[s].x);
        }
        float sum = 0;
        float weight = 0;
#pragma unroll
        for (std::uint32_t s = 0; s < kSplits; ++s) {
            const float factor = exp2Fast(totals[s].x - top); // 0 without positions
            sum = fmaf(factor, s < place.active ? inbox.sums[s][head][i % kShare] : 0.0F, sum);
            weight = fmaf(factor, totals[s].y, weight);
        }
        const std::size_t column =
            (place.firstHead + head) * kDim + place.split * kShare + i % kShare;
        if (kShare % kHandedGroup == 0 && task.handedOut != nullptr)
            handColumn(task.handedOut, task.outStride, column, sum / weight);
        else
            storeResult(task, std::size_t{place.row} * task.outStride + column, sum / weight);
    }
}

} // namespace kernels::cuda::fused
