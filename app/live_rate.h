#pragma once
// The decode speed of an answer that is still being written.

#include <cstdint>

namespace app {

/// Over less time a rate is chance: two tokens that come close together are thousands a second.
inline constexpr std::int64_t kLeastRateTime_us = 250'000;

/// [tokens/s] since the first token; 0 = not known yet.
inline double liveTokensPerSecond(int generatedTokens, std::int64_t decode_us) {
    return generatedTokens > 1 && decode_us >= kLeastRateTime_us
               ? (generatedTokens - 1) * 1e6 / static_cast<double>(decode_us)
               : 0.0;
}

} // namespace app
