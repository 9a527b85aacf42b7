#pragma once
// The GEMM of gemm_wgmma.cuh for 65 to 256 rows with tiles of 256 weight rows: batches that decode.
//
// A block computes two neighbouring tiles of 128 weight rows for the same tokens, two warpgroups
// each: what it takes in is half tokens instead of two thirds, and while a warpgroup's weights
// become bf16 the products of three others run. The blocks of a cluster each have a part of K; they
// add up through one another's shared memory. One pair of tiles a cluster.
// Weights depend on nothing before: they are under way before the kernel ahead has ended.
#include "kernels/cuda/gemm_wgmma.cuh"

namespace kernels::cuda {

constexpr int kTallTiles = 2;
constexpr int kTallThreads =
    kTallTiles * kConsumerWarps * 32 + 128; // registers move between warpgroups

/// What a cluster works on, and this block's part of K.
struct TallShare {
    std::uint32_t tile;  // first of the two
    std::uint32_t token; // first
    std::uint32_t first; // part of 64 columns
    std::uint32_t count; // parts, even

    __device__ explicit TallShare(const TensorGemm& task) {
        const std::uint32_t blocks = blocksInCluster();
        const std::uint32_t rank = rankInCluster();
        const std::uint32_t unit = blockIdx.x / blocks;
        tile = unit / task.tokenTiles * kTallTiles;
        token = unit % task.tokenTiles;
        first = task.columnGroups * rank / blocks * 2;
        count = task.columnGroups * (rank + 1) / blocks * 2 - first;
    }
};

/// The copying thread.
template<class S>
__device__ void copyTallTiles(const TensorGemm& task, const TallShare& share, std::uint32_t base) {
    const std::uint32_t full = base + S::kStages * S::kStage;
    const std::uint32_t empty = full + S::kStages * 8;
    const std::uint32_t firstStep = share.first / S::kParts;
    const std::uint32_t steps = share.count / S::kParts;
    const auto copyRows = [&](std::uint32_t step, std::uint32_t stage) {
        arriveExpecting(full + stage * 8, S::kStage);
#pragma unroll
        for (std::uint32_t i = 0; i < kTallTiles; ++i)
            copyWeights<S>(task, tileHalf(task, share.tile + i, 0),
                           tileHalf(task, share.tile + i, 1), firstStep + step,
                           base + stage * S::kStage + i * S::kTileWeights, full + stage * 8);
    };
    const auto copyTokens = [&](std::uint32_t step, std::uint32_t stage) {
        const std::uint32_t to = base + stage * S::kStage + S::kWeights;
#pragma unroll
        for (int part = 0; part < S::kParts; ++part)
            copyBox(to + part * S::kTokenPart, &task.tokenMap,
                    ((firstStep + step) * S::kParts + part) * kTokenRowBytes,
                    share.token * S::kTokens, full + stage * 8);
    };
    const std::uint32_t ahead = steps < S::kStages ? steps : S::kStages;
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyRows(i, i);
    waitForPreviousRows();
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyTokens(i, i);
    RingPlace place;
    for (std::uint32_t step = ahead; step < steps; ++step) {
        waitBarrier(empty + place.stage * 8, place.parity);
        copyRows(step, place.stage);
        copyTokens(step, place.stage);
        place.next<S::kStages>();
    }
}

template<WeightKind kKind, int kTokens, int kParts, int kStages, int kTogether, int kSets>
__device__ void tallGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = TensorShared<kKind, kTokens, kParts, kStages, kTallTiles>;
    static_assert(S::kReduced <= kStages * S::kStage);
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t warp = threadIdx.x / 32;
    letNextStart();
    if (threadIdx.x == kTallTiles * kConsumerWarps * 32) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kTallTiles * kConsumerWarps);
        }
        fenceBarriers();
    }
    __syncthreads();
    const TallShare share(task);
    if (warp >= kTallTiles * kConsumerWarps) {
        giveUpRegisters<32>();
        if (threadIdx.x == kTallTiles * kConsumerWarps * 32)
            copyTallTiles<S>(task, share, base);
        if (blocksInCluster() > 1) { // as below
            syncCluster();
            syncCluster();
        }
        return;
    }
    takeRegisters<112>();
    const std::uint32_t inPair = warp / kConsumerWarps;
    TensorLane lane{};
    lane.localRow = tileRow<kKind, kParts>(task);
    lane.tile = share.tile + inPair;
    lane.token = share.token * kTokens;
    lane.halves[0] = tileHalf(task, lane.tile, 0);
    lane.halves[1] = tileHalf(task, lane.tile, 1);
    RingPlace place;
    std::uint32_t held = 0;
    float sums[kTokens / 2];
    multiplyTile<S, 1, kTogether, kSets>(task, lane,
                                         sharedBytes + (base - start) + inPair * S::kTileWeights,
                                         base, share.first, share.count, place, held, sums);
    waitForPrevious(); // long over: the tokens came after it. For what the end reads and writes
    if (blocksInCluster() == 1) {
        writeTile<kTokens>(task, lane, sums);
        return;
    }
    reduceAndWrite<kTokens, kTallTiles>(task, lane, base, sums);
    syncCluster(); // nobody leaves while others still reach into its shared memory
#endif
}

} // namespace kernels::cuda
