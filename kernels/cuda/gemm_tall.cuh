#pragma once
// The GEMM of gemm_wgmma.cuh for 65 to 256 rows with tiles of 256 weight rows: batches that decode.
//
// A block computes two neighbouring tiles of 128 weight rows for the same tokens, two warpgroups
// each: while a warpgroup's weights become bf16 the products of three others run, and half of what
// a block takes in is tokens instead of two thirds. Where tiles are few the blocks of a cluster
// each have a part of K; they add up through one another's shared memory. Weights depend on nothing
// before: they are under way before the kernel ahead has ended.
#include "kernels/cuda/gemm_wgmma.cuh"

namespace kernels::cuda {

constexpr int kTallTiles = 2;
constexpr int kTallWarps = kTallTiles * kConsumerWarps; // that compute
constexpr int kTallThreads = (kTallWarps + 4) * 32;     // registers move between warpgroups
constexpr int kTallShared = (227 - 2) * 1024;           // bytes of a block for stages
constexpr int kTallRegisters = 112;                     // of a thread that computes
constexpr int kTallCopyRegisters = 32;                  // of one that copies

/// Stages of 128 columns, of bf16 weights 64, as many as there is room for.
template<WeightKind kKind, int kTokens>
struct TallForm {
    static constexpr int kParts = kKind == WeightKind::BF16 ? 1 : 2;
    static constexpr int kStages =
        kTallShared / TensorShared<kKind, kTokens, kParts, 1, kTallTiles>::kStage;
    using Shared = TensorShared<kKind, kTokens, kParts, kStages, kTallTiles>;
    static_assert(Shared::kReduced <= kStages * Shared::kStage);
};

/// What a cluster works on, and this block's part of K.
struct TallShare {
    std::uint32_t tile;  // first of the two
    std::uint32_t token; // tile of tokens
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

/// Two computing warpgroups: one tile, `inPair`th of the block's.
template<class S>
__device__ void computeTallTile(const TensorGemm& task, const TallShare& share,
                                std::uint32_t inPair, const std::byte* stages, std::uint32_t base) {
    TensorLane lane{};
    lane.localRow = tileRow<S::kKind, S::kParts>(task);
    lane.tile = share.tile + inPair;
    lane.token = share.token * S::kTokens;
    lane.halves[0] = tileHalf(task, lane.tile, 0);
    lane.halves[1] = tileHalf(task, lane.tile, 1);
    RingPlace place;
    std::uint32_t held = 0;
    float sums[S::kTokens / 2];
    // Others compute while a warpgroup waits for its products: one set of operands is enough, and
    // there is no room for two.
    multiplyTile<S, 1, false>(task, lane, stages + inPair * S::kTileWeights, base, share.first,
                              share.count, place, held, sums);
    waitForPrevious(); // long over: the tokens came after it. For what the end reads and writes
    if (blocksInCluster() > 1)
        reduceAndWrite<S::kTokens, kTallTiles>(task, lane, base, sums);
    else
        writeTile<S::kTokens>(task, lane, sums);
}

template<WeightKind kKind, int kTokens>
__device__ void tallGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = typename TallForm<kKind, kTokens>::Shared;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + S::kStages * S::kStage;
    const std::uint32_t empty = full + S::kStages * 8;
    const std::uint32_t warp = threadIdx.x / 32;
    letNextStart();
    if (threadIdx.x == kTallWarps * 32) {
        for (int i = 0; i < S::kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kTallWarps);
        }
        fenceBarriers();
    }
    __syncthreads();
    const TallShare share(task);
    if (warp >= kTallWarps) {
        giveUpRegisters<kTallCopyRegisters>();
        if (threadIdx.x == kTallWarps * 32)
            copyTallTiles<S>(task, share, base);
        __syncwarp();
        if (blocksInCluster() > 1)
            syncCluster(); // of reduceAndWrite()
    } else {
        takeRegisters<kTallRegisters>();
        computeTallTile<S>(task, share, warp / kConsumerWarps, sharedBytes + (base - start), base);
    }
    if (blocksInCluster() > 1)
        syncCluster(); // nobody leaves while others still reach into its shared memory
#endif
}

} // namespace kernels::cuda
