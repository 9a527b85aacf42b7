#include "app/commands/answer_stream.h"

#include <utility>

namespace app {

namespace {

constexpr std::size_t kMostHeldBytes = 1 << 20;

} // namespace

bool AnswerStream::push(engine::TokenEvent event) noexcept {
    bool wanted = true;
    {
        const std::lock_guard lock(m_mutex);
        m_heldBytes += event.text.size();
        wanted = m_heldBytes <= kMostHeldBytes;
        m_events.push_back(std::move(event));
    }
    m_changed.notify_one();
    return wanted;
}

std::vector<engine::TokenEvent> AnswerStream::take(std::chrono::milliseconds limit) {
    std::unique_lock lock(m_mutex);
    m_changed.wait_for(lock, limit, [this] { return !m_events.empty(); });
    m_heldBytes = 0;
    return std::exchange(m_events, {});
}

} // namespace app
