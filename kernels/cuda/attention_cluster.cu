// Decode attention of few rows by clusters of blocks (sm_90), for contexts of a warp's chunk or
// two: attention_fused.cu with a shorter way from the last score to the result. There a step waits
// for the way, not for the cache: at 1,024 positions every warp has one chunk.
//
// Grid (8, 9 or 16 splits, KV heads x groups of 8 query heads, rows). A block has an equal part of
// the row's chunks of 16 positions, a turn is a chunk for each of its eight warps:
// - A warp scores its chunks (attention_chunk.cuh) and leaves probabilities, on the scale of their
//   own highest score, in the place of the chunk's keys. The block meets once for two turns.
// - Then a warp has an eighth of the dimensions instead of the positions: it multiplies the
//   probabilities of all eight chunks with the values of its dimensions, each product weighed by
//   its chunk's highest score. So a block's sums need no meeting of their own.
// - Every warp sends its sums to the block or the two blocks of the cluster that have its
//   dimensions there, and add up the splits in their order. A ninth block has none. The highest
//   scores and weights go ahead of the sums, so that what weighs these is ready when they arrive.
// Few KV heads take clusters of sixteen blocks, if all of them run at once: their chunks are in one
// turn up to 2,048 positions. Eight KV heads take nine blocks: one turn up to 1,152, where eight
// would begin another at 1,025.
// Where few multiprocessors attend, one more cluster asks L2 for weights of the products that
// follow (ask_ahead.cuh).
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: those of attention_fused.cu; task.splits is 8, or 9 or 16 where
// attentionClusterSplits() says so.
// History: before, sums of all dimensions of every warp met in shared memory, those of the blocks
// by a barrier of the cluster: GPU_NOTES.md.
#include "kernels/cuda/attention_cluster.cuh"

#include "kernels/cuda/ask_ahead.cuh"
#include "kernels/cuda/attention_cluster.h"
#include "kernels/cuda/cluster_launch.cuh"
#include "kernels/cuda_attend_finished.h"

namespace kernels::cuda {

using namespace fused;

namespace {

/// Shared memory of a block: the warps' rings, then this.
template<typename T, int kDim>
struct Shared {
    using L = Layout<T, kDim, kDepth>;
    Fixed<kDim>& fixed;
    Few<kDim>& few;
    Bias<kDim>& bias; // where keys have one

    __device__ explicit Shared(std::byte* behind)
        : fixed(*reinterpret_cast<Fixed<kDim>*>(behind)),
          few(*reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes)),
          bias(*reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes + sizeof(Few<kDim>))) {}
};

/// Two turns' chunks behind those that openBlock() fetched.
template<typename T, int kDim, bool kBiased>
__device__ void fetchTurns(const Attention& task, const Sizes& sizes, const Place& place,
                           std::uint32_t first, std::byte* slots) {
    ChunkRing<T, kDim, kDepth> ring;
    ring.angles = kBiased;
    ring.slotBytes = Shape<T, kDim>::slotBytes(kBiased);
    ring.slots = slots;
    ring.ahead = first + threadIdx.x / 32;
    ring.page = ring.ahead < place.end ? place.pages[ring.ahead / 2] : 0;
#pragma unroll 1
    for (int turn = 0; turn < kDepth; ++turn)
        ring.fetch(task, sizes, place);
}

/// Probabilities of the warp's chunks of two turns.
template<typename T, int kDim, bool kBiased>
__device__ void scoreTurns(const Attention& task, const Place& place, std::uint32_t first,
                           std::byte* slots, const Shared<T, kDim>& shared) {
#pragma unroll 1 // its instructions are fetched once
    for (std::uint32_t turn = 0; turn < kDepth; ++turn) {
        const std::uint32_t chunk = first + turn * kWarps + threadIdx.x / 32;
        if (turn == 0)
            waitAsync<kDepth - 1>();
        else
            waitAsync<0>();
        if (chunk >= place.end)
            break;
        std::byte* own = slots + turn * Shape<T, kDim>::slotBytes(kBiased);
        __syncwarp();
        if (chunk == place.position / kChunk && !place.finished)
            patchChunk<T, kDim>(shared.fixed, place.position % kChunk, own);
        weighOwn<T, kDim, kBiased>(task, place, chunk, own, shared.few, shared.bias);
    }
}

/// The block's positions, once the projections are there and it has met since openBlock(). `added`:
/// queryBias() of the warp's head.
template<typename T, int kDim, bool kBiased, int kSplits>
__device__ void attendTurns(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, const PairValues<kDim>& added, std::byte* rings,
                            const Shared<T, kDim>& shared, Inbox<kDim, kSplits>& inbox) {
    finishHeads<T, kDim>(finish, task, sizes, place, added, shared.fixed, shared.few, shared.bias);
    __syncthreads();
    Sums<kDim> sums;
    constexpr std::uint32_t kSlot = Shape<T, kDim>::slotBytes(kBiased);
    std::byte* slots = rings + threadIdx.x / 32 * kDepth * kSlot;
#pragma unroll 1
    for (std::uint32_t first = place.begin; first < place.end; first += kDepth * kWarps) {
        if (first != place.begin) {
            __syncthreads(); // everybody has read the chunks before
            fetchTurns<T, kDim, kBiased>(task, sizes, place, first, slots);
        }
        scoreTurns<T, kDim, kBiased>(task, place, first, slots, shared);
        __syncthreads();
#pragma unroll 1
        for (std::uint32_t turn = 0; turn < kDepth; ++turn) {
            const std::uint32_t begin = first + turn * kWarps;
            if (begin >= place.end)
                break;
            const std::uint32_t count = min(place.end - begin, kWarps);
            const std::byte* slot = rings + turn * kSlot;
            const TurnFactors factors(slot, kDepth * kSlot, count, sums);
            if (begin + count == place.end)
                sendTotals<kDim, kSplits>(place, sums, inbox);
            addTurn<T, kDim>(slot, kDepth * kSlot, count, factors, sums);
        }
    }
    sendSums<kDim, kSplits>(place, sums, inbox);
}

template<typename T, int kDim, bool kBiased, int kSplits>
__global__ void __launch_bounds__(kThreads, 2)
    clusterKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
                  const __grid_constant__ Sizes sizes) {
    extern __shared__ __align__(16) std::byte rings[];
    using L = Layout<T, kDim, kDepth>;
    letNextStart();
    if (blockIdx.z == task.count) { // one cluster more
        if (blockIdx.y == 0) {
            waitForPrevious(); // the projections have their weights
            askAhead(task.ahead, blockIdx.x, kSplits);
        }
        return;
    }
    std::byte* behind = rings + L::behindRings(kWarps, kBiased);
    const Shared<T, kDim> shared(behind);
    using Box = Inbox<kDim, kSplits>;
    static_assert(L::bytes(kWarps, kBiased) % alignof(Box) == 0);
    auto& inbox = *reinterpret_cast<Box*>(rings + L::bytes(kWarps, kBiased));
    if (threadIdx.x == 0)
        inbox.open();
    const Cluster cluster;
    cluster.arrive();
    Place place;
    placeHeads(sizes, place);
    fetchTables<T, kDim, kDepth>(task, place, behind);
    placeChunks(task, sizes, kWarps, 1, place);
    if (threadIdx.x == 0 && place.split < Box::kOwners)
        inbox.expect(place);
    if (place.begin < place.end) {
        if (place.finished) // its pages were written in this step
            waitForPrevious();
        auto ring = openBlock<T, kDim, kDepth>(finish, task, sizes, place, firstPage(place), rings);
        ring.fetch(task, sizes, place);
        if (threadIdx.x < place.jobs())
            announceHead<kDim>(finish, place, threadIdx.x);
        waitAsync<kDepth>(); // tables and angles
        if constexpr (kBiased)
            splitTurns<kDim>(task.rope.pairs, shared.bias);
        __syncthreads();
        const PairValues<kDim> added = queryBias<kDim>(finish, place, threadIdx.x / 32);
        cluster.wait(); // nobody sends to a block that has not started
        waitForPrevious();
        attendTurns<T, kDim, kBiased, kSplits>(finish, task, sizes, place, added, rings, shared,
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
    static constexpr std::uint32_t kBlocks = kSplits;
    // Small enough to start beside a block of the projections.
    static constexpr std::size_t kShared =
        Layout<T, kDim, kDepth>::bytes(kWarps, kBiased) + sizeof(Inbox<kDim, kSplits>);

    static cudaError_t launch(const QkvFinish& finish, const Attention& task,
                              std::uint32_t finishedFrom, cudaStream_t stream) {
        Sizes sizes = sizesOf(task);
        sizes.finishedFrom = finishedFrom;
        const std::uint32_t asking = task.ahead.pieceBytes > 0 ? 1 : 0;
        const dim3 grid(kSplits, task.kv.kvHeads * sizes.groups, task.count + asking);
        if (const cudaError_t error = allowCluster(kEntry, kBlocks, kShared); error != cudaSuccess)
            return error;
        return launchClusters(kEntry, grid, kSplits, kThreads, kShared, stream, true, finish, task,
                              sizes);
    }
};

/// Whether so many clusters of kSplits blocks run at once, one block a multiprocessor.
template<int kSplits>
bool fits(std::uint32_t clusters, const DeviceLimits& limits) {
    using Largest = ClusterKernel<__nv_bfloat16, 128, true, kSplits>; // of any kernel here
    return clusters * kSplits <= limits.multiprocessors &&
           clusters <= clustersAtOnce<Largest>(kThreads, Largest::kShared);
}

template<typename T, int kDim, bool kBiased>
cudaError_t launch(const QkvFinish& finish, const Attention& task, std::uint32_t finishedFrom,
                   cudaStream_t stream) {
    switch (task.splits) {
    case kWideSplits:
        return ClusterKernel<T, kDim, kBiased, kWideSplits>::launch(finish, task, finishedFrom,
                                                                    stream);
    case kOneMoreSplits:
        return ClusterKernel<T, kDim, kBiased, kOneMoreSplits>::launch(finish, task, finishedFrom,
                                                                       stream);
    default:
        return ClusterKernel<T, kDim, kBiased, kClusterSplits>::launch(finish, task, finishedFrom,
                                                                       stream);
    }
}

} // namespace

bool attendsByCluster(std::uint32_t splits, std::uint32_t clusters, const DeviceLimits& limits) {
    switch (splits) {
    case kWideSplits:
        return limits.hopper && fits<kWideSplits>(clusters, limits);
    case kOneMoreSplits:
        return limits.hopper && fits<kOneMoreSplits>(clusters, limits);
    default:
        return limits.hopper && splits == kClusterSplits;
    }
}

std::uint32_t attentionClusterSplits(std::uint32_t clusters, const DeviceLimits& limits) {
    for (const std::uint32_t splits : {kWideSplits, kOneMoreSplits, kClusterSplits})
        if (attendsByCluster(splits, clusters, limits))
            return splits;
    return 0;
}

bool clusterHands(const Attention& task) {
    const std::uint32_t owners = task.splits == kWideSplits ? kWideSplits : kClusterSplits;
    return task.kv.headDim / owners % kHandedGroup == 0;
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
