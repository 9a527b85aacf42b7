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
#include "kernels/cuda/handed_row.cuh"

namespace kernels::cuda {

/// Where the row lies: addresses in shared memory.
struct RowPlace {
    std::uint32_t digits;
    std::uint32_t groups; // DigitGroup, or the scales of a row that was handed over
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
        std::uint32_t digits; // address in shared memory, of the first unit
        std::uint32_t groups; // of its scale there
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

/// The same where the row was handed over (kernels/cuda_handed_row.h): a group is eight columns,
/// and every step of 32 columns has sums of its own.
template<std::uint32_t kGroup>
struct HandedInt8 : SingleInt8<kGroup> {
    using Base = SingleInt8<kGroup>;
    static constexpr bool kHanded = true;

    struct Lane {
        std::uint32_t digits; // address in shared memory, of the first unit
        std::uint32_t groups; // of its scales there
        std::uint32_t weights[4]; // in a slot
        std::uint32_t scales;
        uint4 first;  // four bytes of each step's first 16 columns; zeros where the lane has none
        uint4 second; // or of its others

        __device__ void clear() { first = second = {}; }
    };
    static __device__ Lane laneOf(const RowPlace& row, std::uint32_t lane) {
        Lane at;
        at.digits = row.digits + handedPiece(lane) * 16;
        at.groups = row.groups + lane % 4 * 8;
        Base::placeWeights(at.weights, at.scales, lane);
        if constexpr (kGroup != 128)
            at.scales -= lane % 4 * 2; // of all four steps
        hold(at.digits), hold(at.groups);
        return at;
    }
    struct Raw {
        std::uint32_t a[4][4];
        uint2 groups;    // scales of the lane's group of each step, bf16
        uint2 scales[2]; // of rows lane / 4 and + 8, fp16: one, or one of each step
    };
    static __device__ void load(Lane& at, Raw& raw, std::uint32_t slot, std::uint32_t unit,
                                std::uint32_t lane, const std::uint32_t (&half)[2]) {
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            loadMatrices(raw.a[i], slot + at.weights[i]);
        const std::uint32_t digits = at.digits + unit * kHandedDigitBytes;
        loadSharedWhere(at.first, digits, handedHolds(lane) && lane < 16);
        loadSharedWhere(at.second, digits, handedHolds(lane) && lane >= 16);
        raw.groups = loadShared8(at.groups + unit * kHandedScaleBytes);
#pragma unroll
        for (std::uint32_t row = 0; row < 2; ++row) {
            const std::uint32_t scales = slot + at.scales + row * 8 * Base::kScaleBytes;
            if constexpr (kGroup == 128)
                raw.scales[row].x = loadShared2(scales + half[row] * 2);
            else
                raw.scales[row] = loadShared8(scales);
        }
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(const Lane& at, const Raw& raw, float (&total)[2]) {
        const std::uint32_t first[4] = {at.first.x, at.first.y, at.first.z, at.first.w};
        const std::uint32_t second[4] = {at.second.x, at.second.y, at.second.z, at.second.w};
        const float step[4] = {bf16Low(raw.groups.x), bf16High(raw.groups.x),
                               bf16Low(raw.groups.y), bf16High(raw.groups.y)};
        std::int32_t c[4][4] = {};
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i)
            mmaInt8(c[i], raw.a[i], first[i], second[i]);
#pragma unroll
        for (std::uint32_t row = 0; row < 2; ++row) {
            const uint2 own = raw.scales[row];
            const std::uint32_t scales[4] = {own.x, own.x >> 16, own.y, own.y >> 16};
            float sum = 0;
#pragma unroll
            for (std::uint32_t i = 0; i < 4; ++i) {
                float part = static_cast<float>(c[i][row * 2] * kDigitBase + c[i][row * 2 + 1]);
                if constexpr (kGroup != 128)
                    part *= halfToFloat(static_cast<std::uint16_t>(scales[i]));
                sum = fmaf(part, step[i], sum);
            }
            if constexpr (kGroup == 128)
                total[row] = fmaf(halfToFloat(static_cast<std::uint16_t>(own.x)), sum, total[row]);
            else
                total[row] += sum;
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
        const bool mine = lane / 8 == lane % 4;
        const std::uint32_t digits = at.digits + unit * (kBlocks * kDigitBlockBytes);
        const std::uint32_t groups = at.groups + unit * (kBlocks * 4 * kDigitGroupBytes);
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            raw.a[block][0] = loadShared16(slot + at.weights[block]);
            raw.a[block][1] = loadShared16(slot + at.weights[block] + 8 * kStreamBytes);
            loadSharedWhere(at.x[block][0], digits + block * kDigitBlockBytes, mine);
            loadSharedWhere(at.x[block][1], digits + block * kDigitBlockBytes + 16, mine);
        }
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            const uint2 group = loadShared8(groups + block * 4 * kDigitGroupBytes);
            raw.groups[block].scale = __uint_as_float(group.x);
            raw.groups[block].sum = __uint_as_float(group.y);
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const std::uint32_t from = slot + at.scales + row * 8 * kScaleBytes + block * 8;
                raw.scales[block][row] = loadShared2(from);
                if constexpr (kMinima)
                    raw.minima[block][row] = loadShared2(from + kStreamRows * kScaleBytes);
            }
        }
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(const Lane& at, const Raw& raw, float (&total)[2]) {
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            std::int32_t sums[2];
            multiplyNibbles(raw.a[block][0], raw.a[block][1], at.x[block], sums);
            const DigitGroup group = raw.groups[block];
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const std::uint16_t scale = raw.scales[block][row];
                if constexpr (kZeroPoints)
                    sums[row] += static_cast<std::int32_t>(scale & 31U) * group.wholes;
                float sum = static_cast<float>(sums[row]) * group.scale;
                if constexpr (kOffset != 0)
                    sum += group.sum;
                total[row] = fmaf(halfToFloat(scale), sum, total[row]);
                if constexpr (kMinima)
                    total[row] =
                        fmaf(halfToFloat(raw.minima[block][row]), group.sum, total[row]);
            }
        }
    }
    /// a, b: a group of rows lane / 4 and + 8.
    static __device__ void multiplyNibbles(const uint4& a, const uint4& b, const uint4 (&x)[2],
                                           std::int32_t (&sums)[2]) {
        constexpr std::uint32_t kLow = 0x0F0F0F0FU;
        constexpr std::uint32_t kHigh = 0xF0F0F0F0U;
        std::int32_t low[4] = {};
        std::int32_t high[4] = {};
        mmaUnsigned8(low, {a.x & kLow, b.x & kLow, a.y & kLow, b.y & kLow}, x[0].x, x[0].y);
        mmaUnsigned8(high, {a.x & kHigh, b.x & kHigh, a.y & kHigh, b.y & kHigh}, x[1].x, x[1].y);
        mmaUnsigned8(low, {a.z & kLow, b.z & kLow, a.w & kLow, b.w & kLow}, x[0].z, x[0].w);
        mmaUnsigned8(high, {a.z & kHigh, b.z & kHigh, a.w & kHigh, b.w & kHigh}, x[1].z, x[1].w);
#pragma unroll
        for (int i = 0; i < 2; ++i)
            sums[i] = (low[i * 2] * 16 + high[i * 2]) * kDigitBase + low[i * 2 + 1] * 16 +
                      high[i * 2 + 1];
    }
};

} // namespace kernels::cuda
