#pragma once
// VirtualClock: a clock that a test moves, also backwards.

#include "engine/runtime/time_source.h"

#include <memory>

namespace tests {

class VirtualClock {
  public:
    engine::TimePoint now() const { return *m_now; }
    void advance(engine::Clock::duration duration) { *m_now += duration; }
    engine::TimeSource source() const {
        return [now = m_now] { return *now; };
    }

  private:
    std::shared_ptr<engine::TimePoint> m_now =
        std::make_shared<engine::TimePoint>(std::chrono::hours(1000));
};

} // namespace tests
