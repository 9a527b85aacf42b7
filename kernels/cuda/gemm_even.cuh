#pragma once
// The GEMM of gemm_wgmma.cuh for 65 to 128 rows: batches that decode, where tiles of gemm_tall.cuh
// would leave multiprocessors without work.
//
// There tiles of 128 weight rows are too few to divide evenly among the multiprocessors, and K
// halved by clusters leaves half of them idle. Here the pieces of all tiles, 128 columns each, lie
// in one row, and every block takes an equal part of it: the end of one tile, whole tiles, the
// beginning of another. Who has a part of a tile leaves its sums in memory (they stay in L2); the
// last to arrive adds up all of them in the order of the blocks, so that the bits never depend on
// who was last, and writes. Without room for sums blocks take whole tiles.
// Weights depend on nothing before: they are under way before the kernel ahead has ended.
// The method: Stream-K (Osama et al. 2023).
#include "kernels/cuda/gemm_wgmma.cuh"

namespace kernels::cuda {

constexpr int kEvenParts = 2; // of 64 columns: a piece is a stage

/// Who works on what: block b on pieces [begin(b), begin(b + 1)).
struct EvenShares {
    std::uint32_t perTile; // pieces
    std::uint32_t units;   // tiles
    std::uint32_t blocks;
    bool divides; // tiles may be divided

    __device__ explicit EvenShares(const TensorGemm& task)
        : perTile(task.columnGroups),
          units(task.units),
          blocks(gridDim.x),
          divides(task.shares != nullptr) {}
    __device__ std::uint32_t begin(std::uint32_t block) const {
        return divides ? units * perTile * block / blocks : units * block / blocks * perTile;
    }
    /// The block that has this piece; where tiles are divided.
    __device__ std::uint32_t owner(std::uint32_t piece) const {
        return ((piece + 1) * blocks - 1) / (units * perTile);
    }
    /// Where `block` leaves its sums of a tile: what its work begins with, or ends with.
    __device__ std::uint32_t place(std::uint32_t block, std::uint32_t unit) const {
        return block * 2 + (begin(block) >= unit * perTile ? 0 : 1);
    }
};

/// The copying thread.
template<WeightKind kKind, int kTokens, int kStages>
__device__ void copyEvenTiles(const TensorGemm& task, const EvenShares& shares,
                              std::uint32_t base) {
    using S = TensorShared<kKind, kTokens, kEvenParts, kStages>;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t begin = shares.begin(blockIdx.x);
    const std::uint32_t end = shares.begin(blockIdx.x + 1);
    const auto copyPiece = [&](std::uint32_t piece, std::uint32_t stage) {
        const std::uint32_t tile = piece / shares.perTile / task.tokenTiles;
        arriveExpecting(full + stage * 8, S::kStage);
        copyWeights<S>(task, tileHalf(task, tile, 0), tileHalf(task, tile, 1),
                       piece % shares.perTile, base + stage * S::kStage, full + stage * 8);
    };
    const auto copyTokens = [&](std::uint32_t piece, std::uint32_t stage) {
        const std::uint32_t token = piece / shares.perTile % task.tokenTiles * kTokens;
        const std::uint32_t step = piece % shares.perTile;
        const std::uint32_t to = base + stage * S::kStage + S::kWeights;
#pragma unroll
        for (int part = 0; part < kEvenParts; ++part)
            copyBox(to + part * S::kTokenPart, &task.tokenMap,
                    (step * kEvenParts + part) * kTokenRowBytes, token, full + stage * 8);
    };
    const std::uint32_t ahead = end - begin < kStages ? end - begin : kStages;
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyPiece(begin + i, i);
    waitForPreviousRows();
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyTokens(begin + i, i);
    RingPlace place;
    for (std::uint32_t piece = begin + ahead; piece < end; ++piece) {
        waitBarrier(empty + place.stage * 8, place.parity);
        copyPiece(piece, place.stage);
        copyTokens(piece, place.stage);
        place.next<kStages>();
    }
}

/// Leaves this block's sums of a tile; by the last of its blocks to arrive, adds up and writes.
template<int kTokens>
__device__ void meetAndWrite(const TensorGemm& task, const TensorLane& lane,
                             const EvenShares& shares, std::uint32_t unit, std::uint32_t& last,
                             float (&sums)[kTokens / 2]) {
    constexpr std::uint32_t kThreads = kConsumerWarps * 32;
    constexpr std::size_t kPlace = std::size_t{kTileRows} * kTokens / 4; // of four sums
    auto* room = reinterpret_cast<float4*>(task.shares) + threadIdx.x;
    float4* mine = room + shares.place(blockIdx.x, unit) * kPlace;
#pragma unroll
    for (int i = 0; i < kTokens / 8; ++i)
        __stcg(mine + i * kThreads,
               make_float4(sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]));
    const std::uint32_t first = shares.owner(unit * shares.perTile);
    const std::uint32_t final = shares.owner(unit * shares.perTile + shares.perTile - 1);
    __threadfence();
    waitNamed(1, kThreads);
    if (threadIdx.x == 0) {
        delayAtRandom();
        last = atomicAdd(task.arrivals + unit, 1U) == final - first ? 1 : 0;
        if (last != 0)
            task.arrivals[unit] = 0;
    }
    waitNamed(1, kThreads);
    if (last == 0)
        return;
    __threadfence();
#pragma unroll
    for (float& sum : sums)
        sum = 0;
    for (std::uint32_t block = first; block <= final; ++block) {
        const float4* from = room + shares.place(block, unit) * kPlace;
        float4 parts[kTokens / 8]; // all under way at once
#pragma unroll
        for (int i = 0; i < kTokens / 8; ++i)
            parts[i] = __ldcg(from + i * kThreads);
#pragma unroll
        for (int i = 0; i < kTokens / 8; ++i) {
            sums[4 * i] += parts[i].x;
            sums[4 * i + 1] += parts[i].y;
            sums[4 * i + 2] += parts[i].z;
            sums[4 * i + 3] += parts[i].w;
        }
    }
    writeTile<kTokens>(task, lane, sums);
}

template<WeightKind kKind, int kTokens, int kStages>
__device__ void evenGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = TensorShared<kKind, kTokens, kEvenParts, kStages>;
    extern __shared__ std::byte sharedBytes[];
    __shared__ std::uint32_t last;
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t warp = threadIdx.x / 32;
    letNextStart();
    if (threadIdx.x == kConsumerWarps * 32) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kConsumerWarps);
        }
        fenceBarriers();
    }
    __syncthreads();
    const EvenShares shares(task);
    if (warp >= kConsumerWarps) {
        if (threadIdx.x % 32 == 0)
            copyEvenTiles<kKind, kTokens, kStages>(task, shares, base);
        return;
    }
    TensorLane lane{};
    lane.localRow = tileRow<kKind, kEvenParts>(task);
    RingPlace place;
    std::uint32_t held = 0;
    float sums[kTokens / 2];
    const std::uint32_t end = shares.begin(blockIdx.x + 1);
    for (std::uint32_t at = shares.begin(blockIdx.x); at < end;) {
        const std::uint32_t unit = at / shares.perTile;
        const std::uint32_t first = at % shares.perTile;
        const std::uint32_t count = min(shares.perTile - first, end - at);
        lane.tile = unit / task.tokenTiles;
        lane.token = unit % task.tokenTiles * kTokens;
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = tileHalf(task, lane.tile, 1);
        multiplyTile<S, 1>(task, lane, sharedBytes + (base - start), base, first * kEvenParts,
                           count * kEvenParts, place, held, sums);
        waitForPrevious(); // long over: the tokens came after it. For what the end reads and writes
        if (count == shares.perTile)
            writeTile<kTokens>(task, lane, sums);
        else
            meetAndWrite<kTokens>(task, lane, shares, unit, last, sums);
        at += count;
    }
#endif
}

} // namespace kernels::cuda
