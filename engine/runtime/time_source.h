#pragma once
// Time as the runtime reads it: a function, so that a test can be the clock. The real one is
// CLOCK_MONOTONIC, which wall-clock changes do not touch and which stands still while the machine
// sleeps: buckets do not fill, deadlines do not pass and breakers do not close meanwhile.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace engine {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using TimeSource = std::function<TimePoint()>;

inline TimeSource steadyTime() {
    return [] { return Clock::now(); };
}

/// The source below, except that it never goes back: a step backwards counts as no time at all, and
/// what follows counts on from there. Any thread.
inline TimeSource neverBack(TimeSource below) {
    struct State {
        std::mutex mutex;
        TimePoint lastBelow;
        TimePoint told;
    };
    auto state = std::make_shared<State>();
    state->lastBelow = state->told = below();
    return [state, below = std::move(below)] {
        const std::lock_guard lock(state->mutex);
        const TimePoint now = below();
        if (now > state->lastBelow)
            state->told += now - state->lastBelow;
        state->lastBelow = now;
        return state->told;
    };
}

inline std::int64_t microseconds(Clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

inline double seconds(Clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

} // namespace engine
