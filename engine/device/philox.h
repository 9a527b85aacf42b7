#pragma once
// Philox4x32-10: a counter-based random generator. The same (key, counter) gives the same four
// words everywhere, so a draw depends on what it is for, never on what ran before it.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#include <array>
#include <cstdint>

namespace engine {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds over one counter.
PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key);

/// The draw of one token: uniform in [0, 1) with 53 bits. `position` is the place in the sequence
/// of the token that is drawn, so a preempted sequence draws the same again.
double tokenUniform(std::uint64_t seed, std::uint32_t sampleNumber, std::uint32_t position);

} // namespace engine
