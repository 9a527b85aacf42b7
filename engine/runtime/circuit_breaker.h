#pragma once
// CircuitBreaker: one BreakerRule at work. Closed -> (condition held for its duration) -> Open ->
// (pause over) -> HalfOpen -> (probe over) -> Closed, or Open again one action higher. While
// half-open one held request goes, so that even a rule that stays true stops nothing for ever.
// Not thread-safe; time must not go back (see neverBack).

#include "engine/runtime/admission_settings.h"
#include "engine/runtime/snapshot.h"
#include "engine/runtime/time_source.h"

#include <functional>
#include <optional>
#include <string>

namespace engine {

/// The value of a metric now, or nothing when it is absent.
using MetricReader = std::function<std::optional<double>(const std::string& metric)>;

class CircuitBreaker {
  public:
    explicit CircuitBreaker(BreakerRule rule) : m_rule(std::move(rule)) {}

    /// Looks at the metrics; call it a few times a second.
    void update(const MetricReader& metric, TimePoint now);

    const BreakerRule& rule() const { return m_rule; }
    BreakerState state() const { return m_state; }
    /// What it demands now: also while half-open, except for the request that takes the probe.
    BreakerAction action() const {
        return m_state == BreakerState::Closed ? BreakerAction::None : m_action;
    }
    /// True once in each half-open time: this request may go although it would be held.
    bool takeProbe();
    bool probeFree() const { return m_state == BreakerState::HalfOpen && !m_probeTaken; }
    /// How long until it may be closed again [s].
    double secondsUntilRetry(TimePoint now) const;
    BreakerSnapshot snapshot(TimePoint now) const;

  private:
    bool holds(const BreakerCondition& condition, const MetricReader& metric) const;
    void open(BreakerAction action, TimePoint now);

    BreakerRule m_rule;
    BreakerState m_state = BreakerState::Closed;
    BreakerAction m_action = BreakerAction::None;
    std::optional<TimePoint> m_heldSince; // the condition, without a break
    TimePoint m_until;                    // end of the pause or of the probe
    bool m_probeTaken = false;
    std::uint64_t m_trips = 0;
};

} // namespace engine
