#pragma once
// TokenBucket: fills at a steady rate up to its capacity; what is taken must be there. The level is
// never negative and never above the capacity, whatever the clock does: time that goes back counts
// as none.

#include "engine/runtime/time_source.h"

#include <algorithm>

namespace engine {

class TokenBucket {
  public:
    TokenBucket() = default; ///< no limit
    /// A refill of 0 is no limit. Begins full.
    TokenBucket(double capacity, double refillPerSecond, TimePoint now)
        : m_capacity(std::max(0.0, capacity)),
          m_refill(std::max(0.0, refillPerSecond)),
          m_level(m_capacity),
          m_last(now) {}

    bool limited() const { return m_refill > 0 && m_capacity > 0; }
    double capacity() const { return limited() ? m_capacity : 0; }
    /// What is there; 0 without a limit.
    double level(TimePoint now) {
        if (!limited())
            return 0;
        if (now > m_last)
            m_level = std::min(m_capacity, m_level + seconds(now - m_last) * m_refill);
        m_last = now;
        return m_level;
    }

    /// How long until `amount` is there [s]; 0 = it is. More than the capacity needs a full bucket.
    double secondsUntil(double amount, TimePoint now) {
        if (!limited())
            return 0;
        const double missing = std::min(amount, m_capacity) - level(now);
        // Sums of floating point: what is missing by less than this is there.
        return missing <= 1e-9 * m_capacity ? 0 : missing / m_refill;
    }

    /// Takes what is there, at most `amount`; returns how much that was.
    double takeUpTo(double amount, TimePoint now) {
        if (!limited())
            return 0;
        const double taken = std::clamp(amount, 0.0, level(now));
        m_level -= taken;
        return taken;
    }
    void giveBack(double amount, TimePoint now) {
        if (limited())
            m_level = std::clamp(level(now) + amount, 0.0, m_capacity);
    }

    /// Other limits, the same share of them filled.
    void resize(double capacity, double refillPerSecond, TimePoint now) {
        const double share = limited() ? level(now) / m_capacity : 1;
        m_capacity = std::max(0.0, capacity);
        m_refill = std::max(0.0, refillPerSecond);
        m_level = share * m_capacity;
        m_last = now;
    }

  private:
    double m_capacity = 0;
    double m_refill = 0; // per second
    double m_level = 0;
    TimePoint m_last;
};

} // namespace engine
