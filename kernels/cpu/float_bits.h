#pragma once
// fp16 and bf16 by integer arithmetic, for the scalar kernels and for packing.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace kernels {

inline float bf16ToFloat(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Half to even; NaN stays NaN.
inline std::uint16_t floatToBf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U)
        return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

inline float fp16ToFloat(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 31U;
    const std::uint32_t mantissa = bits & 1023U;
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
    if (exponent == 0) { // subnormal: mantissa * 2^-24
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
        return sign != 0 ? -magnitude : magnitude;
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

/// Symmetric int8 of a group: s = amax / 127. A group that holds NaN or infinity becomes NaN
/// through its scale; one too small for a float's inverse becomes zero.
struct SymmetricScale {
    float scale = 0;
    float inverse = 0;
};

inline SymmetricScale symmetricScale(const float* x, std::size_t count) {
    float largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const float magnitude = std::fabs(x[i]);
        if (magnitude > largest || std::isnan(magnitude))
            largest = magnitude;
    }
    if (!std::isfinite(largest))
        return {std::numeric_limits<float>::quiet_NaN(), 0};
    if (largest < 1e-30F)
        return {};
    return {largest / 127.0F, 127.0F / largest};
}

/// Half to even, 0 for what is not finite.
inline std::int8_t toInt8(float value, float inverse) {
    return inverse == 0 ? std::int8_t{0}
                        : static_cast<std::int8_t>(std::nearbyint(value * inverse));
}

} // namespace kernels
