#pragma once
// Weights of any kind but fp32 as the GEMM of gemm_wgmma.cuh takes them: from their tile in shared
// memory, a part of 64 columns of a row at a time, as bf16 operands in registers.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kPartColumns = 64;

/// A scale, times 128, (and minimum or zero point) as what a bf16 product takes.
struct PairScale {
    __nv_bfloat162 high;
    __nv_bfloat162 low;
    __nv_bfloat162 minimum;
    __nv_bfloat162 minimumLow;
    __nv_bfloat162 zero; // -zero point / 128
};

template<WeightKind kKind>
struct WeightPart; // kRowBytes of 64 columns; load() and unpack()

/// q / 128, two a word, becomes q s (+ minimum), rounded once (twice).
template<bool kMinimum>
__device__ std::uint32_t scaled(__nv_bfloat162 q, const PairScale& scale) {
    __nv_bfloat162 product;
    if constexpr (kMinimum)
        product =
            __hadd2(__hfma2(q, scale.high, scale.minimum), __hfma2(q, scale.low, scale.minimumLow));
    else
        product = __hfma2(q, scale.high, __hmul2(q, scale.low));
    return *reinterpret_cast<const std::uint32_t*>(&product);
}
__device__ inline __nv_bfloat162 asPair(std::uint32_t bits) {
    return *reinterpret_cast<const __nv_bfloat162*>(&bits);
}
/// q / 128 of two bytes u = q + kOffset of `word`. As the bits of a bf16 u is u 2^-133: below 128
/// without a leading one, from there on with the smallest exponent, which counts the same.
template<int kOffset>
__device__ __nv_bfloat162 fractions(std::uint32_t word, std::uint32_t selector) {
    constexpr std::uint32_t kScale = 0x7E807E80;                                 // 2^126
    constexpr std::uint32_t kOffsets = kOffset == 128 ? 0xBF80BF80 : 0xBD80BD80; // -1, -1/16
    static_assert(kOffset == 0 || kOffset == 8 || kOffset == 128);
    const __nv_bfloat162 u = asPair(permute(word, 0, selector));
    return kOffset == 0 ? __hmul2(u, asPair(kScale)) : __hfma2(u, asPair(kScale), asPair(kOffsets));
}

/// (q - z) / 128 of two nibbles q of `word`; `zero`: -z / 128.
__device__ inline __nv_bfloat162 fractionsFrom(std::uint32_t word, std::uint32_t selector,
                                               __nv_bfloat162 zero) {
    constexpr std::uint32_t kScale = 0x7E807E80; // as in fractions()
    return __hfma2(asPair(permute(word, 0, selector)), asPair(kScale), zero);
}
/// -z / 128 of the zero point z = c / 2 in a scale's five lowest bits c, twice: the bf16 with these
/// bits is c 2^-133.
__device__ inline __nv_bfloat162 zeroOf(std::uint16_t scale) {
    constexpr std::uint32_t kScale = 0xFE00FE00; // -2^125
    return __hmul2(asPair(permute(scale & 31U, 0, 0x1010)), asPair(kScale));
}

template<>
struct WeightPart<WeightKind::Int8> {
    static constexpr int kRowBytes = 64;
    static constexpr bool kScaled = true;
    static constexpr bool kMinimum = false;
    static constexpr bool kZeroPoint = false;
    using Raw = uint4;
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return Tile::chunk(tile, part, row, quad);
    }
    static __device__ void unpack(const Raw& raw, int j, int, const PairScale& scale, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
        const std::uint32_t word = words[j] ^ 0x80808080U;
        a[half] = scaled<false>(fractions<128>(word, 0x4140), scale);
        a[2 + half] = scaled<false>(fractions<128>(word, 0x4342), scale);
    }
};

template<WeightKind kKind>
struct NibblePart {
    static constexpr int kRowBytes = 32;
    static constexpr bool kScaled = true;
    static constexpr bool kMinimum = kKind == WeightKind::Int4Min;
    static constexpr bool kZeroPoint = kKind == WeightKind::Int4Zero;
    using Raw = uint4;
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return Tile::chunk(tile, part, row, quad / 2);
    }
    static __device__ void unpack(const Raw& raw, int j, int quad, const PairScale& scale, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
        const std::uint32_t word = words[j] >> (quad % 2 * 4) & 0x0F0F0F0FU;
        const auto value = [&](std::uint32_t selector) {
            if constexpr (kZeroPoint)
                return fractionsFrom(word, selector, scale.zero);
            else
                return fractions < kMinimum ? 0 : 8 > (word, selector);
        };
        a[half] = scaled<kMinimum>(value(0x4140), scale);
        a[2 + half] = scaled<kMinimum>(value(0x4342), scale);
    }
};
template<>
struct WeightPart<WeightKind::Int4> : NibblePart<WeightKind::Int4> {};
template<>
struct WeightPart<WeightKind::Int4Min> : NibblePart<WeightKind::Int4Min> {};
template<>
struct WeightPart<WeightKind::Int4Zero> : NibblePart<WeightKind::Int4Zero> {};

template<>
struct WeightPart<WeightKind::BF16> {
    static constexpr int kRowBytes = 128;
    static constexpr bool kScaled = false;
    static constexpr bool kMinimum = false;
    static constexpr bool kZeroPoint = false;
    struct Raw {
        uint4 first;
        uint4 second;
    };
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return {Tile::chunk(tile, part, row, 2 * quad), Tile::chunk(tile, part, row, 2 * quad + 1)};
    }
    static __device__ void unpack(const Raw& raw, int j, int, const PairScale&, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[8] = {raw.first.x,  raw.first.y,  raw.first.z,  raw.first.w,
                                        raw.second.x, raw.second.y, raw.second.z, raw.second.w};
        a[half] = words[2 * j];
        a[2 + half] = words[2 * j + 1];
    }
};

/// Weights of a stage: boxes of up to 128 bytes a row, [box][128 rows]. Boxes of 128 bytes are
/// swizzled: 16-byte chunk c of row r lies at c ^ (r % 8).
template<WeightKind kKind, int kParts>
struct WeightTile {
    static constexpr int kPartBytes = WeightPart<kKind>::kRowBytes;
    static constexpr int kBoxBytes = kParts * kPartBytes < 128 ? kParts * kPartBytes : 128;
    static constexpr int kBoxes = kParts * kPartBytes / kBoxBytes;
    static constexpr bool kSwizzled = kBoxBytes == 128;
    /// Rows that neighbouring lanes read must lie in other banks: with several parts a row these
    /// are rows four apart, else neighbours.
    static constexpr bool kSpreadRows = kSwizzled && kPartBytes < 128;

    static __device__ uint4 chunk(const std::byte* tile, int part, int row, int inPart) {
        constexpr int kPartsPerBox = kParts / kBoxes;
        const int chunk = part % kPartsPerBox * (kPartBytes / 16) + inPart;
        const int place = kSwizzled ? chunk ^ row % 8 : chunk;
        return *reinterpret_cast<const uint4*>(
            tile + (part / kPartsPerBox * kTileRows + row) * kBoxBytes + place * 16);
    }
};

/// Scales of a thread's two rows, fetched one part ahead.
template<WeightKind kKind>
struct ScaleStream {
    using W = WeightPart<kKind>;
    const std::uint16_t* scales[2];
    const std::uint16_t* minima[2];
    std::uint16_t scaleBits[2];
    std::uint16_t minimumBits[2];

    __device__ void start(const TensorGemm& task, const TensorLane& lane) {
        if constexpr (W::kScaled) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const std::uint32_t matrix = lane.halves[half].matrix;
                std::uint32_t row = lane.halves[half].row + lane.localRow;
                row = row < task.rows[matrix] ? row : task.rows[matrix] - 1;
                const std::size_t at = std::size_t{row} * task.groupsPerRow;
                scales[half] = task.scales[matrix] + at;
                if constexpr (W::kMinimum)
                    minima[half] = task.minima[matrix] + at;
            }
        }
    }
    __device__ void fetch(const TensorGemm& task, std::uint32_t part, int quad) {
        if constexpr (W::kScaled) {
            const std::uint32_t column =
                part * kPartColumns + static_cast<std::uint32_t>(quad) * 16;
            const std::uint32_t group = column >> task.groupShift;
            // Behind the last column the activations are zero.
            const std::uint32_t at = group < task.groupsPerRow ? group : task.groupsPerRow - 1;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                scaleBits[half] = __ldg(scales[half] + at);
                if constexpr (W::kMinimum)
                    minimumBits[half] = __ldg(minima[half] + at);
            }
        }
    }
    /// A number as the sum of two bf16, both twice.
    static __device__ void split(float v, __nv_bfloat162& high, __nv_bfloat162& low) {
        high = __float2bfloat162_rn(v);
        const std::uint32_t bits = *reinterpret_cast<const std::uint32_t*>(&high);
        low = __float2bfloat162_rn(v - __uint_as_float(bits & 0xFFFF0000U));
    }
    __device__ PairScale take(int half) const {
        PairScale scale = {};
        if constexpr (W::kScaled) {
            split(halfToFloat(scaleBits[half]) * 128.0F, scale.high, scale.low);
            if constexpr (W::kMinimum)
                split(halfToFloat(minimumBits[half]), scale.minimum, scale.minimumLow);
            if constexpr (W::kZeroPoint)
                scale.zero = zeroOf(scaleBits[half]);
        }
        return scale;
    }
};

} // namespace kernels::cuda
