// Integer matrix product by VPMADDUBSW, for CPUs without VNNI.
//
// That instruction adds two products of unsigned and signed bytes into 16 bits and saturates, so
// weights of 8 bits cannot be the unsigned operand. Instead |x| is unsigned and the weight takes
// the sign of x: |x| <= 127 and |q| <= 127 keep two products below 32,768. (A stored q of -128,
// which no quantizer here makes, would lose its sign.) Nibbles are at most 15 and go in as they
// are.

#include "kernels/cpu/avx2_matmul_int8.h"

#include <immintrin.h>

namespace kernels::avx2 {

namespace {

constexpr int kTokens = 4;

struct Weights {
    const std::byte* values; // one tile
    const std::uint16_t* scales;
    const std::uint16_t* minima;
    std::uint32_t groups;
};

struct Rows {
    const std::int8_t* values;
    std::size_t stride;
    const float* scales;
    const std::int32_t* corrections;
    std::size_t groups;
};

__m256i loadBytes(const std::byte* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

__m256 loadHalves(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

/// What a group of 32 columns adds for each unit of its activations' sum: the minima, or those that
/// zero points stand for.
template<WeightKind kKind>
__m256 minimaOf(const std::uint16_t* minima, const std::uint16_t* scales, __m256 scale) {
    if (kKind == WeightKind::Int4Min)
        return loadHalves(minima);
    const __m128i codes = _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)),
                                        _mm_set1_epi16(31)); // twice the zero points
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(codes)),
                         _mm256_mul_ps(scale, _mm256_set1_ps(-0.5F)));
}

__m256i broadcastWord(const std::int8_t* p) {
    int word = 0;
    __builtin_memcpy(&word, p, 4);
    return _mm256_set1_epi32(word);
}

/// Sum of four byte products a 32-bit lane; `x` and signed weights `q`.
__m256i dotSigned(__m256i sum, __m256i q, __m256i x) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(q, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

__m256i dotNibbles(__m256i sum, __m256i q, __m256i x) {
    const __m256i pairs = _mm256_maddubs_epi16(q, x);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// One group of 32 columns for half a tile: sums[t] += dot products.
template<WeightKind kKind, int kRows>
[[gnu::always_inline]] inline void multiplyGroup(const std::byte* half, const std::int8_t* x,
                                                 std::size_t stride, __m256i (&sums)[kRows]) {
    if (kKind == WeightKind::Int8) {
        const __m256i sign = _mm256_set1_epi8(static_cast<char>(0x80));
        for (int step = 0; step < 8; ++step) {
            const __m256i q = _mm256_xor_si256(loadBytes(half + step * 64), sign);
            for (int t = 0; t < kRows; ++t)
                sums[t] = dotSigned(sums[t], q, broadcastWord(x + t * stride + step * 4));
        }
        return;
    }
    const __m256i nibble = _mm256_set1_epi8(15);
    for (int step = 0; step < 4; ++step) {
        const __m256i both = loadBytes(half + step * 64);
        const __m256i low = _mm256_and_si256(both, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
        for (int t = 0; t < kRows; ++t) {
            const std::int8_t* own = x + t * stride + step * 4;
            sums[t] = dotNibbles(sums[t], low, broadcastWord(own));
            sums[t] = dotNibbles(sums[t], high, broadcastWord(own + 16));
        }
    }
}

/// Rows [8 * half, 8 * half + 8) of a tile.
template<WeightKind kKind, int kRows>
void halfTile(const Weights& weights, int half, std::uint32_t groupsPerScale, const Rows& x,
              float* out, std::size_t outStride, std::uint32_t columns) {
    constexpr std::size_t kGroupBytes = kKind == WeightKind::Int8 ? 512 : 256;
    __m256 result[kRows];
    for (int t = 0; t < kRows; ++t)
        result[t] = _mm256_setzero_ps();
    for (std::uint32_t g = 0; g < weights.groups; ++g) {
        __m256i sums[kRows];
        for (int t = 0; t < kRows; ++t) {
            const std::int32_t correction = x.corrections[t * x.groups + g];
            sums[t] = kKind == WeightKind::Int4 ? _mm256_set1_epi32(correction >> 4)
                                                : _mm256_setzero_si256();
        }
        multiplyGroup<kKind, kRows>(weights.values + g * kGroupBytes + half * 32,
                                    x.values + g * kColumnBlock, x.stride, sums);
        const std::size_t scaleAt =
            static_cast<std::size_t>(g / groupsPerScale) * kTileRows + half * 8;
        const __m256 scale = loadHalves(weights.scales + scaleAt);
        constexpr bool kHasMinima = kKind == WeightKind::Int4Min || kKind == WeightKind::Int4Zero;
        __m256 minima = _mm256_setzero_ps();
        if (kHasMinima)
            minima = minimaOf<kKind>(weights.minima + scaleAt, weights.scales + scaleAt, scale);
        for (int t = 0; t < kRows; ++t) {
            const float own = x.scales[t * x.groups + g];
            result[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[t]),
                                        _mm256_mul_ps(scale, _mm256_set1_ps(own)), result[t]);
            if (kHasMinima) {
                const float sum =
                    static_cast<float>(x.corrections[t * x.groups + g]) * (-1.0F / 128) * own;
                result[t] = _mm256_fmadd_ps(minima, _mm256_set1_ps(sum), result[t]);
            }
        }
    }
    for (int t = 0; t < kRows; ++t) {
        alignas(32) float values[8];
        _mm256_store_ps(values, result[t]);
        for (std::uint32_t i = 0; i < columns; ++i)
            out[t * outStride + i] = values[i];
    }
}

template<WeightKind kKind>
void product(const PackedMatrix& matrix, RowRange range, const Int8Rows& x, float* out,
             std::size_t outStride) {
    const std::size_t tileScales = static_cast<std::size_t>(matrix.groups()) * kTileRows;
    const std::uint32_t groupsPerScale = matrix.group / kColumnBlock;
    const std::size_t groups = x.groups();
    for (std::uint32_t m = 0; m < x.rows;) {
        const std::uint32_t count = x.rows - m >= kTokens ? kTokens : 1;
        const Rows rows{x.values + static_cast<std::size_t>(m) * x.paddedColumns(),
                        x.paddedColumns(), x.scales + m * groups, x.corrections + m * groups,
                        groups};
        for (std::uint32_t row = range.begin; row < range.end; row += 8) {
            const std::size_t tile = row / kTileRows;
            const Weights weights{
                matrix.values + tile * matrix.tileBytes(), matrix.scales + tile * tileScales,
                kKind == WeightKind::Int4Min ? matrix.minima + tile * tileScales : nullptr,
                x.groups()};
            const int half = static_cast<int>(row % kTileRows / 8);
            const std::uint32_t columns = range.end - row < 8 ? range.end - row : 8;
            float* target = out + m * outStride + row;
            if (count == kTokens)
                halfTile<kKind, kTokens>(weights, half, groupsPerScale, rows, target, outStride,
                                         columns);
            else
                halfTile<kKind, 1>(weights, half, groupsPerScale, rows, target, outStride, columns);
        }
        m += count;
    }
}

} // namespace

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride) {
    if (weights.kind == WeightKind::Int4)
        product<WeightKind::Int4>(weights, range, x, out, outStride);
    else if (weights.kind == WeightKind::Int4Min)
        product<WeightKind::Int4Min>(weights, range, x, out, outStride);
    else if (weights.kind == WeightKind::Int4Zero)
        product<WeightKind::Int4Zero>(weights, range, x, out, outStride);
    else
        product<WeightKind::Int8>(weights, range, x, out, outStride);
}

std::uint64_t spinInt8(std::uint64_t rounds) {
    constexpr int kChains = 4; // only the last of three instructions waits for the one before
    constexpr std::uint64_t kProducts = 32;
    // Through volatile: what the operands are is not known before the program runs.
    volatile int seed = 0x01020304;
    __m256i x = _mm256_set1_epi32(seed);
    __m256i q[kChains];
    __m256i sums[kChains];
    for (int i = 0; i < kChains; ++i) {
        q[i] = _mm256_set1_epi32(seed);
        sums[i] = _mm256_setzero_si256();
    }
    for (std::uint64_t round = 0; round < rounds; ++round) {
        asm volatile("" : "+x"(x)); // or the products would be taken out of the loop
        for (int i = 0; i < kChains; ++i)
            sums[i] = dotNibbles(sums[i], q[i], x);
    }
    for (const __m256i& sum : sums)
        seed = _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
    return rounds * kChains * kProducts * 2;
}

} // namespace kernels::avx2
