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
    static __device__ std::uint32_t scaleAt(std::uint32_t, std::uint32_t quarter,
                                            std::uint32_t half) {
        return (kGroup == 128 ? half : quarter) * 2;
    }
    /// Where four columns from `column` of a group lie among its digits: a quarter's of both halves
    /// of 16 side by side; and the four behind them.
    static __device__ std::uint32_t digitsAt(std::uint32_t column) {
        return column % 16 * 2 + column / 16 * 4;
    }
    static constexpr std::uint32_t kDigitStep = 8;

    struct Lane {
        std::uint32_t digits; // address in shared memory
        std::uint32_t weights[4];
        uint2 x[4]; // zeros where a group is not that of this lane's column of the product
    };
    static __device__ Lane laneOf(std::uint32_t digits, std::uint32_t lane) {
        Lane result{digits + lane * 8, {}, {}};
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            result.weights[i] = slotAt(lane % 16, i * 2 + lane / 16);
            hold(result.weights[i]);
        }
        hold(result.digits);
        return result;
    }
    /// sums: of this lane's group for rows lane / 4 and + 8.
    static __device__ void multiply(Lane& at, std::uint32_t slot, std::uint32_t unit,
                                    std::uint32_t lane, std::int32_t (&sums)[kBlocks][2]) {
        std::int32_t c[4] = {};
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            loadSharedWhere(at.x[i], at.digits + unit * kDigitBlockBytes, lane / 8 == i);
            std::uint32_t a[4];
            loadMatrices(a, slot + at.weights[i]);
            mmaInt8(c, a, at.x[i].x, at.x[i].y);
        }
        sums[0][0] = c[0] * kDigitBase + c[1];
        sums[0][1] = c[2] * kDigitBase + c[3];
    }
};

/// The same where the row was handed over (kernels/cuda_handed_row.h): a group is eight columns,
/// and every step of 32 columns has sums of its own.
template<std::uint32_t kGroup>
struct HandedInt8 : SingleInt8<kGroup> {
    using Base = SingleInt8<kGroup>;
    static constexpr bool kHanded = true;

    struct Lane {
        std::uint32_t digits; // address in shared memory
        std::uint32_t weights[4];
        uint4 first;  // four bytes of each step's first 16 columns; zeros where the lane has none
        uint4 second; // or of its others
    };
    static __device__ Lane laneOf(std::uint32_t digits, std::uint32_t lane) {
        Lane result{digits + handedPiece(lane) * 16, {}, {}, {}};
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            result.weights[i] = Base::slotAt(lane % 16, i * 2 + lane / 16);
            hold(result.weights[i]);
        }
        hold(result.digits);
        return result;
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(Lane& at, const std::byte* slot, const std::uint16_t* scales,
                               std::uint32_t unit, std::uint32_t lane,
                               const std::uint32_t (&half)[2], float (&total)[2]) {
        const std::uint32_t digits = at.digits + unit * kHandedDigitBytes;
        loadSharedWhere(at.first, digits, handedHolds(lane) && lane < 16);
        loadSharedWhere(at.second, digits, handedHolds(lane) && lane >= 16);
        const std::uint32_t first[4] = {at.first.x, at.first.y, at.first.z, at.first.w};
        const std::uint32_t second[4] = {at.second.x, at.second.y, at.second.z, at.second.w};
        const uint2 raw = *reinterpret_cast<const uint2*>(scales + unit * 16 + lane % 4 * 4);
        const float step[4] = {bf16Low(raw.x), bf16High(raw.x), bf16Low(raw.y), bf16High(raw.y)};
        const std::byte* weightScales = slot + Base::kSlotBytes + lane / 4 * Base::kScaleBytes;
        float sums[2] = {};
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            std::uint32_t a[4];
            std::int32_t c[4] = {};
            loadMatrices(a, sharedAddress(slot) + at.weights[i]);
            mmaInt8(c, a, first[i], second[i]);
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const auto sum =
                    static_cast<float>(c[row * 2] * kDigitBase + c[row * 2 + 1]) * step[i];
                if constexpr (kGroup == 128)
                    sums[row] += sum;
                else
                    total[row] = fmaf(weightScale(weightScales, row, Base::scaleAt(0, i, 0)), sum,
                                      total[row]);
            }
        }
        if constexpr (kGroup == 128)
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row)
                total[row] = fmaf(weightScale(weightScales, row, Base::scaleAt(0, 0, half[row])),
                                  sums[row], total[row]);
    }
    static __device__ float weightScale(const std::byte* scales, std::uint32_t row,
                                        std::uint32_t at) {
        return halfToFloat(
            *reinterpret_cast<const std::uint16_t*>(scales + row * 8 * Base::kScaleBytes + at));
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
    static __device__ std::uint32_t scaleAt(std::uint32_t block, std::uint32_t quarter,
                                            std::uint32_t) {
        return (block * 4 + quarter) * 2;
    }
    static __device__ std::uint32_t digitsAt(std::uint32_t column) { return column; }
    static constexpr std::uint32_t kDigitStep = 4;

    struct Lane {
        std::uint32_t digits; // address in shared memory
        std::uint32_t weights[kBlocks];
        uint4 x[kBlocks][2]; // columns of lower and upper nibbles; zeros as above
    };
    static __device__ Lane laneOf(std::uint32_t digits, std::uint32_t lane) {
        Lane result{digits + lane % 4 * 64 + lane / 4 % 2 * 32,
                    {slotAt(lane / 4, lane % 4), slotAt(lane / 4, lane % 4 + 4)},
                    {}};
        hold(result.digits), hold(result.weights[0]), hold(result.weights[1]);
        return result;
    }
    static __device__ void multiply(Lane& at, std::uint32_t slot, std::uint32_t unit,
                                    std::uint32_t lane, std::int32_t (&sums)[kBlocks][2]) {
        const bool mine = lane / 8 == lane % 4;
        const std::uint32_t digits = at.digits + unit * (kBlocks * kDigitBlockBytes);
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            loadSharedWhere(at.x[block][0], digits + block * kDigitBlockBytes, mine);
            loadSharedWhere(at.x[block][1], digits + block * kDigitBlockBytes + 16, mine);
            const uint4 a = loadShared16(slot + at.weights[block]);
            const uint4 b = loadShared16(slot + at.weights[block] + 8 * kStreamBytes);
            multiplyNibbles(a, b, at.x[block], sums[block]);
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

/// total[i] += this lane's share of weight row lane / 4 + 8 i times the row, over one unit.
/// `half`: which half of its word holds the scale of that row, where a unit has one.
template<class F>
__device__ __forceinline__ void
addUnit(const std::byte* slot, typename F::Lane& at, const DigitGroup* groups, std::uint32_t unit,
        std::uint32_t lane, const std::uint32_t (&half)[2], float (&total)[2]) {
    std::int32_t sums[F::kBlocks][2];
    F::multiply(at, sharedAddress(slot), unit, lane, sums);
    const std::uint32_t quarter = lane % 4;
    const DigitGroup* mine = groups + unit * (F::kBlocks * 4) + quarter;
    const std::byte* scales = slot + F::kSlotBytes + lane / 4 * F::kScaleBytes;
    const auto bitsOf = [](const std::byte* from) {
        return *reinterpret_cast<const std::uint16_t*>(from);
    };
    const auto scaleOf = [&](const std::byte* from) { return halfToFloat(bitsOf(from)); };
#pragma unroll
    for (std::uint32_t block = 0; block < F::kBlocks; ++block) {
        const DigitGroup group = mine[block * 4];
#pragma unroll
        for (std::uint32_t i = 0; i < 2; ++i) {
            const std::byte* from =
                scales + i * 8 * F::kScaleBytes + F::scaleAt(block, quarter, half[i]);
            if constexpr (F::kZeroPoints)
                sums[block][i] += static_cast<std::int32_t>(bitsOf(from) & 31U) * group.wholes;
            // One conversion for four groups of a row: far from what a multiprocessor has of them.
            float sum = static_cast<float>(sums[block][i]) * group.scale;
            if constexpr (F::kOffset != 0)
                sum += group.sum;
            total[i] = fmaf(scaleOf(from), sum, total[i]);
            if constexpr (F::kMinima)
                total[i] = fmaf(scaleOf(from + kStreamRows * F::kScaleBytes), group.sum, total[i]);
        }
    }
}

} // namespace kernels::cuda
