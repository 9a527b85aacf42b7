#pragma once
// RollingHistogram: the latencies of about the last minute, in slices that are cleared as time
// passes. One writer at a time; the caller brings the time.

#include "engine/stats/latency_histogram.h"

#include <array>
#include <cstdint>

namespace engine {

class RollingHistogram {
  public:
    static constexpr std::int64_t kSlice_us = 10'000'000;
    static constexpr std::int64_t kSlices = 6;

    void record(std::int64_t value_us, std::int64_t now_us);
    /// Of the last kSlices slices [us]; 0 when nothing was recorded (see count).
    std::int64_t percentile(double share, std::int64_t now_us);
    std::uint64_t count(std::int64_t now_us);

  private:
    void advance(std::int64_t now_us);

    std::array<LatencyHistogram, kSlices> m_slices;
    std::int64_t m_slice = 0; // number of the present slice since time 0
};

} // namespace engine
