#include "engine/runtime/latency_stats.h"

namespace engine {

namespace {

std::int64_t sinceStart(TimePoint now) {
    return microseconds(now.time_since_epoch());
}

} // namespace

void LatencyStats::joined(Priority priority, Clock::duration waited, TimePoint now) {
    const std::lock_guard lock(m_mutex);
    set(priority).queueWait.record(microseconds(waited));
    m_recentWaits.record(microseconds(waited), sinceStart(now));
}

void LatencyStats::firstToken(Priority priority, Clock::duration sinceSubmit) {
    const std::lock_guard lock(m_mutex);
    set(priority).ttft.record(microseconds(sinceSubmit));
}

void LatencyStats::nextToken(Priority priority, Clock::duration gap) {
    const std::lock_guard lock(m_mutex);
    set(priority).itl.record(microseconds(gap));
}

void LatencyStats::ended(Priority priority, Clock::duration sinceSubmit) {
    const std::lock_guard lock(m_mutex);
    set(priority).e2e.record(microseconds(sinceSubmit));
}

std::shared_ptr<const LatencyByPriority> LatencyStats::copy() const {
    const std::lock_guard lock(m_mutex);
    return std::make_shared<LatencyByPriority>(m_sets);
}

std::optional<std::int64_t> LatencyStats::recentQueueWaitP95_us(TimePoint now) {
    const std::lock_guard lock(m_mutex);
    if (m_recentWaits.count(sinceStart(now)) == 0)
        return std::nullopt;
    return m_recentWaits.percentile(0.95, sinceStart(now));
}

} // namespace engine
