#pragma once
// KernelTable::spinFloat, written once for all vector sets. Included only by files compiled for
// one; V: lanes_*.h.

#include <cstdint>

namespace kernels::vector {

/// KernelTable::spinFloat: chains enough to hide the latency of a fused multiply-add.
template<typename V>
std::uint64_t spinFloat(std::uint64_t rounds) {
    constexpr int kChains = 5 * V::kTiles;
    constexpr std::uint64_t kLanes = 16;
    // Through volatile: what the operands are is not known before the program runs.
    volatile float seed = 1e-3F;
    const V a = V::set(seed);
    const V b = V::set(seed);
    V sums[kChains];
    for (V& sum : sums)
        sum = V::set(seed);
    for (std::uint64_t round = 0; round < rounds; ++round)
        for (V& sum : sums)
            sum = V::fma(a, b, sum);
    for (const V& sum : sums)
        seed = sum.sum();
    return rounds * kChains * kLanes * 2;
}

} // namespace kernels::vector
