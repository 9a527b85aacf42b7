#include "engine/runtime/circuit_breaker.h"

#include <algorithm>

namespace engine {

bool CircuitBreaker::holds(const BreakerCondition& condition, const MetricReader& metric) const {
    const std::optional<double> value = metric(condition.metric);
    if (!value)
        return false;
    return condition.comparison == Comparison::Above ? *value > condition.value
                                                     : *value < condition.value;
}

void CircuitBreaker::open(BreakerAction action, TimePoint now) {
    m_state = BreakerState::Open;
    m_action = std::min(action, m_rule.lastAction);
    m_until = now + m_rule.pause;
}

void CircuitBreaker::update(const MetricReader& metric, TimePoint now) {
    if (!m_rule.enabled || m_rule.lastAction == BreakerAction::None)
        return;
    const bool condition = holds(m_rule.condition, metric);
    if (!condition)
        m_heldSince.reset();
    else if (!m_heldSince)
        m_heldSince = now;
    const bool also = m_rule.anyOf.empty() || std::any_of(m_rule.anyOf.begin(), m_rule.anyOf.end(),
                                                          [&](const BreakerCondition& other) {
                                                              return holds(other, metric);
                                                          });
    switch (m_state) {
    case BreakerState::Closed:
        if (condition && also && now - *m_heldSince >= m_rule.duration) {
            ++m_trips;
            open(BreakerAction::HoldBatch, now);
        }
        break;
    case BreakerState::Open:
        if (now >= m_until) {
            m_state = BreakerState::HalfOpen;
            m_until = now + m_rule.probe;
            m_probeTaken = false;
        }
        break;
    case BreakerState::HalfOpen:
        if (now < m_until)
            break;
        if (condition && also) {
            open(m_action == BreakerAction::HoldBatch ? BreakerAction::RefuseApi : m_action, now);
        } else {
            m_state = BreakerState::Closed;
            m_heldSince.reset(); // it must hold for the whole duration again
        }
        break;
    }
}

bool CircuitBreaker::takeProbe() {
    if (!probeFree())
        return false;
    m_probeTaken = true;
    return true;
}

double CircuitBreaker::secondsUntilRetry(TimePoint now) const {
    return m_state == BreakerState::Closed ? 0 : std::max(0.0, seconds(m_until - now));
}

BreakerSnapshot CircuitBreaker::snapshot(TimePoint now) const {
    BreakerSnapshot snapshot;
    snapshot.rule = m_rule.name;
    snapshot.state = m_state;
    snapshot.action = action();
    snapshot.conditionHeld_us =
        m_heldSince ? std::max<std::int64_t>(0, microseconds(now - *m_heldSince)) : 0;
    if (m_state != BreakerState::Closed)
        snapshot.remaining_us = std::max<std::int64_t>(0, microseconds(m_until - now));
    snapshot.tripsTotal = m_trips;
    return snapshot;
}

} // namespace engine
