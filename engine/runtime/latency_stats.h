#pragma once
// LatencyStats: how long requests wait and how fast they are answered, by priority, since the start
// and (queue_wait) over the last minute. Written by the engine thread, read by any.

#include "engine/runtime/snapshot.h"
#include "engine/runtime/time_source.h"
#include "engine/stats/rolling_histogram.h"

#include <memory>
#include <mutex>
#include <optional>

namespace engine {

class LatencyStats {
  public:
    void joined(Priority priority, Clock::duration waited, TimePoint now);
    void firstToken(Priority priority, Clock::duration sinceSubmit);
    void nextToken(Priority priority, Clock::duration gap);
    void ended(Priority priority, Clock::duration sinceSubmit);

    std::shared_ptr<const LatencyByPriority> copy() const;
    /// P95 of those that joined in the last minute; nothing when none did.
    std::optional<std::int64_t> recentQueueWaitP95_us(TimePoint now);

  private:
    LatencySet& set(Priority priority) { return m_sets[static_cast<std::size_t>(priority)]; }

    mutable std::mutex m_mutex;
    LatencyByPriority m_sets;
    RollingHistogram m_recentWaits;
};

} // namespace engine
