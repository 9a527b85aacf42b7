#pragma once
// What the W8A8 GEMM (gemm_w8a8.cuh) works on: its runs of groups, the shared memory of a block,
// and the warps that bring tiles of weights and tokens and the factors of sums.
#include "kernels/cuda/gemm_tiles.cuh"
#include "kernels/cuda/largest.cuh"

namespace kernels::cuda {

constexpr int kInt8Tokens = 256; // of a tile
constexpr int kUnitTokens = 128;
constexpr int kUnits = kInt8Tokens / kUnitTokens;
constexpr int kRunGroups = kInt8RunColumns / kGroupColumns;

/// Where sums begin, so that none of a run is ever negative or reaches 2^24.
constexpr std::int32_t kSumTop = kRunGroups << 21;
static_assert(kRunGroups * 128 * 128 * 127 <= kSumTop && 2 * kSumTop <= 1 << 24);
/// 2^100 with every row factor, so that its products with sums, of 2^-126 and more, are normal.
constexpr float kRowScale = 0x1p100F;
/// What kSumTop is worth after that, and what a total is to be multiplied with in the end.
constexpr float kTopWorth = static_cast<float>(kSumTop) * 0x1p-49F;
constexpr float kTokenScale = 0x1p49F;

/// Shared memory of a block.
struct Int8Shared {
    static constexpr int kSlot = kTileRows * kGroupColumns; // bytes, of weights or of 128 tokens
    static_assert(kTileRows == kUnitTokens);
    static constexpr int kWeightSlots = 7; // more than a run
    static constexpr int kTokenSlots = 6;
    static constexpr int kScaleSlots = 2;

    static constexpr int kTokens = kWeightSlots * kSlot; // behind the weights
    static constexpr int kScales = kTokens + kTokenSlots * kSlot;
    // Of a run, fp32: what totals are multiplied with when it begins, the token scale, both
    // [256 tokens] in the order of int8ScalePlace; what is added then, [128 rows]; the factors of
    // its groups [kRunGroups][128 rows].
    static constexpr int kRatios = 0;
    static constexpr int kTokenScales = kRatios + kInt8Tokens * 4;
    static constexpr int kOffsets = kTokenScales + kInt8Tokens * 4;
    static constexpr int kFactors = kOffsets + kTileRows * 4;
    static constexpr int kScaleBytes = kFactors + kRunGroups * kTileRows * 4;

    static constexpr int kFull = kScales + kScaleSlots * kScaleBytes; // a step's tiles are there
    static constexpr int kEmptyTokens = kFull + 8 * kTokenSlots;
    static constexpr int kEmptyWeights = kEmptyTokens + 8 * kTokenSlots;
    static constexpr int kFullScales = kEmptyWeights + 8 * kWeightSlots;
    static constexpr int kEmptyScales = kFullScales + 8 * kScaleSlots;
    static constexpr int kBytes = kEmptyScales + 8 * kScaleSlots + 1024;
    static_assert(kBytes <= 227 * 1024);
};

/// The runs of a product.
struct Int8Runs {
    std::uint32_t columnGroups;
    std::uint32_t count;

    __device__ explicit Int8Runs(const TensorGemm& task)
        : columnGroups(task.columnGroups),
          count((task.columnGroups + kRunGroups - 1) / kRunGroups) {}
    __device__ std::uint32_t firstGroup(std::uint32_t run) const { return run * kRunGroups; }
    __device__ std::uint32_t groups(std::uint32_t run) const {
        return min(std::uint32_t{kRunGroups}, columnGroups - firstGroup(run));
    }
};

/// The tile and the first token of a `unit`.
__device__ inline std::uint32_t int8Tile(const TensorGemm& task, std::uint32_t unit) {
    return unit / task.tokenTiles;
}
__device__ inline std::uint32_t int8Token(const TensorGemm& task, std::uint32_t unit) {
    return unit % task.tokenTiles * kInt8Tokens;
}

/// The copying thread: the weights of a run's groups with the first half of the tokens, then the
/// other half.
__device__ inline void copyInt8Tiles(const TensorGemm& task, std::uint32_t base) {
    using S = Int8Shared;
    const Int8Runs runs(task);
    waitForPreviousRows(); // what is written follows what is copied
    letNextStart();
    RingPlace weights;
    RingPlace tokens;
    weights.parity = tokens.parity = 1; // the first round finds every slot empty
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        const TileHalf first = tileHalf(task, int8Tile(task, unit), 0);
        const std::uint32_t token = int8Token(task, unit);
        for (std::uint32_t run = 0; run < runs.count; ++run) {
            const std::uint32_t groups = runs.groups(run);
            for (std::uint32_t step = 0; step < groups * kUnits; ++step) {
                const std::uint32_t part = step < groups ? 0 : 1;
                const std::uint32_t group = step - part * groups;
                const std::uint32_t barrier = base + S::kFull + tokens.stage * 8;
                if (part == 0)
                    waitBarrier(base + S::kEmptyWeights + weights.stage * 8, weights.parity);
                waitBarrier(base + S::kEmptyTokens + tokens.stage * 8, tokens.parity);
                arriveExpecting(barrier, part == 0 ? 2 * S::kSlot : S::kSlot);
                if (part == 0) {
                    const std::uint32_t to = base + weights.stage * S::kSlot;
                    const std::uint32_t column = (runs.firstGroup(run) + group) * kGroupColumns;
                    if (task.epilogue == Epilogue::SwiGlu) // eight rows of gate, eight of up, ...
                        copyPairs(to, &task.weightMaps[0], column, first.row / 8, barrier);
                    else
                        copyBox(to, &task.weightMaps[first.matrix], column, first.row, barrier);
                    weights.next<S::kWeightSlots>();
                }
                copyBox(base + S::kTokens + tokens.stage * S::kSlot, &task.tokenMap,
                        (runs.firstGroup(run) + group) * kGroupColumns, token + part * kUnitTokens,
                        barrier);
                tokens.next<S::kTokenSlots>();
            }
        }
    }
}

/// Offsets and factors of four weight rows for a run whose groups have these scales, at the lane's
/// place in `to`.
__device__ inline void storeRowFactors(const std::uint16_t (&bits)[kRunGroups][4],
                                       std::uint32_t groups, std::uint32_t to) {
    using S = Int8Shared;
    float scales[kRunGroups][4];
#pragma unroll
    for (int g = 0; g < kRunGroups; ++g)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scales[g][i] = halfToFloat(bits[g][i]) * kRowScale;
    constexpr float kWorth = -kTopWorth / kRowScale;
    storeShared(to + S::kOffsets, make_float4(scales[0][0] * kWorth, scales[0][1] * kWorth,
                                              scales[0][2] * kWorth, scales[0][3] * kWorth));
#pragma unroll
    for (std::uint32_t g = 0; g < kRunGroups; ++g) {
        float f[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            f[i] = g + 1 < groups ? scales[g][i] - scales[g + 1 < kRunGroups ? g + 1 : g][i]
                                  : scales[g][i];
        storeShared(to + S::kFactors + g * (kTileRows * 4), make_float4(f[0], f[1], f[2], f[3]));
    }
}

/// One warp: offsets and factors of a run's weight rows; a lane brings those of four rows.
__device__ inline void bringRowFactors(const TensorGemm& task, std::uint32_t base) {
    using S = Int8Shared;
    const std::uint32_t lane = threadIdx.x % 32;
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    const Int8Runs runs(task);
    RingPlace place;
    place.parity = 1;
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        const TileHalf first = tileHalf(task, int8Tile(task, unit), 0);
        const std::uint32_t matrix = gated ? lane / 2 % 2 : first.matrix;
        const std::uint32_t row =
            first.row + (gated ? lane / 4 * 8 + lane % 2 * 4 : lane * 4); // of four
        const std::uint32_t last = task.rows[matrix] - 1;
        const std::uint16_t* at[4];
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            at[i] = task.scales[matrix] +
                    std::size_t{row + i < last ? row + i : last} * task.groupsPerRow;
        for (std::uint32_t run = 0; run < runs.count; ++run) { // the ring is what runs ahead
            const std::uint32_t groups = runs.groups(run);
            std::uint16_t bits[kRunGroups][4];
#pragma unroll
            for (std::uint32_t g = 0; g < kRunGroups; ++g)
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    bits[g][i] = __ldg(at[i] + runs.firstGroup(run) + min(g, groups - 1));
            waitBarrier(base + S::kEmptyScales + place.stage * 8, place.parity);
            storeRowFactors(bits, groups,
                            base + S::kScales + place.stage * S::kScaleBytes + lane * 16);
            arrive(base + S::kFullScales + place.stage * 8);
            place.next<S::kScaleSlots>();
        }
    }
}

/// Operations on four tokens at a time.
__device__ inline float4 atLeast(float4 v, float least) {
    return make_float4(largerOf(v.x, least), largerOf(v.y, least), largerOf(v.z, least),
                       largerOf(v.w, least));
}
__device__ inline float4 scaledBy(float4 v, float s) {
    return make_float4(v.x * s, v.y * s, v.z * s, v.w * s);
}
__device__ inline float4 quotients(float4 a, float4 b) {
    return make_float4(__fdividef(a.x, b.x), __fdividef(a.y, b.y), __fdividef(a.z, b.z),
                       __fdividef(a.w, b.w));
}

/// One warp: ratios and scales of a run's tokens; a lane brings those of eight.
__device__ inline void bringTokenFactors(const TensorGemm& task, std::uint32_t base) {
    using S = Int8Shared;
    // Of columns that are zero the scale is 0; total / s must stay finite.
    constexpr float kLeast = 1e-30F;
    const std::uint32_t lane = threadIdx.x % 32;
    const Int8Runs runs(task);
    waitForPrevious();
    RingPlace place;
    place.parity = 1;
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
        const float* from = task.tokenScales + int8Token(task, unit) + lane * 4;
        float4 before[kUnits];
        float4 next[kUnits];
        const auto fetch = [&](std::uint32_t run) {
#pragma unroll
            for (int part = 0; part < kUnits; ++part)
                next[part] = __ldcg(reinterpret_cast<const float4*>(
                    from + std::size_t{run} * task.tokenScaleStride + part * kUnitTokens));
        };
        fetch(0);
        for (std::uint32_t run = 0; run < runs.count; ++run) {
            const std::uint32_t to = base + S::kScales + place.stage * S::kScaleBytes + lane * 16;
            float4 now[kUnits];
#pragma unroll
            for (int part = 0; part < kUnits; ++part)
                now[part] = atLeast(next[part], kLeast);
            fetch(run + 1 < runs.count ? run + 1 : run);
            waitBarrier(base + S::kEmptyScales + place.stage * 8, place.parity);
#pragma unroll
            for (int part = 0; part < kUnits; ++part) {
                const std::uint32_t at = to + part * (kUnitTokens * 4);
                storeShared(at + S::kRatios, run == 0 ? make_float4(0, 0, 0, 0)
                                                      : quotients(before[part], now[part]));
                storeShared(at + S::kTokenScales, scaledBy(now[part], kTokenScale));
                before[part] = now[part];
            }
            arrive(base + S::kFullScales + place.stage * 8);
            place.next<S::kScaleSlots>();
        }
    }
}

} // namespace kernels::cuda
