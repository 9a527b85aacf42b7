#pragma once
// LoadSignal: a figure that telemetry pushes into the engine for its circuit breakers.

#include "engine/runtime/time_source.h"

#include <string>

namespace engine {

struct LoadSignal {
    std::string metric; ///< e.g. kUtilizationMetric
    double value = 0;   ///< in the metric's unit; not finite = absent
    TimePoint time;     ///< when it was measured, on the steady clock
};

} // namespace engine
