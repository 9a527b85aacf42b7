#pragma once
// AdmissionSettings: who is let in, in which order, and how prompts share steps with running
// answers. A value; Engine::setAdmission() changes it while the engine runs. validate() names the
// first field that makes no sense.
//
// Words: a request "may be refused" when its WhenBusy is Refuse (API clients). Tabs and agents
// wait instead, always.

#include "engine/status.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace engine {

using std::chrono::milliseconds;

/// Token buckets of one client, or of all together. A request takes 1 from the request bucket and,
/// from the token bucket, its prompt tokens plus the answer tokens it may generate; what it did not
/// generate is given back at its end. A request larger than the bucket needs a full one.
struct RateLimits {
    double tokensPerSecond = 0;   ///< refill [tokens/s]; 0 = no limit
    double tokenCapacity = 0;     ///< [tokens]; 0 = one minute of refill
    double requestsPerMinute = 0; ///< refill [requests/min]; 0 = no limit
    double requestCapacity = 0;   ///< [requests]; 0 = one minute of refill

    bool operator==(const RateLimits&) const = default;
};

/// Who waits, how many, in which order.
struct QueueSettings {
    /// A request that may be refused is, once so many of all kinds wait [requests].
    std::uint32_t maxWaiting = 256;
    /// The same for the waiting ones of its own client, so that one cannot fill the queue.
    std::uint32_t maxWaitingPerClient = 128;
    /// After so long a waiting request of P0 is overdue, of P1 after twice, of P2 after three times
    /// that [ms].
    milliseconds agingPeriod{20'000};
    /// Of so many requests that join, one is the oldest overdue one, whatever its priority. So an
    /// overdue request with k older ones before it joins within (k + 1) times so many joins, and a
    /// queue full of old batch jobs takes no more than this share from the others.
    std::uint32_t overdueShare = 4;
};

/// Caps of requests that may be refused; a request may ask for less, never for more.
struct RequestCaps {
    std::uint32_t maxPromptTokens = 0; ///< longer prompts are refused [tokens]; 0 = the context
    std::uint32_t maxAnswerTokens = 0; ///< answers end there [tokens]; 0 = the context
    milliseconds maxTime{3'600'000};   ///< from joining to the end [ms]; 0 = none
    /// What a request without maxTokens takes from its token bucket for the answer [tokens].
    std::uint32_t assumedAnswerTokens = 512;
};

/// How prompts and running answers share the device (design: "batching").
struct BatchingSettings {
    /// With at most so many prompts waiting they are gathered; above, a chunk starts at once.
    std::uint32_t gatherThreshold = 10; ///< [prompts]
    /// The longest that prompts of P1 and P2 are gathered beside running answers; 0 = never [ms].
    milliseconds gatherWindow{50};
    /// A step beside running answers is to be no longer than this [ms]; 0 = only the next line.
    /// While more prompts wait than gatherThreshold it alone counts, until they are done.
    milliseconds targetItl{60};
    /// ... nor longer than so many times a step without prompts.
    double maxItlRatio = 2.5;
    /// A step of prompts alone: short enough for a Stop to be felt [ms].
    milliseconds aloneStep{400};
    /// Prompt tokens of a step beside running answers, at most; 0 = as the lines above allow.
    std::uint32_t chunkTokens = 0;
};

// ---------------------------------------------------------------------------------------------
// Circuit breaker

/// Metrics that a condition may name: what pushLoadSignal() brings, and these two of the engine.
inline constexpr const char* kQueueWaitP95Metric = "queue_wait_p95_s"; ///< [s], last minute
inline constexpr const char* kWaitingMetric = "waiting";               ///< [requests]
/// The shipped rule's signal: the busiest device that the engine uses [percent].
inline constexpr const char* kUtilizationMetric = "gpu.utilization";

enum class Comparison : std::uint8_t { Above, Below };

struct BreakerCondition {
    std::string metric;
    Comparison comparison = Comparison::Above;
    double value = 0; ///< in the metric's unit
};

/// In this order: a rule that stays true climbs from the first to its last one.
enum class BreakerAction : std::uint8_t {
    None,
    HoldBatch, ///< P2 stays in the queue (unless nothing else runs: no idle device)
    RefuseApi  ///< also: requests of P1 that may be refused are, with BreakerOpen
};

/// Trips when `condition` has held without a break for `duration` while one of `anyOf` holds (or
/// anyOf is empty). After `pause` it is half-open: one held request goes, and `probe` later the
/// breaker closes, or opens again one action higher. An absent or old signal makes its condition
/// false.
struct BreakerRule {
    std::string name;
    bool enabled = true;
    BreakerCondition condition;
    milliseconds duration{60'000};
    std::vector<BreakerCondition> anyOf;
    BreakerAction lastAction = BreakerAction::RefuseApi;
    milliseconds pause{30'000};
    milliseconds probe{5'000};
};

/// The shipped rule, on: utilization > 90 % for 60 s and (queue_wait P95 > 2 s or more waiting than
/// the gather threshold).
BreakerRule overloadRule();
/// A preset, off: utilization > 90 % for 60 s, and nothing else.
BreakerRule bareUtilizationRule();

// ---------------------------------------------------------------------------------------------

struct AdmissionSettings {
    RateLimits global;                          ///< all clients together; none by default
    RateLimits perClient;                       ///< each client that has no entry below
    std::map<std::string, RateLimits> byClient; ///< by Request::client
    QueueSettings queue;
    RequestCaps caps;
    BatchingSettings batching;
    std::vector<BreakerRule> breakers{overloadRule(), bareUtilizationRule()};
    /// A LoadSignal older than this is absent [ms].
    milliseconds signalLifetime{5'000};
};

/// OptionInvalid with the field, its value and what is expected.
Status validate(const AdmissionSettings& settings);

} // namespace engine
