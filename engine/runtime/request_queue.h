#pragma once
// RequestQueue: the one way into the engine thread. Other threads post what is to be done there
// (join a sequence, cancel, adopt a loaded model); the engine thread takes all of it between steps.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace engine {

using Command = std::function<void()>;

class RequestQueue {
  public:
    /// False once closed: the command will never run.
    bool post(Command command) {
        {
            const std::lock_guard lock(m_mutex);
            if (m_closed)
                return false;
            m_commands.push_back(std::move(command));
        }
        m_wake.notify_one();
        return true;
    }

    /// Everything posted so far, in order; waits for something (or close) when `wait`, but not
    /// beyond `atMost`.
    std::vector<Command> take(bool wait, std::chrono::milliseconds atMost = std::chrono::hours(1)) {
        std::unique_lock lock(m_mutex);
        if (wait)
            m_wake.wait_for(lock, atMost, [this] { return m_closed || !m_commands.empty(); });
        return std::exchange(m_commands, {});
    }

    /// No more commands; the ones already posted still run.
    void close() {
        {
            const std::lock_guard lock(m_mutex);
            m_closed = true;
        }
        m_wake.notify_one();
    }

    bool closed() const {
        const std::lock_guard lock(m_mutex);
        return m_closed;
    }

  private:
    mutable std::mutex m_mutex;
    std::condition_variable m_wake;
    std::vector<Command> m_commands;
    bool m_closed = false;
};

} // namespace engine
