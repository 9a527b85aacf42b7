#pragma once
// A row of activations as one kernel hands it to the one-row product behind it: int8 digits,
// x = s (256 h + l), with a scale s for 8 neighbouring columns, so that no block of the product has
// to make them. Pure arithmetic that kernels and tests share.
//
// Layout: digits, 256 bytes for 128 columns, then scales, bf16 [columns / 128][4 groups of a
// step][4 steps]. In the product m16n8k32 a step is 32 columns and column 2 g + digit of B is a
// digit of the step's group g of 8 columns, zero where k is of another group. So a lane of B has
// four bytes of a step or none, and what it has of four steps lies side by side, 16 bytes a lane
// for the 16 lanes that have any. For int4 weights (HandedOrder::Nibbles), whose lanes have 32
// columns of their own, columns stay in order: 32 high digits, 32 low ones, and so on; scales too.

#include "kernels/on_both.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kernels {

constexpr std::uint32_t kHandedGroup = 8;        // columns that share a scale
constexpr std::uint32_t kHandedUnit = 128;       // columns
constexpr std::uint32_t kHandedDigitBytes = 256; // of a unit
constexpr std::uint32_t kHandedScaleBytes = 32;  // of a unit
/// In which order digits and scales lie: as products of int8 weights take them, or of int4 weights.
enum class HandedOrder : std::uint8_t { Bytes, Nibbles };
constexpr float kHandedLargest = 127.0F * 256.0F; // 256 h + l of the largest column of a group

/// `paddedColumns`: a multiple of kHandedUnit.
INGLENOOK_ON_BOTH constexpr std::uint32_t handedDigitBytes(std::uint32_t paddedColumns) {
    return paddedColumns / kHandedUnit * kHandedDigitBytes;
}
INGLENOOK_ON_BOTH constexpr std::uint32_t handedBytes(std::uint32_t paddedColumns) {
    return paddedColumns / kHandedUnit * (kHandedDigitBytes + kHandedScaleBytes);
}

/// Which of a unit's 16 pieces of 16 bytes a lane of B has.
INGLENOOK_ON_BOTH constexpr std::uint32_t handedPiece(std::uint32_t lane) {
    return lane / 16 * 8 + lane / 8 % 2 * 4 + lane / 4 % 2 * 2 + lane % 2;
}
/// Whether it has one: its columns, 4 (lane % 4) of a half of the step, are of its group.
INGLENOOK_ON_BOTH constexpr bool handedHolds(std::uint32_t lane) {
    return lane / 2 % 2 == lane / 8 % 2;
}

/// Byte of a column's digit (0: h, 1: l).
INGLENOOK_ON_BOTH constexpr std::uint32_t handedDigitAt(HandedOrder order, std::uint32_t column,
                                                        std::uint32_t digit) {
    if (order == HandedOrder::Nibbles)
        return column / 32 * 64 + digit * 32 + column % 32;
    const std::uint32_t k = column % 32;
    const std::uint32_t piece = k / 16 * 8 + k / 8 % 2 * 4 + digit * 2 + k / 4 % 2;
    return column / kHandedUnit * kHandedDigitBytes + piece * 16 + column % kHandedUnit / 32 * 4 +
           k % 4;
}
/// Index of a column's scale among the scales.
INGLENOOK_ON_BOTH constexpr std::uint32_t handedScaleAt(HandedOrder order, std::uint32_t column) {
    if (order == HandedOrder::Nibbles)
        return column / kHandedGroup;
    return column / kHandedUnit * 16 + column % 32 / kHandedGroup * 4 + column % kHandedUnit / 32;
}

/// What the digits of a column stand for. On the host, and not for speed.
inline float handedValue(HandedOrder order, const std::byte* row, std::uint32_t paddedColumns,
                         std::uint32_t column) {
    const auto digit = [&](std::uint32_t which) {
        return static_cast<std::int8_t>(row[handedDigitAt(order, column, which)]);
    };
    std::uint16_t scale = 0; // bf16
    std::memcpy(&scale, row + handedDigitBytes(paddedColumns) + handedScaleAt(order, column) * 2,
                2);
    const std::uint32_t bits = std::uint32_t{scale} << 16;
    float value = 0;
    std::memcpy(&value, &bits, 4);
    return value * static_cast<float>(digit(0) * 256 + digit(1));
}

} // namespace kernels
