#pragma once
// LoadGenerator: many requests against an engine in this process, as serve-bench asks: all at once,
// so many at a time, or as a Poisson process. Latencies count from when a request was due, not from
// when it could be sent, so that a slow engine cannot slow its own measurement.

#include "engine/runtime/engine.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace app {

struct LoadPlan {
    std::uint32_t requests = 64;
    std::uint32_t concurrency = 0; ///< at most so many at a time; 0 = no such limit
    double rate_s = 0;             ///< Poisson arrivals [requests/s]; 0 = all at once
    std::uint32_t promptTokens = 512;
    std::uint32_t prefixTokens = 0; ///< before them, the same for every request
    std::uint32_t generateTokens = 64;
    double spread =
        0; ///< lengths of answers vary by so much of it, [0, 1): else crowds end together
    engine::Priority priority = engine::Priority::P0;
    float temperature = 0.6F; ///< with top-p 0.95; 0 = greedy
    std::uint64_t seed = 1;
    double most_s = 0; ///< what is not at its end then is cancelled and counts as far as it came
};

/// Milliseconds; of the requests that did not fail.
struct LoadReport {
    double outputTokensPerSecond = 0;
    double makespan_s = 0; ///< first due to last end, or to when the time was over
    double ttftMean_ms = 0;
    double ttftP50_ms = 0;
    double ttftP99_ms = 0;
    std::uint32_t crowded = 0;    ///< requests sent while all others of `concurrency` streamed
    double ttftCrowdedP50_ms = 0; ///< of these alone
    double ttftCrowdedP99_ms = 0;
    double itlP50_ms = 0;
    double itlP99_ms = 0;
    double e2eMean_ms = 0;
    double e2eP99_ms = 0;
    std::uint32_t errors = 0;
    engine::Status firstError;
    std::uint32_t cut = 0; ///< requests that were not at their end when the time was over
    std::uint64_t outputTokens = 0;
    std::uint64_t cachedTokens = 0;
    double promptsPerChunk = 0;
    std::uint64_t promptsHeld = 0;
    double timeHeldMean_ms = 0;
};

/// Warms up, runs the plan, waits for its end or the end of its time. `stop` is looked at all the
/// time: true cancels.
LoadReport generateLoad(engine::Engine& engine, const engine::ModelInfo& model,
                        const LoadPlan& plan, const std::function<bool()>& stop);

/// When the requests are due [s from the start].
std::vector<double> dueTimes(const LoadPlan& plan);

} // namespace app
