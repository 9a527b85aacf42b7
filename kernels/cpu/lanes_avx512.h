#pragma once
// Sixteen floats in one AVX-512 register, for the kernels written once for all vector sets
// (vector_*.h). Included only by files compiled for AVX-512.

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace kernels::avx512 {

struct Lanes {
    // Register blocking of matrix products: kTiles x kTokens accumulators beside the operands.
    static constexpr int kTiles = 2;
    static constexpr int kTokens = 8;

    __m512 v;

    static __mmask16 mask(std::uint32_t count) {
        return static_cast<__mmask16>(count >= 16 ? 0xFFFFU : (1U << count) - 1U);
    }

    static Lanes set(float value) { return {_mm512_set1_ps(value)}; }
    static Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
    /// The first `count` of 16, zeros behind; memory behind is not touched.
    static Lanes loadPart(const float* p, std::uint32_t count) {
        return {_mm512_maskz_loadu_ps(mask(count), p)};
    }
    static Lanes loadBf16(const std::uint16_t* p) {
        const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
    }
    static Lanes loadHalf(const std::uint16_t* p) {
        return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    static Lanes loadInt8(const std::int8_t* p) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
    }
    /// Bits [shift, shift + width) of 16 words as unsigned numbers.
    static Lanes loadBits(const std::byte* words, int shift, std::uint32_t mask32) {
        const __m512i w = _mm512_loadu_si512(words);
        const __m512i bits = _mm512_and_si512(_mm512_srl_epi32(w, _mm_cvtsi32_si128(shift)),
                                              _mm512_set1_epi32(static_cast<int>(mask32)));
        return {_mm512_cvtepi32_ps(bits)};
    }
    /// p[0], p[stride], ...: `count` of them, zeros behind.
    static Lanes gather(const float* p, int stride, std::uint32_t count) {
        const __m512i steps =
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        const __m512i index = _mm512_mullo_epi32(steps, _mm512_set1_epi32(stride));
        return {_mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask(count), index, p, 4)};
    }

    void store(float* p) const { _mm512_storeu_ps(p, v); }
    void storePart(float* p, std::uint32_t count) const {
        _mm512_mask_storeu_ps(p, mask(count), v);
    }
    /// Rounded half to even; values lie within int8.
    void storeInt8(std::int8_t* p) const {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                         _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
    }
    /// Rounded to bf16 half to even, still as floats; NaN stays NaN.
    Lanes roundedToBf16() const {
        const __m512i bits = _mm512_castps_si512(v);
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        const __m512i rounded =
            _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
        const __m512i cut =
            _mm512_and_si512(rounded, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U)));
        const __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
        return {_mm512_mask_blend_ps(number, v, _mm512_castsi512_ps(cut))};
    }

    Lanes operator+(Lanes o) const { return {_mm512_add_ps(v, o.v)}; }
    Lanes operator-(Lanes o) const { return {_mm512_sub_ps(v, o.v)}; }
    Lanes operator*(Lanes o) const { return {_mm512_mul_ps(v, o.v)}; }
    Lanes operator/(Lanes o) const { return {_mm512_div_ps(v, o.v)}; }
    /// a * b + c in one rounding.
    static Lanes fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
    /// NaN in the second operand wins.
    static Lanes max(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
    static Lanes min(Lanes a, Lanes b) { return {_mm512_min_ps(a.v, b.v)}; }
    /// The first `count` lanes of a, the others of b.
    static Lanes firstLanes(std::uint32_t count, Lanes a, Lanes b) {
        return {_mm512_mask_blend_ps(mask(count), b.v, a.v)};
    }
    /// Bit i: lane i is not below `bound`; NaN is.
    std::uint32_t lanesNotBelow(Lanes bound) const {
        return _mm512_cmp_ps_mask(v, bound.v, _CMP_GE_OQ);
    }
    /// `value` in the lanes where x is not below `bound`, 0 in the others; NaN is below.
    static Lanes whereNotBelow(Lanes x, Lanes bound, Lanes value) {
        return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_GE_OQ), value.v)};
    }
    Lanes rounded() const {
        return {_mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
    }
    /// 2^n of integral lanes in [-126, 127].
    Lanes exp2Integral() const {
        const __m512i n = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(127));
        return {_mm512_castsi512_ps(_mm512_slli_epi32(n, 23))};
    }
    float sum() const { return _mm512_reduce_add_ps(v); }
    float largest() const { return _mm512_reduce_max_ps(v); }
    /// Bits of the largest magnitude: at least 0x7F800000 when a lane is infinite or NaN.
    std::uint32_t largestMagnitudeBits() const {
        const __m512i bits =
            _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7FFFFFFF));
        return _mm512_reduce_max_epu32(bits);
    }
};

} // namespace kernels::avx512
