#include "engine/stats/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace engine {

namespace {

constexpr int kSubBits = 6; // 64 buckets a power of two: each 1/64 of its value wide

/// Below 64 us every value has its own bucket; above, the top seven bits choose it.
std::size_t bucketOf(std::uint64_t us, std::size_t bucketCount) {
    if (us < (1U << kSubBits))
        return us;
    const int power = std::bit_width(us) - 1;
    const std::uint64_t sub = (us >> (power - kSubBits)) & ((1U << kSubBits) - 1);
    const auto row = static_cast<std::uint64_t>(power - kSubBits + 1);
    return std::min<std::size_t>((row << kSubBits) + sub, bucketCount - 1);
}

/// Middle of a bucket [us].
std::int64_t valueOf(std::size_t bucket) {
    const std::size_t row = bucket >> kSubBits;
    const std::size_t sub = bucket & ((1U << kSubBits) - 1);
    if (row == 0)
        return static_cast<std::int64_t>(sub);
    const std::uint64_t width = 1ULL << (row - 1);
    const std::uint64_t low = ((1ULL << kSubBits) + sub) * width;
    return static_cast<std::int64_t>(low + width / 2);
}

} // namespace

void LatencyHistogram::record(std::int64_t us) {
    const std::uint64_t value = us > 0 ? static_cast<std::uint64_t>(us) : 0;
    ++m_buckets[bucketOf(value, m_buckets.size())];
    ++m_count;
    m_sum += static_cast<double>(value);
}

std::int64_t LatencyHistogram::percentile(double share) const {
    if (m_count == 0)
        return 0;
    const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(m_count));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < m_buckets.size(); ++bucket) {
        seen += m_buckets[bucket];
        if (seen >= rank)
            return valueOf(bucket);
    }
    return valueOf(m_buckets.size() - 1);
}

std::uint64_t LatencyHistogram::countAtMost(std::int64_t us) const {
    if (us < 0)
        return 0;
    const std::size_t last = bucketOf(static_cast<std::uint64_t>(us), m_buckets.size());
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket <= last; ++bucket)
        seen += m_buckets[bucket];
    return seen;
}

double LatencyHistogram::mean() const {
    return m_count == 0 ? 0 : m_sum / static_cast<double>(m_count);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (std::size_t bucket = 0; bucket < m_buckets.size(); ++bucket)
        m_buckets[bucket] += other.m_buckets[bucket];
    m_count += other.m_count;
    m_sum += other.m_sum;
}

void LatencyHistogram::subtract(const LatencyHistogram& older) {
    for (std::size_t bucket = 0; bucket < m_buckets.size(); ++bucket)
        m_buckets[bucket] -= older.m_buckets[bucket];
    m_count -= older.m_count;
    m_sum -= older.m_sum;
}

void LatencyHistogram::clear() {
    m_buckets.fill(0);
    m_count = 0;
    m_sum = 0;
}

} // namespace engine
