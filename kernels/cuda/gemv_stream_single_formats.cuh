#pragma once
// How the fast GEMV against a single row (gemv_stream_single.cuh) multiplies one unit of weights by
// the row's digits, for every weight format.
//
// mma m16n8k32: A is 16 weight rows, bytes as they lie in the ring. B are the digits: column 2 g of
// the product is the high digit of group g of four, column 2 g + 1 the low one, and zero where k
// is of another group. So lane 4 r + g of the result has both sums of group g for rows r and r + 8,
// and four groups of 32 columns meet their scales in one go. lane = 4 * row + quarter; as part of
// A it holds k of `quarter`, as part of B column lane / 4.
#include "kernels/cuda/gemv_stream_single_digits.cuh"

namespace kernels::cuda {

/// Where the row lies: addresses in shared memory.
struct RowPlace {
    std::uint32_t digits;
    std::uint32_t groups; // DigitGroup, or the scales of a row that was handed over
    std::uint32_t sums;   // of a row that was handed over: sumHanded()
};
constexpr std::uint32_t kDigitGroupBytes = sizeof(DigitGroup);

/// Int8 with a scale for kGroup columns, 128 or 32: one product a group of 32.
template<std::uint32_t kGroup>
struct SingleInt8 {
    static constexpr int kColumns = 128;                      // of a unit
    static constexpr std::uint32_t kBlocks = 1;               // of 128 columns
    static constexpr int kScaleBytes = kGroup == 128 ? 4 : 8; // of a row, see fetchSingle()
    static constexpr int kSlotBytes = 2048;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    static constexpr bool kHanded = false;
    static constexpr bool kSumsHanded = false;
    static constexpr HandedOrder kOrder = HandedOrder::Bytes;
    static constexpr float kOffset = 0;   // what a stored weight stands above its value
    static constexpr float kSumScale = 1; // of what multiply() returns
    /// Where 16 bytes of a row lie: eight rows' in different banks.
    static __device__ std::uint32_t slotAt(std::uint32_t row, std::uint32_t column) {
        return row * kStreamBytes + (column ^ row % 8) * 16;
    }
    /// Where four columns from `column` of a group lie among its digits: a quarter's of both halves
    /// of 16 side by side; and the four behind them.
    static __device__ std::uint32_t digitsAt(std::uint32_t column) {
        return column % 16 * 2 + column / 16 * 4;
    }
    static constexpr std::uint32_t kDigitStep = 8;

    struct Lane {
        std::uint32_t digits;     // address in shared memory, of the first unit
        std::uint32_t groups;     // of its scale there
        std::uint32_t weights[4]; // in a slot
        std::uint32_t scales;
        uint2 x[4]; // zeros where a group is not that of this lane's column of the product

        __device__ void clear() {
            for (uint2& digits : x)
                digits = {};
        }
    };
    static __device__ Lane laneOf(const RowPlace& row, std::uint32_t lane) {
        Lane at;
        at.digits = row.digits + lane * 8;
        at.groups = row.groups + lane % 4 * kDigitGroupBytes;
        SingleInt8::placeWeights(at.weights, at.scales, lane);
        hold(at.digits), hold(at.groups);
        return at;
    }
    static __device__ void placeWeights(std::uint32_t (&weights)[4], std::uint32_t& scales,
                                        std::uint32_t lane) {
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            weights[i] = slotAt(lane % 16, i * 2 + lane / 16);
            hold(weights[i]);
        }
        scales = kSlotBytes + lane / 4 * kScaleBytes + (kGroup == 128 ? 0 : lane % 4 * 2);
        hold(scales);
    }
    /// What a unit's product needs, on its way from shared memory.
    struct Raw {
        std::uint32_t a[4][4];
        std::uint16_t scales[2]; // of rows lane / 4 and + 8, fp16
        float group;
    };
    static __device__ void load(Lane& at, Raw& raw, std::uint32_t slot, std::uint32_t unit,
                                std::uint32_t lane, const std::uint32_t (&half)[2]) {
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            loadMatrices(raw.a[i], slot + at.weights[i]);
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            loadSharedWhere(at.x[i], at.digits + unit * kDigitBlockBytes, lane / 8 == i);
        raw.group = __uint_as_float(loadShared4(at.groups + unit * (4 * kDigitGroupBytes)));
#pragma unroll
        for (std::uint32_t row = 0; row < 2; ++row)
            raw.scales[row] = loadShared2(slot + at.scales + row * 8 * kScaleBytes +
                                          (kGroup == 128 ? half[row] * 2 : 0));
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(const Lane& at, const Raw& raw, float (&total)[2]) {
        std::int32_t c[2][4] = {}; // two short chains
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            mmaInt8(c[i % 2], raw.a[i], at.x[i].x, at.x[i].y);
#pragma unroll
        for (std::uint32_t row = 0; row < 2; ++row) {
            const std::int32_t high = c[0][row * 2] + c[1][row * 2];
            const std::int32_t low = c[0][row * 2 + 1] + c[1][row * 2 + 1];
            // One conversion for four groups of a row: far from what a multiprocessor has of them.
            total[row] = fmaf(halfToFloat(raw.scales[row]),
                              static_cast<float>(high * kDigitBase + low) * raw.group, total[row]);
        }
    }
};

/// Int4, byte j of a group's 16 holding columns j and j + 16. A lane reads whole groups: of block b
/// (128 columns), group `quarter`. Upper nibbles stay where they are in their bytes, 16 times what
/// they stand for, and have sums of their own.
template<WeightKind kKind>
struct SingleInt4 {
    static constexpr int kColumns = 256;
    static constexpr std::uint32_t kBlocks = 2;
    static constexpr int kScaleBytes = 16;
    static constexpr int kSlotBytes = 2048;
    static constexpr bool kMinima = kKind == WeightKind::Int4Min;
    static constexpr bool kZeroPoints = kKind == WeightKind::Int4Zero;
    static constexpr bool kHanded = false;
    static constexpr bool kSumsHanded = false;
    static constexpr HandedOrder kOrder = HandedOrder::Nibbles;
    static constexpr float kOffset = kKind == WeightKind::Int4 ? 8 : 0;
    static constexpr float kSumScale = 1.0F / 16;
    static __device__ std::uint32_t slotAt(std::uint32_t row, std::uint32_t column) {
        return StreamInt8::slotAt(row, column);
    }
    static __device__ std::uint32_t digitsAt(std::uint32_t column) { return column; }
    static constexpr std::uint32_t kDigitStep = 4;

    struct Lane {
        std::uint32_t digits;           // address in shared memory, of the first unit
        std::uint32_t groups;           // of its group of the first block there
        std::uint32_t weights[kBlocks]; // in a slot
        std::uint32_t scales;
        uint4 x[kBlocks][2]; // columns of lower and upper nibbles; zeros as above

        __device__ void clear() {
            for (auto& block : x)
                block[0] = block[1] = {};
        }
    };
    static __device__ Lane laneOf(const RowPlace& row, std::uint32_t lane) {
        Lane at;
        at.digits = row.digits + lane % 4 * 64 + lane / 4 % 2 * 32;
        at.groups = row.groups + lane % 4 * kDigitGroupBytes;
        at.weights[0] = slotAt(lane / 4, lane % 4);
        at.weights[1] = slotAt(lane / 4, lane % 4 + 4);
        at.scales = kSlotBytes + lane / 4 * kScaleBytes + lane % 4 * 2;
        hold(at.digits), hold(at.groups), hold(at.weights[0]), hold(at.weights[1]);
        hold(at.scales);
        return at;
    }
    struct Raw {
        uint4 a[kBlocks][2];              // of rows lane / 4 and + 8
        std::uint16_t scales[kBlocks][2]; // fp16
        std::uint16_t minima[kBlocks][2];
        DigitGroup groups[kBlocks];
    };
    static __device__ void load(Lane& at, Raw& raw, std::uint32_t slot, std::uint32_t unit,
                                std::uint32_t lane, const std::uint32_t (&)[2]) {
        loadWeights(at, raw, slot);
        loadDigits(at, unit, lane);
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            const uint2 group =
                loadShared8(at.groups + (unit * kBlocks + block) * (4 * kDigitGroupBytes));
            raw.groups[block].scale = __uint_as_float(group.x);
            raw.groups[block].sum = __uint_as_float(group.y);
        }
    }
    template<class Taker>
    static __device__ void loadWeights(const Lane& at, Taker& raw, std::uint32_t slot) {
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            raw.a[block][0] = loadShared16(slot + at.weights[block]);
            raw.a[block][1] = loadShared16(slot + at.weights[block] + 8 * kStreamBytes);
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const std::uint32_t from = slot + at.scales + row * 8 * kScaleBytes + block * 8;
                raw.scales[block][row] = loadShared2(from);
                if constexpr (kMinima)
                    raw.minima[block][row] = loadShared2(from + kStreamRows * kScaleBytes);
            }
        }
    }
    static __device__ void loadDigits(Lane& at, std::uint32_t unit, std::uint32_t lane) {
        const bool mine = lane / 8 == lane % 4;
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            const std::uint32_t digits = at.digits + (unit * kBlocks + block) * kDigitBlockBytes;
            loadSharedWhere(at.x[block][0], digits, mine);
            loadSharedWhere(at.x[block][1], digits + 16, mine);
        }
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(const Lane& at, const Raw& raw, float (&total)[2]) {
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            std::int32_t low[4] = {};
            std::int32_t high[4] = {};
            multiplyNibbles(raw.a[block][0], raw.a[block][1], at.x[block], low, high, low, high);
            std::int32_t sums[2];
            const DigitGroup group = raw.groups[block];
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const std::uint16_t scale = raw.scales[block][row];
                sums[row] = (low[row * 2] * 16 + high[row * 2]) * kDigitBase +
                            low[row * 2 + 1] * 16 + high[row * 2 + 1];
                if constexpr (kZeroPoints)
                    sums[row] += static_cast<std::int32_t>(scale & 31U) * group.wholes;
                float sum = static_cast<float>(sums[row]) * group.scale;
                if constexpr (kOffset != 0)
                    sum += group.sum;
                total[row] = fmaf(halfToFloat(scale), sum, total[row]);
                if constexpr (kMinima)
                    total[row] = fmaf(halfToFloat(raw.minima[block][row]), group.sum, total[row]);
            }
        }
    }
    /// a, b: a group of rows lane / 4 and + 8. Sums, as mma has them, of lower and upper nibbles'
    /// first and last eight columns; one for both halves if need be.
    static __device__ void multiplyNibbles(const uint4& a, const uint4& b, const uint4 (&x)[2],
                                           std::int32_t (&low0)[4], std::int32_t (&high0)[4],
                                           std::int32_t (&low1)[4], std::int32_t (&high1)[4]) {
        constexpr std::uint32_t kLow = 0x0F0F0F0FU;
        constexpr std::uint32_t kHigh = 0xF0F0F0F0U;
        mmaUnsigned8(low0, {a.x & kLow, b.x & kLow, a.y & kLow, b.y & kLow}, x[0].x, x[0].y);
        mmaUnsigned8(high0, {a.x & kHigh, b.x & kHigh, a.y & kHigh, b.y & kHigh}, x[1].x, x[1].y);
        mmaUnsigned8(low1, {a.z & kLow, b.z & kLow, a.w & kLow, b.w & kLow}, x[0].z, x[0].w);
        mmaUnsigned8(high1, {a.z & kHigh, b.z & kHigh, a.w & kHigh, b.w & kHigh}, x[1].z, x[1].w);
    }
};

} // namespace kernels::cuda
