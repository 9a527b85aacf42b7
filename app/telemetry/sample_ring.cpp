#include "app/telemetry/sample_ring.h"

#include <algorithm>

namespace app {

void SampleRing::push(const MetricFrame& frame) {
    // The wall clock may be set back: what then lies in the future would stand in the charts' way.
    while (!m_samples.empty() && m_samples.back().time_ms >= frame.time_ms)
        m_samples.pop_back();
    Sample sample{frame.time_ms, frame.machine, {}};
    for (const GpuFrame& gpu : frame.gpus)
        sample.gpus.push_back(gpu.values);
    m_samples.push_back(std::move(sample));
    while (m_samples.front().time_ms < frame.time_ms - kLength_ms)
        m_samples.pop_front();
}

ChartPoints SampleRing::series(const SeriesId& series, qint64 from_ms) const {
    const auto first =
        std::lower_bound(m_samples.begin(), m_samples.end(), from_ms,
                         [](const Sample& sample, qint64 time) { return sample.time_ms < time; });
    ChartPoints points;
    points.reserve(static_cast<std::size_t>(m_samples.end() - first));
    for (auto at = first; at != m_samples.end(); ++at) {
        const auto gpu = static_cast<std::size_t>(series.gpu);
        std::optional<double> value;
        if (series.gpu < 0)
            value = at->machine.get(series.metric);
        else if (gpu < at->gpus.size())
            value = at->gpus[gpu].get(series.metric);
        points.push_back({at->time_ms, value});
    }
    return points;
}

} // namespace app
