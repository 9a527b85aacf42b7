#pragma once
// GEMM on Hopper's warpgroup tensor cores for weights of any kind but fp32: prefill and batches.
//
// out[m][n] = sum over k of x[m][k] w[n][k]: weights are the M operand and come from registers, so
// that integers become bf16 on their way from shared memory to the tensor cores and nothing is
// stored twice; activations (bf16, in prepared order) are the N operand, read from shared memory.
// A weight w = q s is rounded once to bf16, s as the sum of two bf16.
// Shapes: W [N][K padded to 128], x bf16 [M][K padded], out fp32 [M][outStride], or bf16 rows in
// prepared order after SwiGLU.
// A block computes 128 weight rows x kTokens tokens: a warp that only starts copies (bulk tensor
// copies, kStages deep) and two warpgroups of 64 rows each. While a product of 64 columns runs, the
// next 64 columns become bf16. kShare = 2: two blocks of a cluster work on the same tokens and each
// fetches half of them for both. kShare = 1: the cluster splits K and its first blocks add up what
// all of them computed, in order.
// A tile's rows come in two halves of 64, so that gate and up of one output meet in one thread.
// Prepared order: within 64 columns, position 16 j + {2c, 2c+1, 2c+8, 2c+9} holds columns
// 16 c + 4 j + {0, 1, 2, 3}: what a thread reads as 16 bytes are its operands of four products.
// The method: CUTLASS's warp-specialized kernels, Marlin's order of columns.
#include "kernels/cuda/gemm_weights.cuh"

namespace kernels::cuda {

constexpr int kTokenRowBytes = kPartColumns * 2;
constexpr std::uint32_t kMostInCluster = 8; // blocks, on every device of this kind

/// Shared memory of a block; every tile of activations on a multiple of 1024 bytes. A stage: the
/// weights of kTiles tiles of rows, then the tokens, which all of them take.
template<WeightKind kWeightKind, int kTileTokens, int kStageParts, int kRingStages, int kTiles = 1>
struct TensorShared {
    static constexpr WeightKind kKind = kWeightKind;
    static constexpr int kTokens = kTileTokens;
    static constexpr int kParts = kStageParts;
    static constexpr int kStages = kRingStages;
    static constexpr int kWeightPart = kTileRows * WeightPart<kKind>::kRowBytes;
    static constexpr int kTokenPart = kTokens * kTokenRowBytes;
    static constexpr int kTileWeights = kParts * kWeightPart; // bytes, as all that follows
    static constexpr int kWeights = kTiles * kTileWeights;
    static constexpr int kStage = kWeights + kParts * kTokenPart;
    static constexpr int kReduced = kTiles * kTileRows * kTokens * 4; // fp32 sums of a split K
    static constexpr int kBytes = kStages * kStage + 16 * kStages + 1024;
};

/// Starts the copies of a tile's weights of one stage.
template<class S>
__device__ void copyWeights(const TensorGemm& task, const TileHalf& low, const TileHalf& high,
                            std::uint32_t step, std::uint32_t to, std::uint32_t barrier) {
    using T = WeightTile<S::kKind, S::kParts>;
#pragma unroll
    for (int box = 0; box < T::kBoxes; ++box) {
        const std::uint32_t byte = (step * T::kBoxes + box) * T::kBoxBytes;
        const std::uint32_t weights = to + box * kTileRows * T::kBoxBytes;
        copyBox(weights, &task.weightMaps[low.matrix], byte, low.row, barrier);
        copyBox(weights + kTileRows / 2 * T::kBoxBytes, &task.weightMaps[high.matrix], byte,
                high.row, barrier);
    }
}

/// The copying warp: one thread.
template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
__device__ void copyTiles(const TensorGemm& task, std::uint32_t base, std::uint32_t full,
                          std::uint32_t empty, std::uint32_t rank, std::uint32_t firstStep,
                          std::uint32_t steps) {
    using S = TensorShared<kKind, kTokens, kParts, kStages>;
    constexpr std::uint16_t kAll = (1 << kShare) - 1;
    waitForPreviousRows(); // what is written follows what is copied
    letNextStart();
    std::uint32_t stage = 0;
    std::uint32_t parity = 1; // the first round finds every stage empty
    const std::uint32_t clusters = gridDim.x / blocksInCluster();
    for (std::uint32_t unit = blockIdx.x / blocksInCluster(); unit < task.units; unit += clusters) {
        const std::uint32_t tile = unit / task.tokenTiles * kShare + (kShare > 1 ? rank : 0);
        const std::uint32_t token = unit % task.tokenTiles * kTokens;
        const TileHalf low = tileHalf(task, tile, 0);
        const TileHalf high = tileHalf(task, tile, 1);
        for (std::uint32_t step = firstStep; step < firstStep + steps; ++step) {
            waitBarrier(empty + stage * 8, parity);
            const std::uint32_t barrier = full + stage * 8;
            const std::uint32_t to = base + stage * S::kStage;
            arriveExpecting(barrier, S::kStage);
            copyWeights<S>(task, low, high, step, to, barrier);
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                const std::uint32_t tokenByte = (step * kParts + part) * kTokenRowBytes;
                const std::uint32_t tokens = to + S::kWeights + part * S::kTokenPart;
                if constexpr (kShare > 1)
                    copyBoxToAll(tokens + rank * (S::kTokenPart / kShare), &task.tokenMap,
                                 tokenByte, token + rank * (kTokens / kShare), barrier, kAll);
                else
                    copyBox(tokens, &task.tokenMap, tokenByte, token, barrier);
            }
            if (++stage == kStages)
                stage = 0, parity ^= 1;
        }
    }
}

/// Adds up what the blocks of the cluster computed, each a share of the tokens, and writes; kTiles
/// tiles side by side. The stages are free: every copy has arrived and been read.
template<int kTokens, int kTiles = 1>
__device__ void reduceAndWrite(const TensorGemm& task, const TensorLane& lane, std::uint32_t base,
                               const float (&sums)[kTokens / 2]) {
    constexpr std::uint32_t kThreads = kTiles * kConsumerWarps * 32;
    const std::uint32_t blocks = blocksInCluster();
    const std::uint32_t mine = base + threadIdx.x * 16;
    // All warpgroups have read their last stage before any writes over it.
    waitNamed(1, kThreads);
#pragma unroll
    for (int i = 0; i < kTokens / 8; ++i)
        storeShared(mine + i * kThreads * 16,
                    make_float4(sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]));
    syncCluster();
    const SumTargets to(task, lane);
    const std::uint32_t left = task.tokens - lane.token;
    for (std::uint32_t i = rankInCluster(); i * 8 < (left < kTokens ? left : kTokens);
         i += blocks) {
        float4 parts[kMostInCluster]; // all under way at once
#pragma unroll
        for (std::uint32_t other = 0; other < kMostInCluster; ++other)
            if (other < blocks)
                parts[other] = readFrom(mine + i * kThreads * 16, other);
        float v[4] = {};
#pragma unroll
        for (std::uint32_t other = 0; other < kMostInCluster; ++other) {
            if (other >= blocks)
                break;
            v[0] += parts[other].x, v[1] += parts[other].y;
            v[2] += parts[other].z, v[3] += parts[other].w;
        }
        writeSums<false>(task, to, static_cast<int>(i), left - i * 8, v);
    }
}

/// A thread's operands of the four products of a part, from the tile's weights in a stage.
template<class S>
__device__ void loadOperands(const std::byte* weights, int inStage, int localRow, int quad,
                             const PairScale (&scale)[2], std::uint32_t (&operands)[4][4]) {
    using W = WeightPart<S::kKind>;
    typename W::Raw raw[2];
#pragma unroll
    for (int half = 0; half < 2; ++half)
        raw[half] = W::template load<WeightTile<S::kKind, S::kParts>>(
            weights, inStage, localRow + half * (kTileRows / 2), quad);
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < 4; ++j)
            W::unpack(raw[half], j, quad, scale[half], half, operands[j]);
}

/// Two computing warpgroups: sums of one tile, parts [first, first + count), count even.
/// `firstWeights`: the tile's in the first stage. kOverlaps: while the products of a part run, the
/// weights of the next become bf16; else a warpgroup waits for them, with half the operands.
template<class S, int kShare, bool kOverlaps = true>
__device__ void multiplyTile(const TensorGemm& task, const TensorLane& lane,
                             const std::byte* firstWeights, std::uint32_t base, std::uint32_t first,
                             std::uint32_t count, RingPlace& place, std::uint32_t& held,
                             float (&sums)[S::kTokens / 2]) {
    constexpr int kParts = S::kParts;
    const std::uint32_t full = base + S::kStages * S::kStage;
    const std::uint32_t empty = full + S::kStages * 8;
    const int quad = static_cast<int>(threadIdx.x % 4);
    const int localRow = static_cast<int>(lane.localRow);
#pragma unroll
    for (float& sum : sums) {
        sum = 0;
        settle(sum);
    }
    ScaleStream<S::kKind> stream;
    stream.start(task, lane);
    stream.fetch(task, first, quad);
    std::uint32_t a[kOverlaps ? 2 : 1][4][4];
    for (std::uint32_t pair = 0; pair < count; pair += 2) {
#pragma unroll
        for (int odd = 0; odd < 2; ++odd) {
            const std::uint32_t part = pair + static_cast<std::uint32_t>(odd);
            const int inStage = kParts == 1 ? 0 : static_cast<int>(part) % kParts;
            if (inStage == 0)
                waitBarrier(full + place.stage * 8, place.parity);
            const std::byte* weights = firstWeights + place.stage * S::kStage;
            const PairScale scale[2] = {stream.take(0), stream.take(1)};
            stream.fetch(task, first + (part + 1 < count ? part + 1 : part), quad);
            const SharedTiles tokens(base + place.stage * S::kStage + S::kWeights +
                                     inStage * S::kTokenPart);
            auto& operands = a[kOverlaps ? odd : 0];
            loadOperands<S>(weights, inStage, localRow, quad, scale, operands);
            fenceProducts();
#pragma unroll
            for (int j = 0; j < 4; ++j)
                productBf16(sums, operands[j], tokens.at(j * 32));
            commitProducts();
            waitProducts<kOverlaps ? 1 : 0>();
            // All parts, or all but this one, are done; their stage may be filled again.
            if (!kOverlaps && inStage == kParts - 1)
                releaseStage<kShare>(empty + place.stage * 8);
            if (kOverlaps && inStage == 0 && part > 0) {
                releaseStage<kShare>(empty + held * 8);
                held = place.stage;
            }
            if (inStage == kParts - 1)
                place.next<S::kStages>();
        }
    }
    if constexpr (kOverlaps) {
        waitProducts<0>();
        releaseStage<kShare>(empty + held * 8);
        held = place.stage;
    }
}

/// Which of 64 rows is a thread's: neighbours in the tile's order, or in prepared order for SwiGLU.
template<WeightKind kKind, int kParts>
__device__ std::uint32_t tileRow(const TensorGemm& task) {
    const std::uint32_t warp = threadIdx.x / 32 % kConsumerWarps;
    const std::uint32_t octet = threadIdx.x % 32 / 4;
    if (task.epilogue == Epilogue::SwiGlu)
        return octet / 2 * 16 + warp / 2 * 4 + warp % 2 * 2 + octet % 2;
    return warp * 8 + (WeightTile<kKind, kParts>::kSpreadRows ? octet / 2 + octet % 2 * 4 : octet);
}

/// Which parts of K, 64 columns each, are a block's.
struct ColumnShare {
    std::uint32_t splits; // blocks that share K
    std::uint32_t first;
    std::uint32_t count;
};
/// A cluster that does not share tokens splits K, in multiples of a stage and of 128 columns.
template<int kParts, int kShare>
__device__ ColumnShare columnShare(const TensorGemm& task, std::uint32_t rank,
                                   std::uint32_t blocks) {
    const std::uint32_t splits = kShare > 1 ? 1 : blocks;
    const std::uint32_t split = kShare > 1 ? 0 : rank;
    constexpr std::uint32_t kPiece = kParts < 2 ? 2 : kParts;
    const std::uint32_t pieces = (task.columnGroups * 2 + kPiece - 1) / kPiece;
    const std::uint32_t first = pieces * split / splits * kPiece;
    return {splits, first, pieces * (split + 1) / splits * kPiece - first};
}

/// The warps that multiply: every tile of the cluster, one after another.
template<class S, int kTokens, int kParts, int kShare>
__device__ void multiplyTiles(const TensorGemm& task, const ColumnShare& share, std::uint32_t rank,
                              std::byte* shared, std::uint32_t base) {
    const std::uint32_t clusters = gridDim.x / blocksInCluster();
    TensorLane lane{};
    lane.localRow = tileRow<S::kKind, kParts>(task);
    RingPlace place;
    std::uint32_t held = 0;
    float sums[kTokens / 2];
    for (std::uint32_t unit = blockIdx.x / blocksInCluster(); unit < task.units; unit += clusters) {
        lane.tile = unit / task.tokenTiles * kShare + (kShare > 1 ? rank : 0);
        lane.token = unit % task.tokenTiles * kTokens;
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = tileHalf(task, lane.tile, 1);
        multiplyTile<S, kShare>(task, lane, shared, base, share.first, share.count, place, held,
                                sums);
        if (share.splits > 1)
            break; // one tile a cluster
        writeTile<kTokens>(task, lane, sums);
    }
    if constexpr (kTokens < 256)
        if (share.splits > 1)
            reduceAndWrite<kTokens>(task, lane, base, sums);
}

template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
__device__ void tensorGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = TensorShared<kKind, kTokens, kParts, kStages>;
    static_assert(kParts == 1 || kParts % 2 == 0);
    static_assert(kTokens == 256 || S::kReduced <= kStages * S::kStage);
    constexpr bool kManyRegisters = kTokens == 256;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t rank = rankInCluster();
    const std::uint32_t warp = threadIdx.x / 32;
    if (threadIdx.x == 0) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kConsumerWarps * kShare);
        }
        fenceBarriers();
    }
    syncCluster();
    const ColumnShare share = columnShare<kParts, kShare>(task, rank, blocksInCluster());
    if (warp >= kConsumerWarps) {
        if constexpr (kManyRegisters)
            giveUpRegisters<40>();
        if (warp == kConsumerWarps && threadIdx.x % 32 == 0)
            copyTiles<kKind, kTokens, kParts, kStages, kShare>(
                task, base, full, empty, rank, share.first / kParts, share.count / kParts);
        __syncwarp();
        if constexpr (kTokens < 256)
            if (share.splits > 1)
                syncCluster(); // of reduceAndWrite()
    } else {
        if constexpr (kManyRegisters)
            takeRegisters<232>();
        multiplyTiles<S, kTokens, kParts, kShare>(task, share, rank, sharedBytes + (base - start),
                                                  base);
    }
    syncCluster(); // nobody leaves while others still reach into its shared memory
#endif
}

} // namespace kernels::cuda
