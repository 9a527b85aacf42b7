#pragma once
// GEMM of int8 weights and int8 activations on Hopper's warpgroup tensor cores: prefill.
//
// out[m][n] = sum over groups g of 128 columns: sx[m][g] sw[n][g] sum over k in g of x[m][k]
// w[n][k]. Weights are the M operand, tokens N. The int32 sums of a group become fp32 by I2FP, of
// which a multiprocessor does 64 a clock (measured; a bias that makes their bits a float costs as
// much and an offset to multiply), meet sx and sw, and are added to the fp32 total.
// Shapes: W int8 [N][K padded to 128], scales fp16 [N][K / 128]; x int8 [M][K padded], token scales
// fp32 [K / 128][stride] in the order of int8ScalePlace, stride >= M rounded up to 256. Rows of two
// digits (Int8Rows) are twice as long and meet the weights' columns twice.
// A block computes 128 weight rows x 256 tokens: a warp that copies tiles, one that brings the
// weights' scales, and two warpgroups of 64 rows each. A warpgroup keeps its weights of a group in
// registers for two units of 128 tokens, so that shared memory feeds the tensor cores with tokens
// alone. While it promotes a unit, the products of the other warpgroup run, as far as both find
// room: promotion is what takes longest, and every instruction beside it shows.
// The method: DeepGEMM's promotion of every 128 columns, on integers.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kGroupColumns = 128;
constexpr int kInt8Tokens = 256; // of a tile
constexpr int kUnitTokens = 128;
constexpr int kUnits = kInt8Tokens / kUnitTokens;

template<int kStages>
struct Int8Shared {
    static constexpr int kWeights = 0; // [128 rows][128], swizzled
    static constexpr int kTokens = kTileRows * kGroupColumns;
    static constexpr int kTokenBytes = kInt8Tokens * kGroupColumns; // [256][128], swizzled
    static constexpr int kTokenScales = kTokens + kTokenBytes;
    static constexpr int kTokenScaleBytes = kInt8Tokens * 4;
    static constexpr int kRowScales = kTokenScales + kTokenScaleBytes; // fp32 [128 rows]
    static constexpr int kCopied = kRowScales;
    static constexpr int kStage = (kRowScales + kTileRows * 4 + 1023) / 1024 * 1024;
    static constexpr int kBytes = kStages * kStage + 16 * kStages + 1024;
};

/// The group of weights that a group of activations meets.
__device__ inline std::uint32_t weightGroup(const TensorGemm& task, std::uint32_t group) {
    return group < task.weightGroups ? group : group - task.weightGroups;
}

/// The copying warp: one thread.
template<int kStages>
__device__ void copyInt8Tiles(const TensorGemm& task, std::uint32_t base) {
    using S = Int8Shared<kStages>;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    waitForPreviousRows(); // what is written follows what is copied
    letNextStart();
    RingPlace place;
    place.parity = 1; // the first round finds every stage empty
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        const std::uint32_t tile = unit / task.tokenTiles;
        const std::uint32_t token = unit % task.tokenTiles * kInt8Tokens;
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
            copyBox(to + S::kTokens, &task.tokenMap, column, token, barrier);
            copyBytes(to + S::kTokenScales,
                      task.tokenScales + std::size_t{group} * task.tokenScaleStride + token,
                      S::kTokenScaleBytes, barrier);
            place.next<kStages>();
        }
    }
}

/// One warp: the scales of a stage's weights as fp32; a lane brings those of four rows of the tile.
template<int kStages>
__device__ void copyRowScales(const TensorGemm& task, std::uint32_t base) {
    using S = Int8Shared<kStages>;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t lane = threadIdx.x % 32;
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    RingPlace place;
    place.parity = 1;
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        const TileHalf first = tileHalf(task, unit / task.tokenTiles, 0);
        const std::uint32_t matrix = gated ? lane / 2 % 2 : first.matrix;
        const std::uint32_t row =
            first.row + (gated ? lane / 4 * 8 + lane % 2 * 4 : lane * 4); // of four
        const std::uint16_t* at[4];
        std::uint16_t bits[4];
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            const std::uint32_t last = task.rows[matrix] - 1;
            at[i] = task.scales[matrix] +
                    std::size_t{row + i < last ? row + i : last} * task.groupsPerRow;
            bits[i] = __ldg(at[i]);
        }
        for (std::uint32_t group = 0; group < task.columnGroups; ++group) {
            const float4 scales = make_float4(halfToFloat(bits[0]), halfToFloat(bits[1]),
                                              halfToFloat(bits[2]), halfToFloat(bits[3]));
            const std::uint32_t next =
                weightGroup(task, group + 1 < task.columnGroups ? group + 1 : group);
#pragma unroll
            for (int i = 0; i < 4; ++i)
                bits[i] = __ldg(at[i] + next);
            waitBarrier(empty + place.stage * 8, place.parity);
            storeShared(base + place.stage * S::kStage + S::kRowScales + lane * 16, scales);
            __syncwarp();
            if (lane == 0)
                arrive(full + place.stage * 8);
            place.next<kStages>();
        }
    }
}

/// What a warpgroup keeps in registers: 64 weight rows x 256 tokens.
struct Int8Registers {
    std::uint32_t weights[4][4]; // a group's, for products of 32 columns each
    std::int32_t sums[kUnitTokens / 2];
    float totals[kInt8Tokens / 2];
    float rowScales[2];
};

/// Where a thread of the warpgroups reads in a stage.
template<int kStages>
struct Int8Places {
    using S = Int8Shared<kStages>;
    std::uint32_t weights;
    std::uint32_t rowScales;
    std::uint32_t tokenScales;

    __device__ explicit Int8Places(std::uint32_t warp) {
        const std::uint32_t lane = threadIdx.x % 32;
        weights = S::kWeights + (warp * 16 + lane % 16) * kGroupColumns;
        rowScales = S::kRowScales + (warp * 16 + lane / 4) * 4;
        tokenScales = S::kTokenScales + lane % 4 * 16;
    }
};

/// Takes the weights of the group at `stage`, 16-byte chunk c of a row lying at c ^ (row % 8), and
/// their scales.
template<int kStages>
__device__ void takeWeights(Int8Registers& r, const Int8Places<kStages>& places,
                            std::uint32_t stage) {
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (std::uint32_t j = 0; j < 4; ++j)
        loadMatrices(r.weights[j], stage + places.weights + ((j * 2 + lane / 16) ^ lane % 8) * 16);
    r.rowScales[0] = loadSharedFloat(stage + places.rowScales);
    r.rowScales[1] = loadSharedFloat(stage + places.rowScales + 8 * 4);
}

/// totals += sw (sx sums) of sixteen tokens; `scales`: this thread's four (int8ScalePlace).
__device__ inline void promoteTokens(Int8Registers& r, int unit, int i, float4 scales) {
    const float s[4] = {scales.x, scales.y, scales.z, scales.w};
#pragma unroll
    for (int j = 0; j < 8; ++j) { // two blocks of eight, two rows, two tokens
        float& total = r.totals[unit * (kUnitTokens / 2) + i * 8 + j];
        total = fmaf(__int2float_rn(r.sums[i * 8 + j]) * s[j / 4 * 2 + j % 2],
                     r.rowScales[j / 2 % 2], total);
    }
}

/// One unit of the group at `stage`: products, promotion.
template<int kStages>
__device__ void multiplyUnit(Int8Registers& r, const Int8Places<kStages>& places,
                             std::uint32_t stage, int unit) {
    using S = Int8Shared<kStages>;
    constexpr int kBlocks = kUnitTokens / 16;
    constexpr int kAhead = 4; // blocks of sixteen tokens, as registers allow
    const SharedTiles tokens(stage + S::kTokens);
    const int first = unit * kUnitTokens * kGroupColumns;
    fenceProducts();
    productInt8<false>(r.sums, r.weights[0], tokens.at(first));
#pragma unroll
    for (int j = 1; j < 4; ++j)
        productInt8<true>(r.sums, r.weights[j], tokens.at(first + j * 32));
    commitProducts();
    const std::uint32_t scales = stage + places.tokenScales + unit * kBlocks * 64;
    float4 ready[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
        ready[i] = loadShared(scales + i * 64);
    waitProducts<0>();
#pragma unroll
    for (int i = 0; i < kBlocks; ++i) {
        const float4 now = ready[i % kAhead];
        if (i + kAhead < kBlocks)
            ready[i % kAhead] = loadShared(scales + (i + kAhead) * 64);
        promoteTokens(r, unit, i, now);
    }
}

template<int kStages>
__device__ void int8Gemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = Int8Shared<kStages>;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t base = (sharedAddress(sharedBytes) + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t warp = __shfl_sync(kAllLanes, threadIdx.x / 32, 0); // known to be uniform
    if (threadIdx.x == 0) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 2); // tiles, scales
            initBarrier(empty + i * 8, kConsumerWarps);
        }
        fenceBarriers();
    }
    __syncthreads();
    if (warp >= kConsumerWarps) {
        giveUpRegisters<40>();
        if (warp == kConsumerWarps && threadIdx.x % 32 == 0)
            copyInt8Tiles<kStages>(task, base);
        if (warp == kConsumerWarps + 1)
            copyRowScales<kStages>(task, base);
        return;
    }
    takeRegisters<232>();
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    TensorLane lane{};
    lane.localRow = (gated ? warp * 8 : warp * 16) + threadIdx.x % 32 / 4;
    const Int8Places<kStages> places(warp);
    Int8Registers registers;
    RingPlace place;
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        lane.tile = unit / task.tokenTiles;
        lane.token = unit % task.tokenTiles * kInt8Tokens;
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = gated ? TileHalf{1, lane.halves[0].row}
                               : TileHalf{lane.halves[0].matrix, lane.halves[0].row + 8};
#pragma unroll
        for (float& total : registers.totals)
            total = 0;
        for (std::uint32_t group = 0; group < task.columnGroups; ++group) {
            const std::uint32_t stage = base + place.stage * S::kStage;
            waitBarrier(full + place.stage * 8, place.parity);
            takeWeights(registers, places, stage);
#pragma unroll
            for (int part = 0; part < kUnits; ++part)
                multiplyUnit(registers, places, stage, part);
            fenceShared(); // token scales were read, copies write them
            releaseStage<1>(empty + place.stage * 8);
            place.next<kStages>();
        }
        writeTile<kInt8Tokens>(task, lane, registers.totals);
    }
#endif
}

} // namespace kernels::cuda
