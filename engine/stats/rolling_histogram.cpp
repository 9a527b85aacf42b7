#include "engine/stats/rolling_histogram.h"

#include <algorithm>

namespace engine {

void RollingHistogram::advance(std::int64_t now_us) {
    const std::int64_t slice = now_us / kSlice_us;
    const std::int64_t passed = std::min(slice - m_slice, kSlices);
    for (std::int64_t i = 0; i < passed; ++i) {
        LatencyHistogram& next = m_slices[static_cast<std::size_t>((slice - i) % kSlices)];
        if (next.count() > 0)
            next.clear();
    }
    m_slice = std::max(m_slice, slice);
}

void RollingHistogram::record(std::int64_t value_us, std::int64_t now_us) {
    advance(now_us);
    m_slices[static_cast<std::size_t>(m_slice % kSlices)].record(value_us);
}

std::int64_t RollingHistogram::percentile(double share, std::int64_t now_us) {
    advance(now_us);
    LatencyHistogram all;
    for (const LatencyHistogram& slice : m_slices)
        if (slice.count() > 0)
            all.merge(slice);
    return all.percentile(share);
}

std::uint64_t RollingHistogram::count(std::int64_t now_us) {
    advance(now_us);
    std::uint64_t sum = 0;
    for (const LatencyHistogram& slice : m_slices)
        sum += slice.count();
    return sum;
}

} // namespace engine
