#pragma once
// StepHold: when the next step is handed to a device that runs ahead. Usually at once, while the
// one ahead is computed, so that the device never waits. But who comes until then has to wait for
// one step more; so while requests keep coming beside several answers, the next step is handed over
// just before the device is done. It learns how long steps of every size take at least, and how
// much earlier than that is early enough: when the device had to wait after all, because a step was
// shorter or this thread woke up late, the next ones are handed over a little earlier, and else a
// little later. Where that is never enough nothing is held for a while, each time longer; and where
// a step is too short for it, until that has shrunk again.
// Engine thread only.

#include "engine/runtime/step_size.h"
#include "engine/runtime/time_source.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace engine {

/// The step that the device computes.
struct RunningStep {
    TimePoint begin;
    std::uint32_t decodeRows = 0;
    std::uint32_t promptRows = 0;
};

class StepHold {
  public:
    void setOn(bool on) { m_on = on; }
    void requestCame(TimePoint now) { m_lastCame = now; }

    /// When the step behind `running` is due; not after `now`: at once.
    TimePoint due(const RunningStep& running, TimePoint now);
    /// The step that is handed over now was held; handedOver() wants to know how that went.
    bool takesHeld() { return std::exchange(m_holds, false); }
    /// Of a step that was held: whether the device waited for it.
    void handedOver(TimePoint now, bool late);
    void record(const RunningStep& step, double step_s);

  private:
    static std::size_t sizeOf(const RunningStep& step);

    std::array<double, 2 * kStepSizes> m_least_s{}; // without prompts, then with; 0 = unknown
    bool m_on = std::getenv("INGLENOOK_EARLY_STEPS") == nullptr; // to measure the difference
    bool m_holds = false;      // the next step was not due at once
    double m_margin_s = 0.001; // what a step is handed over before its due end
    TimePoint m_lastCame;
    TimePoint m_from; // nothing is held before
    Clock::duration m_pause{};
};

} // namespace engine
