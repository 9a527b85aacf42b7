#pragma once
// GEMM of int8 weights and int8 activations on Hopper's warpgroup tensor cores: prefill.
//
// out[m][n] = sum over groups g of 128 columns: sx[m][g] sw[n][g] sum over k in g of x[m][k]
// w[n][k]. Weights are the M operand, tokens N, both read from shared memory. The int32 sums of a
// group become fp32 by I2FP, of which a multiprocessor does 64 a clock (measured; a bias that makes
// their bits a float costs as much and an offset to multiply), meet sx, sw and the fp32 total.
// Shapes: W int8 [N][K padded to 128], scales fp16 [N][K / 128]; x int8 [M][K padded], token scales
// fp32 [K / 128][stride] in the order of int8ScalePlace, stride >= M rounded up to kTokens. Rows of
// two digits (Int8Rows) are twice as long and meet the weights' columns twice.
// A block computes 128 weight rows x kTokens tokens: one copying warp, two warpgroups of 64 rows.
// Each keeps two sets of sums: while one is promoted, products fill the other. kShare = 2: two
// blocks of a cluster fetch half the tokens each, for both.
// The method: DeepGEMM's promotion of every 128 columns, on integers.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kGroupColumns = 128;

template<int kTokens, int kStages>
struct Int8Shared {
    static constexpr int kWeights = kTileRows * kGroupColumns;
    static constexpr int kRows = kTokens * kGroupColumns;
    static constexpr int kScales = kTokens * 4;
    static constexpr int kCopied = kWeights + kRows + kScales;
    static constexpr int kStage = (kCopied + 1023) / 1024 * 1024;
    static constexpr int kBytes = kStages * kStage + 16 * kStages + 1024;
};

/// The group of weights that a group of activations meets.
__device__ inline std::uint32_t weightGroup(const TensorGemm& task, std::uint32_t group) {
    return group < task.weightGroups ? group : group - task.weightGroups;
}

/// The copying warp: one thread.
template<int kTokens, int kStages, int kShare>
__device__ void copyInt8Tiles(const TensorGemm& task, std::uint32_t base, std::uint32_t rank) {
    using S = Int8Shared<kTokens, kStages>;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    constexpr std::uint16_t kAll = (1 << kShare) - 1;
    RingPlace place;
    place.parity = 1; // the first round finds every stage empty
    for (std::uint32_t unit = blockIdx.x / kShare; unit < task.units; unit += gridDim.x / kShare) {
        const std::uint32_t tile = unit / task.tokenTiles * kShare + rank;
        const std::uint32_t token = unit % task.tokenTiles * kTokens;
        const TileHalf first = tileHalf(task, tile, 0);
        for (std::uint32_t group = 0; group < task.columnGroups; ++group) {
            waitBarrier(empty + place.stage * 8, place.parity);
            const std::uint32_t barrier = full + place.stage * 8;
            const std::uint32_t to = base + place.stage * S::kStage;
            const std::uint32_t column = group * kGroupColumns;
            const std::uint32_t weightColumn = weightGroup(task, group) * kGroupColumns;
            arriveExpecting(barrier, S::kCopied);
            if (task.epilogue == Epilogue::SwiGlu) // eight rows of gate, eight of up, ...
                copyPairs(to, &task.weightMaps[0], weightColumn, first.row / 8, barrier);
            else
                copyBox(to, &task.weightMaps[first.matrix], weightColumn, first.row, barrier);
            const std::uint32_t rows = to + S::kWeights;
            if constexpr (kShare > 1)
                copyBoxToAll(rows + rank * (S::kRows / kShare), &task.tokenMap, column,
                             token + rank * (kTokens / kShare), barrier, kAll);
            else
                copyBox(rows, &task.tokenMap, column, token, barrier);
            copyBytes(rows + S::kRows,
                      task.tokenScales + std::size_t{group} * task.tokenScaleStride + token,
                      S::kScales, barrier);
            place.next<kStages>();
        }
    }
}

/// Scales of a thread's two weight rows, fetched one group ahead.
struct RowScales {
    const std::uint16_t* at[2];
    std::uint16_t bits[2];
    __device__ void start(const TensorGemm& task, const TensorLane& lane) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const std::uint32_t matrix = lane.halves[half].matrix;
            std::uint32_t row = lane.halves[half].row + lane.localRow;
            row = row < task.rows[matrix] ? row : task.rows[matrix] - 1;
            at[half] = task.scales[matrix] + std::size_t{row} * task.groupsPerRow;
            bits[half] = __ldg(at[half]);
        }
    }
    __device__ void fetch(std::uint32_t group) {
        bits[0] = __ldg(at[0] + group);
        bits[1] = __ldg(at[1] + group);
    }
};

/// Scales of the tokens of one group, kAhead blocks of sixteen tokens in registers: a thread's four
/// of a block lie together (int8ScalePlace), as 16-byte reads cost the tensor cores their share of
/// shared memory.
template<int kAhead>
struct TokenScales {
    const float4* at; // this thread's: a block of sixteen tokens every 4
    float4 ready[kAhead];
    __device__ void start(const std::byte* scales) {
        at = reinterpret_cast<const float4*>(scales) + threadIdx.x % 4;
#pragma unroll
        for (int i = 0; i < kAhead; ++i)
            ready[i] = at[i * 4];
    }
};

/// Ends a group: totals += sw (sx (sums)).
template<int kTokens, int kAhead>
__device__ void promote(TokenScales<kAhead>& scales, const float (&rowScale)[2],
                        const std::int32_t (&sums)[kTokens / 2], float (&totals)[kTokens / 2]) {
    constexpr int kBlocks = kTokens / 16;
#pragma unroll
    for (int i = 0; i < kBlocks; ++i) {
        const float4 ready = scales.ready[i % kAhead];
        if (i + kAhead < kBlocks)
            scales.ready[i % kAhead] = scales.at[(i + kAhead) * 4];
        const float s[4] = {ready.x, ready.y, ready.z, ready.w};
#pragma unroll
        for (int j = 0; j < 8; ++j) { // two blocks of eight, two rows, two tokens
            const float scaled = __int2float_rn(sums[8 * i + j]) * s[j / 4 * 2 + j % 2];
            totals[8 * i + j] = fmaf(scaled, rowScale[j / 2 % 2], totals[8 * i + j]);
        }
    }
}

/// Starts the products of one group.
template<int kTokens, int kStages>
__device__ void startGroup(std::uint32_t base, const RingPlace& place, int warpgroup,
                           std::int32_t (&sums)[kTokens / 2]) {
    using S = Int8Shared<kTokens, kStages>;
    const std::uint32_t stage = base + place.stage * S::kStage;
    const std::uint32_t weights = stage + warpgroup * 64 * kGroupColumns;
    const std::uint32_t rows = stage + S::kWeights;
    waitBarrier(base + kStages * S::kStage + place.stage * 8, place.parity);
    fenceProducts();
    productInt8<false>(sums, sharedTile(weights), sharedTile(rows));
#pragma unroll
    for (int j = 1; j < kGroupColumns / 32; ++j)
        productInt8<true>(sums, sharedTile(weights + j * 32), sharedTile(rows + j * 32));
    commitProducts();
}

template<int kTokens, int kStages, int kShare>
__device__ void int8Gemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = Int8Shared<kTokens, kStages>;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t rank = kShare > 1 ? rankInCluster() : 0;
    const std::uint32_t warp = threadIdx.x / 32;
    if (threadIdx.x == 0) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kConsumerWarps * kShare);
        }
        fenceBarriers();
    }
    syncCluster();
    if (warp >= kConsumerWarps) {
        giveUpRegisters<24>();
        if (warp == kConsumerWarps && threadIdx.x % 32 == 0)
            copyInt8Tiles<kTokens, kStages, kShare>(task, base, rank);
        __syncwarp();
        syncCluster();
        return;
    }
    takeRegisters<240>();
    constexpr int kAhead = 4; // blocks of sixteen tokens, as registers allow
    const int warpgroup = static_cast<int>(warp / 4);
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    TensorLane lane{};
    lane.localRow = (gated ? warp * 8 : warp * 16) + threadIdx.x % 32 / 4;
    RingPlace started; // where the next group to start lies
    std::uint32_t ended = 0;
    std::int32_t sums[2][kTokens / 2];
    float totals[kTokens / 2];
    for (std::uint32_t unit = blockIdx.x / kShare; unit < task.units; unit += gridDim.x / kShare) {
        lane.tile = unit / task.tokenTiles * kShare + rank;
        lane.token = unit % task.tokenTiles * kTokens;
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = gated ? TileHalf{1, lane.halves[0].row}
                               : TileHalf{lane.halves[0].matrix, lane.halves[0].row + 8};
        RowScales scales;
        scales.start(task, lane);
#pragma unroll
        for (float& total : totals)
            total = 0;
        // Ends group k, whose sums are complete.
        const auto end = [&](std::uint32_t k, const std::int32_t(&mine)[kTokens / 2]) {
            const float rowScale[2] = {halfToFloat(scales.bits[0]), halfToFloat(scales.bits[1])};
            scales.fetch(weightGroup(task, k + 1 < task.columnGroups ? k + 1 : k));
            TokenScales<kAhead> tokenScales;
            tokenScales.start(sharedBytes + (base - start) + ended * S::kStage + S::kWeights +
                              S::kRows);
            promote<kTokens, kAhead>(tokenScales, rowScale, mine, totals);
            releaseStage<kShare>(empty + ended * 8);
            ended = ended + 1 == kStages ? 0 : ended + 1;
        };
        const auto begin = [&](std::int32_t(&other)[kTokens / 2]) {
            startGroup<kTokens, kStages>(base, started, warpgroup, other);
            started.next<kStages>();
        };
        begin(sums[0]);
        // One set of sums is promoted while the products of the next group fill the other.
        std::uint32_t k = 0;
        for (; k + 2 < task.columnGroups; k += 2) {
            begin(sums[1]);
            waitProducts<1>();
            end(k, sums[0]);
            begin(sums[0]);
            waitProducts<1>();
            end(k + 1, sums[1]);
        }
        if (k + 2 == task.columnGroups) {
            begin(sums[1]);
            waitProducts<1>();
            end(k, sums[0]);
            waitProducts<0>();
            end(k + 1, sums[1]);
        } else {
            waitProducts<0>();
            end(k, sums[0]);
        }
        writeTile<kTokens>(task, lane, totals);
    }
    syncCluster(); // nobody leaves while others still reach into its shared memory
#endif
}

} // namespace kernels::cuda
