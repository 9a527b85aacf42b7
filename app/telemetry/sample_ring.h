#pragma once
// SampleRing: every look of the last hour, for the live charts. Oldest looks are forgotten. GUI
// thread.

#include "app/telemetry/metric_frame.h"

#include <deque>

namespace app {

/// One point of a chart; absent where nothing was measured.
struct ChartPoint {
    qint64 time_ms = 0; // UTC
    std::optional<double> value;
    bool operator==(const ChartPoint&) const = default;
};
using ChartPoints = std::vector<ChartPoint>;

class SampleRing {
  public:
    static constexpr qint64 kLength_ms = 3'600'000;

    void push(const MetricFrame& frame);
    /// The samples of one series from `from_ms` on, oldest first, absent ones included.
    ChartPoints series(const SeriesId& series, qint64 from_ms) const;
    std::size_t size() const { return m_samples.size(); }

  private:
    struct Sample {
        qint64 time_ms;
        MetricValues machine;
        std::vector<MetricValues> gpus;
    };
    std::deque<Sample> m_samples; // by time
};

} // namespace app
