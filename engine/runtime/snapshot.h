#pragma once
// Snapshot: what the engine is doing right now, as one value. Copied out twice a second by
// telemetry, and whenever a page asks.

#include "engine/runtime/request.h"

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

enum class RequestPhase : std::uint8_t { Queued, Prefill, Decode };

struct RequestSnapshot {
    RequestId id = 0;
    std::string client;
    Priority priority = Priority::P0;
    RequestPhase phase = RequestPhase::Queued;
    std::uint32_t queuePosition = 0;
    RequestTimings timings;
    double decodeTokensPerSecond = 0;
};

struct ModelSnapshot {
    std::string key;
    std::uint32_t pagesTotal = 0;
    std::uint32_t pagesUsed = 0;
    std::uint32_t runningSequences = 0;
    std::uint32_t queued = 0;
};

/// Monotonic counters since the engine started, and the present state.
struct Snapshot {
    std::uint64_t promptTokensTotal = 0;
    std::uint64_t generatedTokensTotal = 0;
    std::uint64_t cachedTokensTotal = 0;
    std::uint64_t requestsFinished = 0;
    std::uint64_t requestsFailed = 0;
    std::uint64_t stepsTotal = 0;
    std::int64_t prefillBusy_us = 0;
    std::int64_t decodeBusy_us = 0;
    std::vector<ModelSnapshot> models;
    std::vector<RequestSnapshot> requests;
};

} // namespace engine
