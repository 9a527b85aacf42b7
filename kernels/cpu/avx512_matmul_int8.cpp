// Integer matrix product by VPDPBUSD: 16 weight rows x 4 columns of unsigned bytes times 4 signed
// activation bytes, broadcast.
//
// Weights are the unsigned operand (q + 128; nibbles as they are). What the offset adds too much is
// a multiple of the activations' sum, known since their quantization: the integer accumulator of a
// group of 32 columns starts at it, so the offset costs nothing. After each group the sums become
// floats and are added times both scales. Scales of activations per 32 columns (not 128) cost about
// a tenth of the rate in conversions and are what keeps int8 activations harmless on a CPU.
//
// Register blocking: 2 tiles x 6 tokens = 12 integer and 12 float accumulators, 2 weights, 1
// activation. One row alone is as fast as memory: each tile's stream is prefetched, past its end in
// the tile that follows the pair. The order of float additions depends on K alone, so a row's
// result is the same bits whatever rows are computed beside it.

#include "kernels/cpu/avx512_matmul_int8.h"

#include <immintrin.h>

namespace kernels::avx512 {

namespace {

constexpr int kTokens = 6;
constexpr std::size_t kPrefetchBytes = 2048; // four or eight groups ahead

struct Weights {
    const std::byte* values[2];
    const std::uint16_t* scales[2];
    const std::uint16_t* minima[2];
    std::uint32_t groups;     // activation groups of 32 columns along K
    std::size_t valuesToNext; // bytes between the ends of these tiles and the next ones to come
    std::size_t scalesToNext; // halves from a tile to the one two further
};

struct Rows {
    const std::int8_t* values;
    std::size_t stride; // of values
    const float* scales;
    const std::int32_t* corrections;
    std::size_t groups; // stride of scales and corrections
};

__m512 loadHalves(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

int loadWord(const std::int8_t* p) {
    int word = 0;
    __builtin_memcpy(&word, p, 4);
    return word;
}

/// What a group of 32 columns adds for each unit of its activations' sum: the minima, or those that
/// zero points stand for.
template<WeightKind kKind>
__m512 minimaOf(const std::uint16_t* minima, const std::uint16_t* scales, __m512 scale) {
    if (kKind == WeightKind::Int4Min)
        return loadHalves(minima);
    const __m256i codes =
        _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales)),
                         _mm256_set1_epi16(31)); // twice the zero points
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(codes)),
                         _mm512_mul_ps(scale, _mm512_set1_ps(-0.5F)));
}

template<WeightKind kKind>
constexpr bool kHasMinima = kKind == WeightKind::Int4Min || kKind == WeightKind::Int4Zero;

template<WeightKind kKind>
constexpr std::size_t kGroupBytes = kKind == WeightKind::Int8 ? 512 : 256;

/// The start of an accumulator: minus offset times the sum of the group's activations.
template<WeightKind kKind>
__m512i startSum(std::int32_t correction) {
    if (kKind == WeightKind::Int8)
        return _mm512_set1_epi32(correction); // offset 128
    if (kKind == WeightKind::Int4)
        return _mm512_set1_epi32(correction >> 4); // offset 8, a sixteenth
    return _mm512_setzero_si512();
}

/// One group of 32 columns: sums[t][r] += dot products.
template<WeightKind kKind, int kTiles, int kRows>
[[gnu::always_inline]] inline void
multiplyGroup(const Weights& weights, std::size_t group, const std::int8_t* activations,
              std::size_t stride, std::size_t ahead, __m512i (&sums)[kRows][kTiles]) {
    constexpr int kSteps = kKind == WeightKind::Int8 ? 8 : 4;
    const std::size_t offset = group * kGroupBytes<kKind>;
    const __m512i nibble = _mm512_set1_epi8(15);
#pragma GCC unroll 8
    for (int step = 0; step < kSteps; ++step) {
        __m512i w[kTiles];
        __m512i high[kTiles];
        for (int r = 0; r < kTiles; ++r) {
            const std::byte* p = weights.values[r] + offset + step * 64;
            if (kRows == 1)
                _mm_prefetch(reinterpret_cast<const char*>(p) + ahead, _MM_HINT_T0);
            w[r] = _mm512_loadu_si512(p);
            if (kKind != WeightKind::Int8) {
                high[r] = _mm512_and_si512(_mm512_srli_epi16(w[r], 4), nibble);
                w[r] = _mm512_and_si512(w[r], nibble);
            }
        }
        for (int t = 0; t < kRows; ++t) {
            const std::int8_t* x = activations + t * stride + step * 4;
            const __m512i low = _mm512_set1_epi32(loadWord(x));
            for (int r = 0; r < kTiles; ++r)
                sums[t][r] = _mm512_dpbusd_epi32(sums[t][r], w[r], low);
            if (kKind != WeightKind::Int8) {
                const __m512i upper = _mm512_set1_epi32(loadWord(x + 16));
                for (int r = 0; r < kTiles; ++r)
                    sums[t][r] = _mm512_dpbusd_epi32(sums[t][r], high[r], upper);
            }
        }
    }
}

template<WeightKind kKind, int kGroupsPerScale, int kTiles, int kRows>
void block(const Weights& weights, const Rows& x, float* out, std::size_t outStride,
           std::uint32_t lastColumns) {
    __m512 result[kRows][kTiles];
    for (int t = 0; t < kRows; ++t)
        for (int r = 0; r < kTiles; ++r)
            result[t][r] = _mm512_setzero_ps();
    for (std::uint32_t g = 0; g < weights.groups; ++g) {
        __m512i sums[kRows][kTiles];
        for (int t = 0; t < kRows; ++t)
            for (int r = 0; r < kTiles; ++r)
                sums[t][r] = startSum<kKind>(x.corrections[t * x.groups + g]);
        constexpr std::size_t kAhead = kPrefetchBytes / kGroupBytes<kKind>;
        const std::size_t ahead =
            g + kAhead < weights.groups ? kPrefetchBytes : kPrefetchBytes + weights.valuesToNext;
        multiplyGroup<kKind, kTiles, kRows>(weights, g, x.values + g * kColumnBlock, x.stride,
                                            ahead, sums);
        const std::size_t scaleAt = static_cast<std::size_t>(g / kGroupsPerScale) * kTileRows;
        for (int r = 0; r < kTiles; ++r) {
            if (kRows == 1)
                _mm_prefetch(reinterpret_cast<const char*>(weights.scales[r] + scaleAt +
                                                           weights.scalesToNext),
                             _MM_HINT_T0);
            const __m512 scale = loadHalves(weights.scales[r] + scaleAt);
            __m512 minima = _mm512_setzero_ps();
            if (kHasMinima<kKind>)
                minima = minimaOf<kKind>(weights.minima[r] + scaleAt, weights.scales[r] + scaleAt,
                                         scale);
            for (int t = 0; t < kRows; ++t) {
                const float own = x.scales[t * x.groups + g];
                result[t][r] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[t][r]),
                                    _mm512_mul_ps(scale, _mm512_set1_ps(own)), result[t][r]);
                if (kHasMinima<kKind>) {
                    const float sum =
                        static_cast<float>(x.corrections[t * x.groups + g]) * (-1.0F / 128) * own;
                    result[t][r] = _mm512_fmadd_ps(minima, _mm512_set1_ps(sum), result[t][r]);
                }
            }
        }
    }
    const auto mask = static_cast<__mmask16>((1U << lastColumns) - 1U);
    for (int t = 0; t < kRows; ++t)
        for (int r = 0; r < kTiles; ++r) {
            float* target = out + t * outStride + r * kTileRows;
            if (r + 1 == kTiles)
                _mm512_mask_storeu_ps(target, mask, result[t][r]);
            else
                _mm512_storeu_ps(target, result[t][r]);
        }
}

template<WeightKind kKind, int kGroupsPerScale, int kTiles>
void tileRows(const Weights& weights, const Rows& x, std::uint32_t count, float* out,
              std::size_t outStride, std::uint32_t lastColumns) {
    switch (count) {
    case 6:
        return block<kKind, kGroupsPerScale, kTiles, 6>(weights, x, out, outStride, lastColumns);
    case 5:
        return block<kKind, kGroupsPerScale, kTiles, 5>(weights, x, out, outStride, lastColumns);
    case 4:
        return block<kKind, kGroupsPerScale, kTiles, 4>(weights, x, out, outStride, lastColumns);
    case 3:
        return block<kKind, kGroupsPerScale, kTiles, 3>(weights, x, out, outStride, lastColumns);
    case 2:
        return block<kKind, kGroupsPerScale, kTiles, 2>(weights, x, out, outStride, lastColumns);
    default:
        return block<kKind, kGroupsPerScale, kTiles, 1>(weights, x, out, outStride, lastColumns);
    }
}

template<WeightKind kKind, int kGroupsPerScale>
void product(const PackedMatrix& matrix, RowRange range, const Int8Rows& x, float* out,
             std::size_t outStride) {
    const std::size_t tileBytes = matrix.tileBytes();
    const std::size_t tileScales = static_cast<std::size_t>(matrix.groups()) * kTileRows;
    // Six activation rows at a time stay in L1 while the range's weights pass from L2.
    for (std::uint32_t m = 0; m < x.rows; m += kTokens) {
        const std::uint32_t count = x.rows - m < kTokens ? x.rows - m : kTokens;
        const std::size_t groups = x.groups();
        const Rows rows{x.values + static_cast<std::size_t>(m) * x.paddedColumns(),
                        x.paddedColumns(), x.scales + m * groups, x.corrections + m * groups,
                        groups};
        for (std::uint32_t row = range.begin; row < range.end;) {
            const std::uint32_t rest = range.end - row;
            Weights weights{};
            weights.groups = x.groups();
            const bool pair = rest > kTileRows;
            weights.valuesToNext = pair ? tileBytes : 0;
            weights.scalesToNext = pair ? 2 * tileScales : tileScales;
            for (std::uint32_t r = 0; r < (pair ? 2U : 1U); ++r) {
                const std::size_t tile = row / kTileRows + r;
                weights.values[r] = matrix.values + tile * tileBytes;
                weights.scales[r] = matrix.scales + tile * tileScales;
                if (kKind == WeightKind::Int4Min)
                    weights.minima[r] = matrix.minima + tile * tileScales;
            }
            float* target = out + m * outStride + row;
            const std::uint32_t left = pair ? rest - kTileRows : rest;
            const std::uint32_t last = left < kTileRows ? left : kTileRows;
            if (pair)
                tileRows<kKind, kGroupsPerScale, 2>(weights, rows, count, target, outStride, last);
            else
                tileRows<kKind, kGroupsPerScale, 1>(weights, rows, count, target, outStride, last);
            row += last + (pair ? kTileRows : 0);
        }
    }
}

} // namespace

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride) {
    if (weights.kind == WeightKind::Int4)
        product<WeightKind::Int4, 1>(weights, range, x, out, outStride);
    else if (weights.kind == WeightKind::Int4Min)
        product<WeightKind::Int4Min, 1>(weights, range, x, out, outStride);
    else if (weights.kind == WeightKind::Int4Zero)
        product<WeightKind::Int4Zero, 1>(weights, range, x, out, outStride);
    else if (weights.group == 32)
        product<WeightKind::Int8, 1>(weights, range, x, out, outStride);
    else
        product<WeightKind::Int8, 4>(weights, range, x, out, outStride);
}

std::uint64_t spinInt8(std::uint64_t rounds) {
    constexpr int kChains = 10; // two units with a latency of five cycles
    constexpr std::uint64_t kProducts = 64;
    // Through volatile: what the operands are is not known before the program runs.
    volatile int seed = 0x01020304;
    const __m512i a = _mm512_set1_epi32(seed);
    const __m512i b = _mm512_set1_epi32(seed);
    __m512i sums[kChains];
    for (__m512i& sum : sums)
        sum = _mm512_setzero_si512();
    for (std::uint64_t round = 0; round < rounds; ++round)
        for (__m512i& sum : sums)
            sum = _mm512_dpbusd_epi32(sum, a, b);
    for (const __m512i& sum : sums)
        seed = _mm512_reduce_add_epi32(sum);
    return rounds * kChains * kProducts * 2;
}

} // namespace kernels::avx512
