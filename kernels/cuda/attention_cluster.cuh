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
constexpr std::uint32_t kThreads = kWarps * 32;

/// What a warp makes of its chunk, in the place of the chunk's keys.
struct Weighed {
    uint4 p[32];          // probabilities as A operand
    float2 heads[kHeads]; // highest score; weight on its scale
};

/// What the blocks of a cluster send here: highest scores and weights, then their sums of this
/// block's part of the dimensions.
template<int kDim, int kSplits>
struct Inbox {
    /// Blocks that add up a part of the dimensions: all, or the first eight.
    static constexpr std::uint32_t kOwners = kSplits == 16 ? 16 : 8;
    static constexpr std::uint32_t kShare = kDim / kOwners; // dimensions of each
    __align__(16) float sums[kSplits][kHeads][kShare];
    float2 totals[kSplits][kHeads];
    Arrivals totalArrivals;
    Arrivals sumArrivals;

    /// By one thread, before the blocks meet.
    __device__ void open() {
        totalArrivals.open();
        sumArrivals.open();
        Arrivals::showOpen();
    }
    /// By the same.
    __device__ void expect(const Place& place) {
        totalArrivals.expect(place.active * place.heads * sizeof(float2));
        sumArrivals.expect(place.active * place.heads * kShare * sizeof(float));
    }
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

/// What weighs a turn's chunks of head lane / 4 against each other.
struct TurnFactors {
    float factors[kWarps]; // 0 without a chunk
    float shrink;          // of what was added before

    /// Of `count` chunks whose first slot is `slot`, the warps' rings `pitch` apart; highest score
    /// and weight go to `sums`.
    template<int kDim>
    __device__ TurnFactors(const std::byte* slot, std::uint32_t pitch, std::uint32_t count,
                           Sums<kDim>& sums) {
        const std::uint32_t head = threadIdx.x % 32 / 4;
        float2 own[kWarps];
        float higher = sums.top;
#pragma unroll
        for (std::uint32_t w = 0; w < kWarps; ++w) {
            own[w] = make_float2(-INFINITY, 0);
            if (w < count)
                own[w] = reinterpret_cast<const Weighed*>(slot + w * pitch)->heads[head];
            higher = fmaxf(higher, own[w].x);
        }
        shrink = exp2Fast(sums.top - higher);
        sums.top = higher;
        sums.weight *= shrink;
#pragma unroll
        for (std::uint32_t w = 0; w < kWarps; ++w) {
            factors[w] = exp2Fast(own[w].x - higher);
            sums.weight = fmaf(factors[w], own[w].y, sums.weight);
        }
    }
};

/// Adds the values of a turn's `count` chunks.
template<typename T, int kDim>
__device__ void addTurn(const std::byte* slot, std::uint32_t pitch, std::uint32_t count,
                        const TurnFactors& turn, Sums<kDim>& to) {
    constexpr int kTiles = Sums<kDim>::kTiles;
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (auto& tile : to.values)
        tile[0] *= turn.shrink, tile[1] *= turn.shrink;
#pragma unroll
    for (std::uint32_t w = 0; w < kWarps; w += 2) {
        if (w >= count)
            break;
#pragma unroll
        for (std::uint32_t i = 0; i < 2; ++i) { // the second one may be the first again, times 0
            const std::byte* own = slot + min(w + i, count - 1) * pitch;
            float products[kTiles][4] = {};
            multiplyValues<T, kDim>(own + Shape<T, kDim>::kSideBytes, threadIdx.x / 32,
                                    reinterpret_cast<const Weighed*>(own)->p[lane], products);
#pragma unroll
            for (int t = 0; t < kTiles; ++t)
#pragma unroll
                for (int e = 0; e < 2; ++e)
                    to.values[t][e] = fmaf(turn.factors[w + i], products[t][e] + products[t][e + 2],
                                           to.values[t][e]);
        }
    }
}

/// Probabilities of the warp's chunk into the place of its keys.
template<typename T, int kDim, bool kBiased>
__device__ void weighOwn(const Attention& task, const Place& place, std::uint32_t chunk,
                         std::byte* slot, const Few<kDim>& few, const Bias<kDim>& bias) {
    const std::uint32_t lane = threadIdx.x % 32;
    float scores[2][2];
    scoreKeys<T, kDim>(slot, few, scores);
    if constexpr (kBiased)
        addBias<kDim>(bias, Shape<T, kDim>::angles(slot), task.rope.pairs, scores);
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

/// The block's sums to the blocks of the cluster that add them up.
template<int kDim, int kSplits>
__device__ void sendSums(const Place& place, const Sums<kDim>& sums, Inbox<kDim, kSplits>& inbox) {
    constexpr int kTiles = Sums<kDim>::kTiles;
    constexpr std::uint32_t kShare = Inbox<kDim, kSplits>::kShare;
    const std::uint32_t head = threadIdx.x % 32 / 4;
    const std::uint32_t first = (threadIdx.x / 32 * 4 + threadIdx.x % 4) * 2 * kTiles; // dimension
    if (head >= place.heads)
        return;
    delayAtRandom();
    float* to = &inbox.sums[place.split][head][first % kShare];
    const auto& v = sums.values;
    if constexpr (kTiles == 2)
        inbox.sumArrivals.send(reinterpret_cast<float4*>(to),
                               make_float4(v[0][0], v[1][0], v[0][1], v[1][1]), first / kShare);
    else
        inbox.sumArrivals.send(reinterpret_cast<float2*>(to), make_float2(v[0][0], v[0][1]),
                               first / kShare);
}

/// The block's highest scores and weights to the blocks that add up: ahead of its sums, so that
/// these need but be weighed there.
template<int kDim, int kSplits>
__device__ void sendTotals(const Place& place, const Sums<kDim>& sums,
                           Inbox<kDim, kSplits>& inbox) {
    constexpr std::uint32_t kEach = Inbox<kDim, kSplits>::kOwners / kWarps; // of a warp
    const std::uint32_t head = threadIdx.x % 32 / 4;
    const std::uint32_t lane = threadIdx.x % 4;
    delayAtRandom();
    if (head < place.heads && lane < kEach)
        inbox.totalArrivals.send(&inbox.totals[place.split][head],
                                 make_float2(sums.top, sums.weight),
                                 threadIdx.x / 32 * kEach + lane);
}

/// Over all lanes that have the same lane % kColumns, in all of them.
template<std::uint32_t kColumns>
__device__ float sumLanes(float value) {
#pragma unroll
    for (std::uint32_t with = kColumns; with < 32; with *= 2)
        value += __shfl_xor_sync(kAllLanes, value, with);
    return value;
}

/// What weighs the splits that a lane has of a column, whose `totals` are kHeads apart and begin
/// with that of split `first`; 0 from split `active` on. Returns one over the weight of all.
template<std::uint32_t kColumns, std::uint32_t kOwnSplits>
__device__ float splitFactors(const float2* totals, std::uint32_t active, std::uint32_t first,
                              float (&factors)[kOwnSplits]) {
    float top = -INFINITY;
#pragma unroll
    for (std::uint32_t s = 0; s < kOwnSplits; ++s) {
        factors[s] = first + s < active ? totals[s * kHeads].x : -INFINITY;
        top = fmaxf(top, factors[s]);
    }
#pragma unroll
    for (std::uint32_t with = kColumns; with < 32; with *= 2)
        top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, with));
    float weight = 0;
#pragma unroll
    for (std::uint32_t s = 0; s < kOwnSplits; ++s) {
        factors[s] = exp2Fast(factors[s] - top);
        if (first + s < active)
            weight = fmaf(factors[s], totals[s * kHeads].y, weight);
    }
    return __fdividef(1.0F, sumLanes<kColumns>(weight));
}

/// The results of this block's part of the dimensions, once all splits are here. A warp takes eight
/// columns of a head, four lanes a column, each with a fourth of the splits: what weighs them is
/// ready when their sums arrive.
template<int kDim, int kSplits>
__device__ void writeShare(const Attention& task, const Place& place, Inbox<kDim, kSplits>& inbox) {
    using Box = Inbox<kDim, kSplits>;
    constexpr std::uint32_t kColumns = Box::kShare < kHandedGroup ? Box::kShare : kHandedGroup;
    constexpr std::uint32_t kGroups = Box::kShare / kColumns; // of a head
    constexpr std::uint32_t kLanes = 32 / kColumns;           // of a column
    constexpr std::uint32_t kOwnSplits = (kSplits + kLanes - 1) / kLanes;
    if (place.split >= Box::kOwners)
        return;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t first = lane / kColumns * kOwnSplits; // the lane's splits
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x / 32; i < place.heads * kGroups; i += kWarps) {
        const std::uint32_t head = i / kGroups;
        const std::uint32_t inShare = i % kGroups * kColumns + lane % kColumns;
        delayAtRandom();
        inbox.totalArrivals.wait();
        float factors[kOwnSplits];
        const float inverse =
            splitFactors<kColumns>(&inbox.totals[first][head], place.active, first, factors);
        delayAtRandom();
        inbox.sumArrivals.wait();
        float value = 0;
#pragma unroll
        for (std::uint32_t s = 0; s < kOwnSplits; ++s)
            if (first + s < place.active)
                value = fmaf(factors[s], inbox.sums[first + s][head][inShare], value);
        value = sumLanes<kColumns>(value) * inverse;
        if (lane >= kColumns)
            continue;
        const std::size_t column =
            (place.firstHead + head) * kDim + place.split * Box::kShare + inShare;
        if (kColumns == kHandedGroup && task.handedOut != nullptr)
            handColumn(task.handedOrder, task.handedOut, task.outStride, column, value);
        else
            storeResult(task, std::size_t{place.row} * task.outStride + column, value);
    }
}

} // namespace kernels::cuda::fused
