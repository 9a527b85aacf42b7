#pragma once
// Snapshot: what the engine is doing right now, as one value. Copied out twice a second by
// telemetry, and whenever a page asks.

#include "engine/runtime/admission_settings.h"
#include "engine/runtime/request.h"
#include "engine/stats/latency_histogram.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace engine {

enum class RequestPhase : std::uint8_t { Queued, Prefill, Decode, Finished };

struct RequestSnapshot {
    RequestId id = 0;
    ModelKey model; ///< that answers it
    std::string client;
    Priority priority = Priority::P0;
    RequestPhase phase = RequestPhase::Queued;
    FinishReason finish = FinishReason::None; ///< of Finished
    std::uint32_t queuePosition = 0;
    std::int64_t submitted_us = 0;      ///< steady clock, as the parts of StepRing
    std::int64_t estimatedWait_us = -1; ///< Queued: until it joins; -1 = not known yet
    RequestTimings timings;
    double decodeTokensPerSecond = 0;
};

struct ModelSnapshot {
    std::string key;
    std::uint32_t pagesTotal = 0;
    std::uint32_t pagesUsed = 0;   ///< by running sequences
    std::uint32_t pagesCached = 0; ///< kept for later prompts, given back when pages are needed
    std::uint32_t slotCount = 0;
    std::uint64_t usedTokens = 0;   ///< tokens whose KV the used pages hold
    std::uint32_t maxBatchRows = 0; ///< rows its workspace has room for
    std::uint32_t runningSequences = 0;
    std::uint32_t queued = 0;
    std::uint32_t replicas = 1; ///< devices that hold the whole model and answer
    std::vector<Status> lost;   ///< why others do not any more
};

/// Latencies since the engine started. queue_wait: submit to joining; ttft: submit to the first
/// token; itl: between two tokens of one answer; e2e: submit to the end (cancelled ones not).
struct LatencySet {
    LatencyHistogram queueWait;
    LatencyHistogram ttft;
    LatencyHistogram itl;
    LatencyHistogram e2e;
};
using LatencyByPriority = std::array<LatencySet, kPriorityCount>;

/// How prompts were put into steps beside running answers.
struct BatchingSnapshot {
    std::uint64_t chunkSteps = 0;      ///< steps that held prompt rows
    std::uint64_t promptsInChunks = 0; ///< sum over them: / chunkSteps = prompts per chunk
    std::uint32_t lastPromptsPerChunk = 0;
    std::uint64_t promptsHeld = 0; ///< prompts that were gathered at all
    std::int64_t held_us = 0;      ///< sum over them: / promptsHeld = time held
    std::int64_t longestHeld_us = 0;
    std::uint32_t chunkBudget = 0; ///< prompt rows that fit beside the answers now
    std::uint64_t joins = 0;       ///< also of those that gave way and joined again
    std::uint64_t preemptions = 0; ///< slots that interactive requests took
};

enum class BreakerState : std::uint8_t { Closed, Open, HalfOpen };

struct BreakerSnapshot {
    std::string rule;
    BreakerState state = BreakerState::Closed;
    BreakerAction action = BreakerAction::None; ///< in force now
    std::int64_t conditionHeld_us = 0;          ///< how long its condition has held
    std::int64_t remaining_us = 0;              ///< until the pause or the probe ends
    std::uint64_t tripsTotal = 0;
};

/// Levels of one client's buckets ("" = the global ones). A capacity of 0 = no such limit.
struct BucketSnapshot {
    std::string client;
    double tokens = 0;
    double tokenCapacity = 0;
    double requests = 0;
    double requestCapacity = 0;
};

struct AdmissionSnapshot {
    std::array<std::uint32_t, kPriorityCount> waiting{}; ///< requests, by priority
    std::uint64_t refusedRate = 0;
    std::uint64_t refusedQueue = 0;
    std::uint64_t refusedBreaker = 0;
    std::uint64_t deadlinesPassed = 0;
    std::vector<BreakerSnapshot> breakers;
    std::vector<BucketSnapshot> buckets;
};

/// Monotonic counters since the engine started, and the present state.
struct Snapshot {
    std::uint64_t promptTokensTotal = 0;
    std::uint64_t generatedTokensTotal = 0;
    std::uint64_t cachedTokensTotal = 0;
    std::uint64_t cachedPagesEvicted = 0;
    std::uint64_t prewarmedTokensTotal = 0; ///< computed ahead while nothing else was to do
    std::uint64_t preemptionsTotal = 0;
    std::uint64_t preemptionsMoved = 0;   ///< of these: pages moved to host memory, not recomputed
    std::uint64_t hostPages_bytes = 0;    ///< in host memory now
    std::uint64_t droppedTokensTotal = 0; ///< by overflow policies
    std::uint64_t requestsFinished = 0;
    std::uint64_t requestsFailed = 0;
    std::uint64_t stepsTotal = 0;
    std::uint64_t rowsTotal = 0;      ///< over all steps
    std::uint64_t readBytesTotal = 0; ///< weights and KV read by the steps, as devices report it
    std::int64_t prefillBusy_us = 0;
    std::int64_t decodeBusy_us = 0;
    BatchingSnapshot batching;
    AdmissionSnapshot admission;
    /// By Priority; never null from Engine::snapshot().
    std::shared_ptr<const LatencyByPriority> latencies;
    std::vector<ModelSnapshot> models;
    std::vector<RequestSnapshot> requests;
    /// Those that ended, newest first, at most kRecentRequests; may be null.
    std::shared_ptr<const std::vector<RequestSnapshot>> recent;
};
constexpr std::size_t kRecentRequests = 100;

} // namespace engine
