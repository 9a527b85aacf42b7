#pragma once
// Checked integers for everything read from a file: a wrap becomes "no value", never a small
// number.

#include <cstdint>
#include <optional>

namespace engine {

/// a + b, or nothing when the sum does not fit in 64 bits.
constexpr std::optional<std::uint64_t> checkedAdd(std::uint64_t a, std::uint64_t b) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum))
        return std::nullopt;
    return sum;
}

/// a * b, or nothing when the product does not fit in 64 bits.
constexpr std::optional<std::uint64_t> checkedMul(std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product))
        return std::nullopt;
    return product;
}

/// value rounded up to a multiple of alignment (> 0), or nothing on wrap.
constexpr std::optional<std::uint64_t> checkedAlign(std::uint64_t value, std::uint64_t alignment) {
    const std::uint64_t rest = value % alignment;
    return rest == 0 ? std::optional(value) : checkedAdd(value, alignment - rest);
}

} // namespace engine
