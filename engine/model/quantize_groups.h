#pragma once
// One group of weights to integers and a scale: the arithmetic under quantize and convert.
// All return false when a scale is beyond fp16. A group shorter than 32 or 128 is the end of a row.

#include <cstdint>
#include <span>

namespace engine {

/// Symmetric: scale = largest magnitude / 127 rounded up to fp16, q = rint(w / scale), |q| <= 127.
bool quantizeInt8(std::span<const float> weights, std::uint16_t& scale, std::int8_t* q);

/// Symmetric, w = scale * (q - 8), q 0..15: the signed scale of least squared error among those
/// that put the largest magnitude near either end of the range. `nibbles` [16] as Q4_0 packs them.
bool quantizeInt4(std::span<const float> weights, std::uint16_t& scale, std::uint8_t* nibbles);

/// w = scale * q + minimum, q 0..15: starts from the range, then alternates rounding and the least
/// squares fit of scale and minimum.
bool quantizeInt4Min(std::span<const float> weights, std::uint16_t& scale, std::uint16_t& minimum,
                     std::uint8_t* nibbles);

/// w = scale * (q - zero), q 0..15: the five lowest bits of the scale's own fp16 bits are twice the
/// zero point, 0 to 15.5. Scale and zero point start from what quantizeInt4Min() would take; the
/// codes next to that zero point then each fit their scale, and the least squared error stays.
bool quantizeInt4Zero(std::span<const float> weights, std::uint16_t& scale, std::uint8_t* nibbles);

/// The zero point in the bits of a scale.
constexpr std::uint16_t kZeroCodes = 32;
constexpr float zeroPoint(std::uint16_t scale) {
    return static_cast<float>(scale % kZeroCodes) * 0.5F;
}

} // namespace engine
