#pragma once
// What a draw needs of a whole vocabulary, written once for all vector sets. Contracts:
// KernelTable.

#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_kernels.h"

namespace kernels::vector {

/// Sixteen of x from `at` on; behind its end -inf.
template<typename V>
V sixteenOf(const float* x, std::size_t count, std::size_t at) {
    if (at + 16 <= count)
        return V::load(x + at);
    const auto rest = static_cast<std::uint32_t>(count - at);
    return V::firstLanes(rest, V::loadPart(x + at, rest), V::set(-__builtin_inff()));
}

/// KernelTable::firstLargest.
template<typename V>
std::size_t firstLargest(const float* x, std::size_t count) {
    // max() keeps its second operand beside a NaN. Four chains hide its latency.
    V best[4] = {V::set(-__builtin_inff()), V::set(-__builtin_inff()), V::set(-__builtin_inff()),
                 V::set(-__builtin_inff())};
    std::size_t at = 0;
    for (; at + 64 <= count; at += 64)
        for (std::size_t i = 0; i < 4; ++i)
            best[i] = V::max(V::load(x + at + i * 16), best[i]);
    for (; at < count; at += 16)
        best[0] = V::max(sixteenOf<V>(x, count, at), best[0]);
    const float largest = V::max(V::max(best[0], best[1]), V::max(best[2], best[3])).largest();
    if (largest == -__builtin_inff())
        return count;
    const V bound = V::set(largest);
    for (at = 0; at < count; at += 16)
        if (const std::uint32_t found = sixteenOf<V>(x, count, at).lanesNotBelow(bound))
            return at + static_cast<std::size_t>(__builtin_ctz(found));
    return count;
}

/// KernelTable::drawWeights. Sums of 1,024 in float, those in double.
template<typename V>
DrawWeights drawWeights(const DrawTask& task) {
    constexpr std::size_t kStretchLength = 1024;
    const V top = V::set(task.top);
    const V scale = V::set(task.scale);
    const V deepest = V::set(-kDrawDepth);
    const V listedFrom = V::set(task.listedFrom);
    DrawWeights result;
    for (std::size_t first = 0; first < task.count; first += kStretchLength) {
        const std::size_t rest = task.count - first;
        const std::size_t end = first + (rest < kStretchLength ? rest : kStretchLength);
        V sum = V::set(0);
        for (std::size_t at = first; at < end; at += 16) {
            const V depth = (sixteenOf<V>(task.x, task.count, at) - top) * scale;
            const V weight = V::whereNotBelow(depth, deepest, exponential(depth));
            sum = sum + weight;
            std::uint32_t listed = depth.lanesNotBelow(listedFrom);
            if (listed == 0)
                continue;
            float weights[16];
            weight.store(weights);
            for (; listed != 0; listed &= listed - 1) {
                const auto lane = static_cast<std::size_t>(__builtin_ctz(listed));
                task.listed[result.listed++] = {static_cast<std::int32_t>(at + lane),
                                                weights[lane]};
            }
        }
        result.sum += static_cast<double>(sum.sum());
    }
    return result;
}

} // namespace kernels::vector
