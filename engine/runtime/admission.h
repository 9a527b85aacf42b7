#pragma once
// Admission: who is let in. Token buckets (global and per client), the bounded queue, the circuit
// breakers and the caps of a request, under one lock: submit() asks on the caller's thread, the
// scheduler reports on the engine thread.
//
// Only requests that may be refused are. Those of tabs and agents take from the buckets what is
// there and are let in always.

#include "engine/runtime/admission_settings.h"
#include "engine/runtime/circuit_breaker.h"
#include "engine/runtime/latency_stats.h"
#include "engine/runtime/load_signal.h"
#include "engine/runtime/request.h"
#include "engine/runtime/snapshot.h"
#include "engine/runtime/time_source.h"
#include "engine/runtime/token_bucket.h"

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace engine {

/// What a request took when it was let in. Lives with it; handed back by ended().
struct AdmissionTicket {
    std::string client;
    Priority priority = Priority::P0;
    double clientTokens = 0; ///< taken from its client's bucket
    double globalTokens = 0;
    std::uint32_t promptTokens = 0;
    bool waiting = false; ///< counts in the queue
    bool inside = false;  ///< between admit() and ended()
};

class Admission {
  public:
    /// `latencies` outlives this.
    Admission(AdmissionSettings settings, LatencyStats& latencies, TimeSource now);

    Status setSettings(AdmissionSettings settings);
    AdmissionSettings settings() const;
    void pushSignal(LoadSignal signal);

    /// Before a prompt is rendered: would it be refused whatever its length? Takes nothing.
    Status precheck(const Request& request);
    /// Applies the caps, takes from the buckets and counts it as waiting.
    Result<AdmissionTicket> admit(Request& request, std::uint32_t promptTokens);
    /// It has joined: it waits no more.
    void joined(AdmissionTicket& ticket);
    void setPriority(AdmissionTicket& ticket, Priority priority);
    /// It has ended, joined or not; gives back what it did not use. More than once does no harm.
    void ended(AdmissionTicket& ticket, std::uint32_t generatedTokens);
    void deadlinePassed();

    /// True while a breaker keeps P2 in the queue.
    bool holdsBatch();
    /// One held request may go although holdsBatch(): the half-open breaker's probe.
    bool takeProbe();
    /// What a refused client is told: seconds between two joins while others wait; 0 = not known.
    void setJoinInterval(double interval_s);

    AdmissionSnapshot snapshot();

  private:
    struct Buckets {
        TokenBucket tokens;
        TokenBucket requests;
    };

    // With the lock held.
    Buckets makeBuckets(const RateLimits& limits, TimePoint now) const;
    const RateLimits& limitsOf(const std::string& client) const;
    Buckets* bucketsOf(const std::string& client, TimePoint now);
    void resizeBuckets(TimePoint now);
    void forgetFullBuckets(TimePoint now);
    void updateBreakers(TimePoint now);
    Status checkQueue(const Request& request) const;
    Status checkBreakers(const Request& request, bool mayProbe, TimePoint now);
    Status checkRates(const Request& request, double tokens, TimePoint now);
    Status counted(Status refusal);
    std::uint32_t waitingCount() const;

    const TimeSource m_time;
    LatencyStats& m_latencies;
    mutable std::mutex m_mutex; // guards all below
    AdmissionSettings m_settings;
    Buckets m_global;
    std::map<std::string, Buckets> m_clients; // only those that have limits
    std::map<std::string, std::uint32_t> m_waitingByClient;
    std::vector<CircuitBreaker> m_breakers;
    std::map<std::string, LoadSignal> m_signals; // the newest of each metric
    TimePoint m_breakersSeen;
    double m_joinInterval_s = 0;
    AdmissionSnapshot m_counts; // counters and waiting; the rest is filled in by snapshot()
};

} // namespace engine
