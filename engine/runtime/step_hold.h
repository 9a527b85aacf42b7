#pragma once
// StepHold: when the next step is handed to a device that runs ahead. Usually at once, while the
// one ahead is computed, so that the device never waits. But who comes until then has to wait for
// one step more; so while requests keep coming beside several answers, the next step is handed over
// just before the device is done. It learns how long steps of every size take at least. When the
// device had to wait after all, because a step was shorter or this thread woke up late, nothing is
// held for a while, each time longer. Engine thread only.

#include "engine/runtime/time_source.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

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
    /// The step that comes next is held: handedOver() wants to know about it.
    bool holds() const { return m_holds; }
    /// It is handed over now; whether the device is `done` with the one ahead already.
    void handedOver(TimePoint now, bool done);
    void record(const RunningStep& step, double step_s);

  private:
    static constexpr std::size_t kPowers = 16;
    static constexpr std::size_t kParts = 4; // of a power of two: few steps' costs differ within

    static std::size_t sizeOf(const RunningStep& step);

    std::array<double, 2 * kPowers * kParts> m_least_s{}; // without prompts, then with; 0 = unknown
    bool m_on = std::getenv("INGLENOOK_EARLY_STEPS") == nullptr; // to measure the difference
    bool m_holds = false; // the next step was not due at once
    TimePoint m_lastCame;
    TimePoint m_from; // nothing is held before
    Clock::duration m_pause{};
};

} // namespace engine
