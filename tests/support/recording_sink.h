#pragma once
// RecordingSink: a TokenSink that keeps every event and lets a test wait for the last one.

#include "engine/runtime/request.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tests {

class RecordingSink final : public engine::TokenSink {
  public:
    /// Refuses (returns false) once so many events have come; 0 = takes all.
    explicit RecordingSink(std::size_t takes = 0) : m_takes(takes) {}
    /// Holds every push for so long: a slow reader.
    void setDelay(std::chrono::microseconds delay) { m_delay = delay; }

    bool push(engine::TokenEvent event) noexcept override {
        if (const std::chrono::microseconds delay = m_delay; delay.count() > 0)
            std::this_thread::sleep_for(delay);
        const std::lock_guard lock(m_mutex);
        m_events.push_back(std::move(event));
        m_changed.notify_all();
        return m_takes == 0 || m_events.size() < m_takes;
    }

    bool waitForFinish(std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
        std::unique_lock lock(m_mutex);
        return m_changed.wait_for(lock, limit, [this] { return finishCountLocked() > 0; });
    }
    /// Waits until `count` events have come or the request has finished.
    bool waitForEvents(std::size_t count,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
        std::unique_lock lock(m_mutex);
        return m_changed.wait_for(
            lock, limit, [&] { return m_events.size() >= count || finishCountLocked() > 0; });
    }

    std::vector<engine::TokenEvent> events() const {
        const std::lock_guard lock(m_mutex);
        return m_events;
    }
    int finishCount() const {
        const std::lock_guard lock(m_mutex);
        return finishCountLocked();
    }
    /// The Finished event; a default one when there is none yet.
    engine::TokenEvent finished() const {
        const std::lock_guard lock(m_mutex);
        for (const engine::TokenEvent& event : m_events)
            if (event.kind == engine::EventKind::Finished)
                return event;
        return {};
    }
    std::string text(bool reasoning) const {
        const std::lock_guard lock(m_mutex);
        std::string all;
        for (const engine::TokenEvent& event : m_events)
            if (event.reasoning == reasoning)
                all += event.text;
        return all;
    }

  private:
    int finishCountLocked() const {
        int count = 0;
        for (const engine::TokenEvent& event : m_events)
            count += event.kind == engine::EventKind::Finished ? 1 : 0;
        return count;
    }

    const std::size_t m_takes;
    std::atomic<std::chrono::microseconds> m_delay{std::chrono::microseconds(0)};
    mutable std::mutex m_mutex;
    mutable std::condition_variable m_changed;
    std::vector<engine::TokenEvent> m_events;
};

} // namespace tests
