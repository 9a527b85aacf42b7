#pragma once
// How the fast GEMV against a single row (gemv_stream_single.cuh) multiplies a unit of weights by a
// row that was handed over (kernels/cuda_handed_row.h): as gemv_stream_single_formats.cuh, with a
// scale for 8 columns, so that every product has sums of its own.
#include "kernels/cuda/gemv_stream_single_formats.cuh"

namespace kernels::cuda {

/// Int8: a step of 32 columns has four groups of eight.
template<std::uint32_t kGroup>
struct HandedInt8 : SingleInt8<kGroup> {
    using Base = SingleInt8<kGroup>;
    static constexpr bool kHanded = true;

    struct Lane {
        std::uint32_t digits;     // address in shared memory, of the first unit
        std::uint32_t groups;     // of its scales there
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
        const float step[4] = {bf16Low(raw.groups.x), bf16High(raw.groups.x), bf16Low(raw.groups.y),
                               bf16High(raw.groups.y)};
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

/// Int4: a product has eight columns of each of four groups of weights, whose minima and zero
/// points meet the sums of sumHanded().
template<WeightKind kKind>
struct HandedInt4 : SingleInt4<kKind> {
    using Base = SingleInt4<kKind>;
    static constexpr bool kHanded = true;
    static constexpr bool kSumsHanded = true;
    static constexpr std::uint32_t kBlocks = Base::kBlocks;
    static constexpr std::uint32_t kGroupScaleBytes = 8;

    struct Lane : Base::Lane {
        std::uint32_t sums; // address of its group's of the first block
    };
    static __device__ Lane laneOf(const RowPlace& row, std::uint32_t lane) {
        Lane at;
        static_cast<typename Base::Lane&>(at) = Base::laneOf(row, lane);
        at.groups = row.groups + lane % 4 * kGroupScaleBytes;
        at.sums = row.sums + lane % 4 * 4;
        return at;
    }
    struct Raw {
        uint4 a[kBlocks][2];              // of rows lane / 4 and + 8
        std::uint16_t scales[kBlocks][2]; // fp16
        std::uint16_t minima[kBlocks][2];
        uint2 steps[kBlocks]; // scales of eight columns each, bf16
        float sums[kBlocks];
    };
    static __device__ void load(Lane& at, Raw& raw, std::uint32_t slot, std::uint32_t unit,
                                std::uint32_t lane, const std::uint32_t (&)[2]) {
        Base::loadWeights(at, raw, slot);
        Base::loadDigits(at, unit, lane);
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            const std::uint32_t group = (unit * kBlocks + block) * 4;
            raw.steps[block] = loadShared8(at.groups + group * kGroupScaleBytes);
            raw.sums[block] = __uint_as_float(loadShared4(at.sums + group * 4));
        }
    }
    /// total[i] += the unit's share of row lane / 4 + 8 i, of the lane's groups.
    static __device__ void add(const Lane& at, const Raw& raw, float (&total)[2]) {
#pragma unroll
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            constexpr float kUpper = 1.0F / 16; // upper nibbles stand where they are in their bytes
            const uint2 steps = raw.steps[block];
            const float lower[2] = {bf16Low(steps.x), bf16High(steps.x)};
            const float upper[2] = {bf16Low(steps.y) * kUpper, bf16High(steps.y) * kUpper};
            std::int32_t low[2][4] = {};
            std::int32_t high[2][4] = {};
            Base::multiplyNibbles(raw.a[block][0], raw.a[block][1], at.x[block], low[0], high[0],
                                  low[1], high[1]);
#pragma unroll
            for (std::uint32_t row = 0; row < 2; ++row) {
                const auto whole = [&](const std::int32_t(&c)[4]) {
                    return static_cast<float>(c[row * 2] * kDigitBase + c[row * 2 + 1]);
                };
                float sum = whole(low[0]) * lower[0];
                sum = fmaf(whole(high[0]), upper[0], sum);
                sum = fmaf(whole(low[1]), lower[1], sum);
                sum = fmaf(whole(high[1]), upper[1], sum);
                const std::uint16_t scale = raw.scales[block][row];
                if constexpr (Base::kZeroPoints)
                    sum = fmaf(-zeroPoint(scale), raw.sums[block], sum);
                if constexpr (Base::kOffset != 0)
                    sum = fmaf(-Base::kOffset, raw.sums[block], sum);
                total[row] = fmaf(halfToFloat(scale), sum, total[row]);
                if constexpr (Base::kMinima)
                    total[row] =
                        fmaf(halfToFloat(raw.minima[block][row]), raw.sums[block], total[row]);
            }
        }
    }
};

} // namespace kernels::cuda
