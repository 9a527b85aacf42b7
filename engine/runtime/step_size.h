#pragma once
// StepSize: classes of rows for what is learned about steps, four to a power of two. Kernels take
// so many rows at a time, 32, 64 or 128, and a step leaps behind them: such a number is the last of
// its class.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace engine {

constexpr std::size_t kStepSizes = 64;

constexpr std::size_t stepSize(std::uint64_t rows) {
    constexpr std::size_t kParts = 4; // of a power of two: few steps' costs differ within
    const std::uint64_t before = std::max<std::uint64_t>(2, rows) - 1;
    const auto power = static_cast<std::size_t>(std::bit_width(before) - 1);
    const auto part = static_cast<std::size_t>((before * kParts >> power) - kParts);
    return std::min(power * kParts + part, kStepSizes - 1);
}

/// The least of late: a shorter one counts at once, longer ones by and by.
inline void followLeast(double& least_s, double step_s) {
    constexpr double kLongerShare = 1.0 / 16;
    least_s =
        least_s <= 0 || step_s < least_s ? step_s : least_s + kLongerShare * (step_s - least_s);
}

} // namespace engine
