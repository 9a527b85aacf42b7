#include "app/api/sse_sink.h"

#include <new>

namespace app {

namespace {

/// What an event takes here, and about what it takes as a line of JSON.
std::size_t weight(const engine::TokenEvent& event) {
    return sizeof event + event.text.size() +
           event.topLogprobs.size() * sizeof(engine::TokenLogprob);
}

} // namespace

bool SseSink::push(engine::TokenEvent event) noexcept {
    try {
        bool first = false;
        bool wanted = true;
        {
            const std::lock_guard lock(m_mutex);
            const bool last = event.kind == engine::EventKind::Finished;
            if (m_refusing || (m_overflowed && !last))
                return false; // what is here has had its wake-up
            first = m_events.empty();
            m_held_bytes += weight(event);
            m_events.push_back(std::move(event));
            m_overflowed = m_overflowed || m_held_bytes > kMostHeld_bytes;
            wanted = !m_overflowed;
        }
        if (first)
            m_wake();
        return wanted;
    } catch (const std::bad_alloc&) {
        return false; // the engine ends the request
    }
}

void SseSink::refuse() {
    const std::lock_guard lock(m_mutex);
    m_refusing = true;
    m_events.clear();
    m_held_bytes = 0;
}

std::vector<engine::TokenEvent> SseSink::take() {
    const std::lock_guard lock(m_mutex);
    m_held_bytes = 0;
    return std::exchange(m_events, {});
}

bool SseSink::overflowed() const {
    const std::lock_guard lock(m_mutex);
    return m_overflowed;
}

} // namespace app
