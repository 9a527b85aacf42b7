#include "app/telemetry/minute_averages.h"

namespace app {

std::vector<MinuteRow> MinuteAverages::push(const MetricFrame& frame) {
    const qint64 minute = frame.time_ms / 60'000;
    std::vector<MinuteRow> done;
    if (minute != m_minute)
        done = flush();
    m_minute = minute;
    add(frame.machine, -1);
    for (std::size_t gpu = 0; gpu < frame.gpus.size(); ++gpu)
        add(frame.gpus[gpu].values, static_cast<int>(gpu));
    return done;
}

void MinuteAverages::add(const MetricValues& values, int gpu) {
    const MetricScope scope = gpu < 0 ? MetricScope::Machine : MetricScope::Gpu;
    for (const MetricDefinition& metric : metricTable()) {
        if (metric.kind != MetricKind::Gauge || metric.scope != scope)
            continue;
        if (const std::optional<double> value = values.get(metric.id)) {
            Sum& sum = m_sums[{metric.id, gpu}];
            sum.total += *value;
            ++sum.count;
        }
    }
}

std::vector<MinuteRow> MinuteAverages::flush() {
    std::vector<MinuteRow> rows;
    for (const auto& [series, sum] : m_sums)
        rows.push_back({seriesKey(series), m_minute, sum.total / sum.count});
    m_sums.clear();
    return rows;
}

} // namespace app
