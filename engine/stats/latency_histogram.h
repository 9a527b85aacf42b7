#pragma once
// LatencyHistogram: log-linear buckets from 1 us to about 20 minutes, 1.6 % wide. A value type:
// copy to read. One writer at a time.

#include <array>
#include <cstdint>

namespace engine {

class LatencyHistogram {
  public:
    void record(std::int64_t us);
    /// Value below which `share` (0..1) of the records lie [us]; 0 when empty.
    std::int64_t percentile(double share) const;
    double mean() const; ///< [us]
    std::uint64_t count() const { return m_count; }
    double sum() const { return m_sum; } ///< [us]
    /// How many records are at most `us`, to the width of a bucket: for Prometheus' le.
    std::uint64_t countAtMost(std::int64_t us) const;
    void merge(const LatencyHistogram& other);
    /// Takes away what `older`, an earlier copy of this one, had recorded.
    void subtract(const LatencyHistogram& older);
    void clear();

  private:
    static constexpr int kSubBuckets = 64; // per power of two
    static constexpr int kPowers = 32;
    std::array<std::uint32_t, kSubBuckets * kPowers> m_buckets{};
    std::uint64_t m_count = 0;
    double m_sum = 0;
};

} // namespace engine
