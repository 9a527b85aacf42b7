#pragma once
// Sixteen floats in two AVX2 registers, for the kernels written once for all vector sets
// (vector_*.h). Included only by files compiled for AVX2.

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace kernels::avx2 {

struct Lanes {
    // 16 registers: 6 rows x 2 accumulators beside 2 weights and 1 activation.
    static constexpr int kTiles = 1;
    static constexpr int kTokens = 6;

    __m256 low;
    __m256 high;

    static __m256i mask(std::uint32_t count) {
        const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const int limit = count > 8 ? 8 : static_cast<int>(count);
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(limit), index);
    }
    static std::uint32_t above(std::uint32_t count) { return count > 8 ? count - 8 : 0; }

    static Lanes set(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
    static Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
    /// The first `count` of 16, zeros behind; memory behind is not touched.
    static Lanes loadPart(const float* p, std::uint32_t count) {
        if (count >= 16)
            return load(p);
        return {_mm256_maskload_ps(p, mask(count)), _mm256_maskload_ps(p + 8, mask(above(count)))};
    }
    static Lanes loadBf16(const std::uint16_t* p) { return {widenBf16(p), widenBf16(p + 8)}; }
    static Lanes loadHalf(const std::uint16_t* p) {
        return {_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 8))};
    }
    static Lanes loadInt8(const std::int8_t* p) {
        const __m128i bytes = load128(p);
        return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
    }
    /// Bits [shift, shift + width) of 16 words as unsigned numbers.
    static Lanes loadBits(const std::byte* words, int shift, std::uint32_t mask32) {
        return {bitsOf(words, shift, mask32), bitsOf(words + 32, shift, mask32)};
    }
    /// p[0], p[stride], ...: `count` of them, zeros behind.
    static Lanes gather(const float* p, int stride, std::uint32_t count) {
        alignas(32) float values[16] = {};
        for (std::uint32_t i = 0; i < count && i < 16; ++i)
            values[i] = p[static_cast<std::ptrdiff_t>(i) * stride];
        return load(values);
    }

    void store(float* p) const {
        _mm256_storeu_ps(p, low);
        _mm256_storeu_ps(p + 8, high);
    }
    void storePart(float* p, std::uint32_t count) const {
        if (count >= 16)
            return store(p);
        _mm256_maskstore_ps(p, mask(count), low);
        _mm256_maskstore_ps(p + 8, mask(above(count)), high);
    }
    /// Rounded half to even; values lie within int8.
    void storeInt8(std::int8_t* p) const {
        const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
        const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8); // packs works in halves
        const __m128i bytes =
            _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
    }
    /// Rounded to bf16 half to even, still as floats; NaN stays NaN.
    Lanes roundedToBf16() const { return {cutToBf16(low), cutToBf16(high)}; }

    Lanes operator+(Lanes o) const {
        return {_mm256_add_ps(low, o.low), _mm256_add_ps(high, o.high)};
    }
    Lanes operator-(Lanes o) const {
        return {_mm256_sub_ps(low, o.low), _mm256_sub_ps(high, o.high)};
    }
    Lanes operator*(Lanes o) const {
        return {_mm256_mul_ps(low, o.low), _mm256_mul_ps(high, o.high)};
    }
    Lanes operator/(Lanes o) const {
        return {_mm256_div_ps(low, o.low), _mm256_div_ps(high, o.high)};
    }
    /// a * b + c in one rounding.
    static Lanes fma(Lanes a, Lanes b, Lanes c) {
        return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
    }
    /// NaN in the second operand wins.
    static Lanes max(Lanes a, Lanes b) {
        return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
    }
    static Lanes min(Lanes a, Lanes b) {
        return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
    }
    /// The first `count` lanes of a, the others of b.
    static Lanes firstLanes(std::uint32_t count, Lanes a, Lanes b) {
        return {_mm256_blendv_ps(b.low, a.low, _mm256_castsi256_ps(mask(count))),
                _mm256_blendv_ps(b.high, a.high, _mm256_castsi256_ps(mask(above(count))))};
    }
    /// Bit i: lane i is not below `bound`; NaN is.
    std::uint32_t lanesNotBelow(Lanes bound) const {
        const int first = _mm256_movemask_ps(_mm256_cmp_ps(low, bound.low, _CMP_GE_OQ));
        const int second = _mm256_movemask_ps(_mm256_cmp_ps(high, bound.high, _CMP_GE_OQ));
        return static_cast<std::uint32_t>(first | second << 8);
    }
    /// `value` in the lanes where x is not below `bound`, 0 in the others; NaN is below.
    static Lanes whereNotBelow(Lanes x, Lanes bound, Lanes value) {
        return {_mm256_and_ps(_mm256_cmp_ps(x.low, bound.low, _CMP_GE_OQ), value.low),
                _mm256_and_ps(_mm256_cmp_ps(x.high, bound.high, _CMP_GE_OQ), value.high)};
    }
    Lanes rounded() const {
        constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        return {_mm256_round_ps(low, kMode), _mm256_round_ps(high, kMode)};
    }
    /// 2^n of integral lanes in [-126, 127].
    Lanes exp2Integral() const { return {powerOf2(low), powerOf2(high)}; }
    float sum() const {
        const __m256 all = _mm256_add_ps(low, high);
        __m128 half = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
        half = _mm_add_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
    }
    float largest() const {
        const __m256 all = _mm256_max_ps(low, high);
        __m128 half = _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
        half = _mm_max_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
    }
    /// Bits of the largest magnitude: at least 0x7F800000 when a lane is infinite or NaN.
    std::uint32_t largestMagnitudeBits() const {
        const __m256i positive = _mm256_set1_epi32(0x7FFFFFFF);
        const __m256i all = _mm256_max_epu32(_mm256_and_si256(_mm256_castps_si256(low), positive),
                                             _mm256_and_si256(_mm256_castps_si256(high), positive));
        __m128i half = _mm_max_epu32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
        half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4E));
        half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0xB1));
        return static_cast<std::uint32_t>(_mm_cvtsi128_si32(half));
    }

  private:
    static __m128i load128(const void* p) {
        return _mm_loadu_si128(static_cast<const __m128i*>(p));
    }
    static __m256 widenBf16(const std::uint16_t* p) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load128(p)), 16));
    }
    static __m256 bitsOf(const std::byte* words, int shift, std::uint32_t mask32) {
        const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
        const __m256i bits = _mm256_and_si256(_mm256_srl_epi32(w, _mm_cvtsi32_si128(shift)),
                                              _mm256_set1_epi32(static_cast<int>(mask32)));
        return _mm256_cvtepi32_ps(bits);
    }
    static __m256 cutToBf16(__m256 v) {
        const __m256i bits = _mm256_castps_si256(v);
        const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
        const __m256i rounded =
            _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
        const __m256i cut =
            _mm256_and_si256(rounded, _mm256_set1_epi32(static_cast<int>(0xFFFF0000U)));
        return _mm256_blendv_ps(v, _mm256_castsi256_ps(cut), _mm256_cmp_ps(v, v, _CMP_ORD_Q));
    }
    static __m256 powerOf2(__m256 v) {
        const __m256i n = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(127));
        return _mm256_castsi256_ps(_mm256_slli_epi32(n, 23));
    }
};

} // namespace kernels::avx2
