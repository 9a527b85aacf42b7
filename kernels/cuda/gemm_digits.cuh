#pragma once
// GEMM of int8 weights for few rows on Hopper: decoding of batches.
//
// The weights go from memory through the bulk copies straight to the tensor cores; nothing is
// converted on the way, so that memory is what limits. For that a row of activations is two rows of
// int8 digits, x = s (256 h + l) with a scale for 128 columns (DigitRows: 16 bits of the largest of
// them, where bf16 keeps 8 of each), and the sums of both digits meet as integers:
// out[m][n] = sum over groups g: sw[n][g] sx[m][g] (256 sum of w h + sum of w l).
// Weights are the M operand, tokens N. Shapes: W int8 [N][K padded to 128], scales fp16 [N][K/128];
// digits int8 [2][M][K padded], token scales fp32 [K / 128][stride], stride >= M padded to kTokens.
// A block takes 128 weight rows, a slice of kTokens tokens and a share of K: a warp that starts
// copies, kStages groups ahead, and two warpgroups of 64 rows each. The blocks of a cluster share K
// and add up in order. Weights depend on nothing before: they are under way before the kernel ahead
// has ended. Tokens come in chunks of up to 32, h and l of a chunk one operand of 2 kChunk columns,
// so that registers hold the integers of one chunk and the fp32 totals of all.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kMostChunk = 32;                // tokens
constexpr std::uint32_t kMostDigitSplits = 8; // blocks of a cluster
constexpr int kDigitPieces = 4;               // products of 32 columns in a group

/// The boxes at (x, y) of both planes (describePlanes).
__device__ inline void copyPlanes(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                                  std::uint32_t y, std::uint32_t barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(0)
                 : "memory");
}

template<int kTokens, int kStages>
struct DigitShared {
    static constexpr int kChunk = kTokens < kMostChunk ? kTokens : kMostChunk;
    static constexpr int kChunks = kTokens / kChunk;
    static constexpr int kWeights = kTileRows * kGroupColumns;
    static constexpr int kChunkBytes = 2 * kChunk * kGroupColumns;
    static constexpr int kRows = kChunks * kChunkBytes;
    static constexpr int kTiles = kWeights + kRows; // a multiple of 1024
    static constexpr int kScales = kTokens * 4;
    static constexpr int kReduced = kTileRows * kTokens * 4; // fp32 sums of a shared K
    static constexpr int kBytes = kStages * (kTiles + kScales + 16) + 1024;
};

/// What a block works on: one tile, tokens from `token` on, groups [first, end).
struct DigitShare {
    std::uint32_t tile;
    std::uint32_t token;
    std::uint32_t splits; // blocks that share K
    std::uint32_t first;
    std::uint32_t end;
};
template<int kTokens>
__device__ DigitShare digitShare(const TensorGemm& task) {
    const std::uint32_t splits = blocksInCluster();
    const std::uint32_t rank = rankInCluster();
    // Slices of one tile side by side: its weights come from memory once.
    const std::uint32_t unit = blockIdx.x / splits;
    return {unit / task.tokenTiles, unit % task.tokenTiles * kTokens, splits,
            task.columnGroups * rank / splits, task.columnGroups * (rank + 1) / splits};
}

/// The copying thread.
template<int kTokens, int kStages>
__device__ void copyDigits(const TensorGemm& task, const DigitShare& share, std::uint32_t base,
                           std::uint32_t barriers) {
    using S = DigitShared<kTokens, kStages>;
    const TileHalf first = tileHalf(task, share.tile, 0);
    const std::uint64_t policy = cachePolicy(task.tokenTiles == 1); // else slices share them
    const auto copyWeights = [&](std::uint32_t group, std::uint32_t stage) {
        const std::uint32_t barrier = barriers + stage * 8;
        const std::uint32_t to = base + stage * S::kTiles;
        arriveExpecting(barrier, S::kTiles + S::kScales);
        if (task.epilogue == Epilogue::SwiGlu) // eight rows of gate, eight of up, ...
            copyPairs(to, &task.weightMaps[0], group * kGroupColumns, first.row / 8, barrier,
                      policy);
        else
            copyBox(to, &task.weightMaps[first.matrix], group * kGroupColumns, first.row, barrier,
                    policy);
    };
    const auto copyRows = [&](std::uint32_t group, std::uint32_t stage) {
        const std::uint32_t barrier = barriers + stage * 8;
        const std::uint32_t rows = base + stage * S::kTiles + S::kWeights;
#pragma unroll
        for (int chunk = 0; chunk < S::kChunks; ++chunk)
            copyPlanes(rows + chunk * S::kChunkBytes, &task.tokenMap, group * kGroupColumns,
                       share.token + chunk * S::kChunk, barrier);
        copyBytes(base + kStages * S::kTiles + stage * S::kScales,
                  task.tokenScales + std::size_t{group} * task.tokenScaleStride + share.token,
                  S::kScales, barrier);
    };
    const std::uint32_t count = share.end - share.first;
    const std::uint32_t ahead = count < kStages ? count : kStages;
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyWeights(share.first + i, i);
    waitForPreviousRows();
    for (std::uint32_t i = 0; i < ahead; ++i)
        copyRows(share.first + i, i);
    RingPlace place;
    for (std::uint32_t i = kStages; i < count; ++i) {
        waitBarrier(barriers + (kStages + place.stage) * 8, place.parity);
        copyWeights(share.first + i, place.stage);
        copyRows(share.first + i, place.stage);
        place.next<kStages>();
    }
}

/// Begins the products of a chunk with the weights of a stage; both addresses in shared memory.
template<int kChunk>
__device__ void beginDigits(std::uint32_t weights, std::uint32_t tokens,
                            std::int32_t (&sums)[kChunk]) {
    fenceProducts();
    productInt8<false>(sums, sharedTile(weights), sharedTile(tokens));
#pragma unroll
    for (int j = 1; j < kDigitPieces; ++j)
        productInt8<true>(sums, sharedTile(weights + j * 32), sharedTile(tokens + j * 32));
    commitProducts();
}

/// Adds a chunk to the totals: += sw (sx (256 h + l)).
template<int kChunk>
__device__ void promoteDigits(const std::int32_t (&sums)[kChunk], const float* tokenScales,
                              const float (&rowScale)[2], float* totals) {
#pragma unroll
    for (int i = 0; i < kChunk / 8; ++i) {
        const float2 s = *reinterpret_cast<const float2*>(tokenScales + i * 8);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            const std::int32_t sum = sums[4 * i + e] * kDigitBase + sums[kChunk / 2 + 4 * i + e];
            const float scaled = static_cast<float>(sum) * (e % 2 == 0 ? s.x : s.y);
            totals[4 * i + e] = fmaf(scaled, rowScale[e / 2], totals[4 * i + e]);
        }
    }
}

/// Multiplies a group of columns, whose weights and rows lie in shared memory, and adds it to the
/// totals. kBuffers = 2: products of the next chunk run while one is promoted.
template<class S, int kBuffers>
__device__ void multiplyGroup(std::uint32_t weights, std::uint32_t rows, const float* tokenScales,
                              const float (&rowScale)[2], std::int32_t (&sums)[kBuffers][S::kChunk],
                              float* totals) {
    const auto begin = [&](int chunk, std::int32_t(&to)[S::kChunk]) {
        beginDigits<S::kChunk>(weights, rows + chunk * S::kChunkBytes, to);
    };
    if (kBuffers > 1)
        begin(0, sums[0]);
#pragma unroll
    for (int chunk = 0; chunk < S::kChunks; ++chunk) {
        if (kBuffers == 1)
            begin(chunk, sums[0]);
        if (kBuffers > 1 && chunk + 1 < S::kChunks) {
            begin(chunk + 1, sums[(chunk + 1) % kBuffers]);
            waitProducts<1>();
        } else {
            waitProducts<0>();
        }
#pragma unroll
        for (std::int32_t& sum : sums[chunk % kBuffers])
            settle(sum); // read behind the wait, not before
        promoteDigits<S::kChunk>(sums[chunk % kBuffers], tokenScales + chunk * S::kChunk, rowScale,
                                 totals + chunk * (S::kChunk / 2));
    }
}

/// Adds up what the blocks of the cluster computed, in their order, and writes; each block a share
/// of the tokens. The stages are free: every copy has arrived and been read.
template<int kTokens>
__device__ void addShares(const TensorGemm& task, const TensorLane& lane, std::uint32_t blocks,
                          std::uint32_t base, const float (&totals)[kTokens / 2]) {
    constexpr std::uint32_t kThreads = kConsumerWarps * 32;
    waitNamed(1, kThreads); // both warpgroups have read their last stage
#pragma unroll
    for (int i = 0; i < kTokens / 8; ++i)
        storeShared(
            base + (i * kThreads + threadIdx.x) * 16,
            make_float4(totals[4 * i], totals[4 * i + 1], totals[4 * i + 2], totals[4 * i + 3]));
    syncCluster();
    const SumTargets to(task, lane);
    const std::uint32_t left = task.tokens - lane.token;
    for (std::uint32_t i = rankInCluster(); i * 8 < (left < kTokens ? left : kTokens);
         i += blocks) {
        float4 parts[kMostDigitSplits]; // all under way at once
#pragma unroll
        for (std::uint32_t other = 0; other < kMostDigitSplits; ++other)
            parts[other] = other < blocks
                               ? readFrom(base + (i * kThreads + threadIdx.x) * 16, other)
                               : make_float4(0, 0, 0, 0);
        float v[4] = {};
#pragma unroll
        for (const float4& part : parts)
            v[0] += part.x, v[1] += part.y, v[2] += part.z, v[3] += part.w;
        writeSums<false>(task, to, static_cast<int>(i), left - i * 8, v);
    }
}

template<int kTokens, int kStages, int kBuffers>
__device__ void digitGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = DigitShared<kTokens, kStages>;
    static_assert(S::kReduced <= kStages * S::kTiles);
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * (S::kTiles + S::kScales);
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
    const DigitShare share = digitShare<kTokens>(task);
    if (warp >= kConsumerWarps) {
        if (threadIdx.x % 32 == 0)
            copyDigits<kTokens, kStages>(task, share, base, full);
        __syncwarp();
        if (share.splits > 1) { // as the others
            syncCluster();
            syncCluster();
        }
        return;
    }
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    TensorLane lane{};
    lane.localRow = (gated ? warp * 8 : warp * 16) + threadIdx.x % 32 / 4;
    lane.tile = share.tile;
    lane.token = share.token;
    lane.halves[0] = tileHalf(task, lane.tile, 0);
    lane.halves[1] = gated ? TileHalf{1, lane.halves[0].row}
                           : TileHalf{lane.halves[0].matrix, lane.halves[0].row + 8};
    RowScales scales; // of the group before the one that is fetched
    scales.start(task, lane);
    scales.fetch(share.first);
    std::byte* const memory = sharedBytes + (base - start);
    const auto* tokenScales =
        reinterpret_cast<const float*>(memory + kStages * S::kTiles) + threadIdx.x % 4 * 2;
    const std::uint32_t mine = base + warp / 4 * 64 * kGroupColumns;
    float totals[kTokens / 2];
#pragma unroll
    for (float& total : totals)
        total = 0;
    std::int32_t sums[kBuffers][S::kChunk];
    RingPlace place;
    waitForPrevious(); // for what the end reads and writes
    for (std::uint32_t group = share.first; group < share.end; ++group) {
        const float rowScale[2] = {halfToFloat(scales.bits[0]), halfToFloat(scales.bits[1])};
        scales.fetch(group + 1 < share.end ? group + 1 : group);
        const std::uint32_t weights = mine + place.stage * S::kTiles;
        const std::uint32_t rows = base + place.stage * S::kTiles + S::kWeights;
        const float* own = tokenScales + place.stage * kTokens;
        waitBarrier(full + place.stage * 8, place.parity);
        multiplyGroup<S, kBuffers>(weights, rows, own, rowScale, sums, totals);
        // Loads of token scales, held up by another block's products, else read what the next copy
        // brought: the scales of kStages groups later, in up to half of all launches of down where
        // two blocks shared a multiprocessor (inglenook_digit_repeat).
        fenceShared();
        releaseStage<1>(empty + place.stage * 8);
        place.next<kStages>();
    }
    if (share.splits > 1) {
        addShares<kTokens>(task, lane, share.splits, base, totals);
        syncCluster(); // nobody leaves while others still read its sums
    } else {
        writeTile<kTokens>(task, lane, totals);
    }
#endif
}

} // namespace kernels::cuda
