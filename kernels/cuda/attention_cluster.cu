// Decode attention of few rows by clusters of blocks (sm_90), for contexts of a warp's chunk or
// two: attention_fused.cu with a shorter way from the last score to the result. There a step waits
// for the way, not for the cache: at 1,024 positions every warp has one chunk.
//
// Grid (8 or 16 splits, KV heads x groups of 8 query heads, rows). A block has an equal part of the
// row's chunks of 16 positions, a turn is a chunk for each of its eight warps:
// - A warp scores its chunks (attention_chunk.cuh) and leaves probabilities, on the scale of their
//   own highest score, in the place of the chunk's keys. The block meets once for two turns. What a
//   key bias outside of the cache adds to the scores takes as long as they do: eight more warps,
//   each the second of a pair, compute it meanwhile.
// - Then a warp has an eighth of the dimensions instead of the positions: it multiplies the
//   probabilities of all eight chunks with the values of its dimensions, each product weighed by
//   its chunk's highest score. So a block's sums need no meeting of their own.
// - Every warp sends its sums to the block or the two blocks of the cluster that have its
//   dimensions there, and add up the splits in their order.
// Few KV heads take clusters of sixteen blocks, if all of them run at once: their chunks are in one
// turn up to 2,048 positions.
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: those of attention_fused.cu; task.splits is 8, or 16 where
// attentionClusterSplits() says so.
// History: before, sums of all dimensions of every warp met in shared memory, those of the blocks
// by a barrier of the cluster: GPU_NOTES.md.
#include "kernels/cuda/attention_cluster.h"

#include "kernels/cuda/attention_chunk.cuh"
#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda_attend_finished.h"

#include <atomic>

namespace kernels::cuda {

using namespace fused;

namespace {

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
    static constexpr std::uint32_t kShare = kDim / kSplits; // dimensions of a block
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
    constexpr std::uint32_t kLanes = 4 * kWarps / kSplits; // of a head, that send to one block
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
        storeResult(task, std::size_t{place.row} * task.outStride + column, sum / weight);
    }
}

/// The block's positions, once the projections are there and it has met since openBlock().
template<typename T, int kDim, bool kBiased, int kSplits>
__device__ void attendTurns(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, ChunkRing<T, kDim, kDepth>& ring, std::byte* shared,
                            std::byte* behind, Inbox<kDim, kSplits>& inbox) {
    using L = Layout<T, kDim, kDepth>;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(behind);
    auto& few = *reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes);
    auto& bias = *reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes + sizeof(Few<kDim>));
    finishHeads<T, kDim>(finish, task, sizes, place, fixed, few, bias);
    __syncthreads();
    Sums<kDim> sums;
    const bool scores = !kBiased || threadIdx.x < kWarps * 32; // else adds to them
    const std::uint32_t warp = threadIdx.x / 32 % kWarps;
#pragma unroll 1
    for (std::uint32_t first = place.begin; first < place.end; first += kDepth * kWarps) {
        if (first != place.begin) {
            __syncthreads(); // everybody has read the chunks before
            for (int turn = 0; turn < kDepth; ++turn)
                ring.fetch(task, sizes, place);
        }
#pragma unroll 1 // its instructions are fetched once
        for (std::uint32_t turn = 0; turn < kDepth; ++turn) {
            const std::uint32_t chunk = first + turn * kWarps + warp;
            if (turn == 0)
                waitAsync<kDepth - 1>();
            else
                waitAsync<0>();
            if (chunk >= place.end)
                break;
            std::byte* own = ring.slots + turn * ring.slotBytes;
            __syncwarp();
            if (!scores) {
                AddedScores<T, kDim>(own).compute(task, own, bias);
                continue;
            }
            if (chunk == place.position / kChunk && !place.finished)
                patchChunk<T, kDim>(fixed, place.position % kChunk, own);
            weighOwn<T, kDim, kBiased>(place, chunk, own, few);
        }
        __syncthreads();
#pragma unroll 1
        for (std::uint32_t turn = 0; turn < kDepth; ++turn) {
            const std::uint32_t begin = first + turn * kWarps;
            if (scores && begin < place.end)
                addTurn<T, kDim>(shared + turn * ring.slotBytes, kDepth * ring.slotBytes,
                                 min(place.end - begin, kWarps), sums);
        }
    }
    if (scores)
        sendSums<kDim, kSplits>(place, sums, inbox);
}

template<typename T, int kDim, bool kBiased, int kSplits>
__global__ void __launch_bounds__(kThreads<kBiased>, 2)
    clusterKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
                  const __grid_constant__ Sizes sizes) {
    extern __shared__ __align__(16) std::byte shared[];
    using L = Layout<T, kDim, kDepth>;
    letNextStart();
    std::byte* behind = shared + L::behindRings(kWarps, kBiased);
    using Box = Inbox<kDim, kSplits>;
    static_assert(L::bytes(kWarps, kBiased) % alignof(Box) == 0);
    auto& inbox = *reinterpret_cast<Box*>(shared + L::bytes(kWarps, kBiased));
    if (threadIdx.x == 0)
        inbox.arrivals.open();
    const Cluster cluster;
    cluster.arrive();
    Place place;
    placeHeads(sizes, place);
    fetchTables<T, kDim, kDepth>(task, place, behind);
    placeChunks(task, sizes, kWarps, 1, place);
    if (threadIdx.x == 0)
        inbox.arrivals.expect(place.active * place.heads *
                              (Box::kShare * sizeof(float) + sizeof(float2)));
    if (place.begin < place.end) {
        if (place.finished) // its pages were written in this step
            waitForPrevious();
        auto ring =
            openBlock<T, kDim, kDepth>(finish, task, sizes, place, firstPage(place), shared);
        ring.fetch(task, sizes, place);
        if (threadIdx.x < place.jobs())
            announceHead<kDim>(finish, place, threadIdx.x);
        waitAsync<kDepth>(); // tables and angles
        __syncthreads();
        cluster.wait(); // nobody sends to a block that has not started
        waitForPrevious();
        attendTurns<T, kDim, kBiased, kSplits>(finish, task, sizes, place, ring, shared, behind,
                                               inbox);
    } else { // no positions, but a part of the dimensions
        cluster.wait();
        waitForPrevious();
    }
    writeShare<kDim, kSplits>(task, place, inbox);
}

template<typename T, int kDim, bool kBiased, int kSplits>
struct ClusterKernel {
    static constexpr auto kEntry = clusterKernel<T, kDim, kBiased, kSplits>;
    // Small enough to start beside a block of the projections.
    static constexpr std::size_t kShared =
        Layout<T, kDim, kDepth>::bytes(kWarps, kBiased) + sizeof(Inbox<kDim, kSplits>);

    static cudaError_t prepare() {
        constexpr int kPortable = 8; // blocks of a cluster on any card
        if (kSplits > kPortable)
            if (const cudaError_t error =
                    cudaFuncSetAttribute(kEntry, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
                error != cudaSuccess)
                return error;
        return allowSharedBeside(kEntry, kShared);
    }
    static cudaError_t launch(const QkvFinish& finish, const Attention& task,
                              std::uint32_t finishedFrom, cudaStream_t stream) {
        Sizes sizes = sizesOf(task);
        sizes.finishedFrom = finishedFrom;
        const dim3 grid(kSplits, task.kv.kvHeads * sizes.groups, task.count);
        if (const cudaError_t error = prepare(); error != cudaSuccess)
            return error;
        return launchClusters(kEntry, grid, kSplits, kThreads<kBiased>, kShared, stream, true,
                              finish, task, sizes);
    }
};

/// Clusters of sixteen blocks that run at once, as few as of any kernel here: asked once.
std::uint32_t wideClusters() {
    static std::atomic<std::uint32_t> known{0}; // and 1
    if (const std::uint32_t count = known.load(std::memory_order_relaxed); count > 0)
        return count - 1;
    using Largest = ClusterKernel<__nv_bfloat16, 128, true, kWideSplits>;
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = kWideSplits;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(kWideSplits);
    config.blockDim = dim3(kThreads<true>);
    config.dynamicSmemBytes = Largest::kShared;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int count = 0;
    if (Largest::prepare() != cudaSuccess ||
        cudaOccupancyMaxActiveClusters(&count, Largest::kEntry, &config) != cudaSuccess)
        count = 0;
    (void)cudaGetLastError(); // no such cluster
    known.store(static_cast<std::uint32_t>(count) + 1, std::memory_order_relaxed);
    return static_cast<std::uint32_t>(count);
}

template<typename T, int kDim, bool kBiased>
cudaError_t launch(const QkvFinish& finish, const Attention& task, std::uint32_t finishedFrom,
                   cudaStream_t stream) {
    return task.splits == kWideSplits
               ? ClusterKernel<T, kDim, kBiased, kWideSplits>::launch(finish, task, finishedFrom,
                                                                      stream)
               : ClusterKernel<T, kDim, kBiased, kClusterSplits>::launch(finish, task, finishedFrom,
                                                                         stream);
}

} // namespace

std::uint32_t attentionClusterSplits(std::uint32_t clusters, const DeviceLimits& limits) {
    if (!limits.hopper)
        return 0;
    const bool wide =
        clusters * kWideSplits <= limits.multiprocessors && clusters <= wideClusters();
    return wide ? kWideSplits : kClusterSplits;
}

cudaError_t attendByCluster(const QkvFinish& finish, const Attention& task,
                            std::uint32_t finishedFrom, cudaStream_t stream) {
    const auto put = [&](auto plain, auto biased) {
        return (task.keyBias != nullptr ? biased : plain)(finish, task, finishedFrom, stream);
    };
    if (task.kv.kind == KvKind::Int8)
        return task.kv.headDim == 64
                   ? put(launch<std::int8_t, 64, false>, launch<std::int8_t, 64, true>)
                   : put(launch<std::int8_t, 128, false>, launch<std::int8_t, 128, true>);
    return task.kv.headDim == 64
               ? put(launch<__nv_bfloat16, 64, false>, launch<__nv_bfloat16, 64, true>)
               : put(launch<__nv_bfloat16, 128, false>, launch<__nv_bfloat16, 128, true>);
}

} // namespace kernels::cuda
