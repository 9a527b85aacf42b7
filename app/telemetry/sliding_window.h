#pragma once
// SlidingWindow: how much counters grew over the last so many seconds. Looks are kept at most
// `step` apart, so a window is exact to one step.

#include <cstdint>
#include <deque>
#include <optional>

namespace app {

template<typename Counters>
class SlidingWindow {
  public:
    SlidingWindow(std::int64_t length_us, std::int64_t step_us)
        : m_length_us(length_us), m_step_us(step_us) {}

    /// Takes the counters of now; gives those at the beginning of the window, or nothing at first.
    std::optional<Counters> push(std::int64_t now_us, const Counters& counters) {
        // The first look that is young enough stays, and one before it marks where it began.
        while (m_looks.size() > 1 && m_looks[1].time_us <= now_us - m_length_us)
            m_looks.pop_front();
        std::optional<Counters> begin;
        if (!m_looks.empty())
            begin = m_looks.front().counters;
        if (m_looks.empty() || now_us - m_looks.back().time_us >= m_step_us)
            m_looks.push_back({now_us, counters});
        return begin;
    }

    void clear() { m_looks.clear(); }

  private:
    struct Look {
        std::int64_t time_us;
        Counters counters;
    };
    std::int64_t m_length_us;
    std::int64_t m_step_us;
    std::deque<Look> m_looks;
};

} // namespace app
