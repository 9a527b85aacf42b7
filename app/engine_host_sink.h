#pragma once
// HostSink and HostWaker: where the engine's threads leave text for the GUI thread, and the one
// queued wake-up that tells it so. Parts of EngineHost.

#include "app/engine_host.h"

#include <atomic>
#include <mutex>

namespace app {

/// Outlives the host: a late event finds it silent. Any thread.
class HostWaker {
  public:
    explicit HostWaker(EngineHost* host) : m_host(host) {}

    /// One queued call of the host, however often it is asked for before it runs.
    void wake();
    /// The host has come: the next wake() posts again.
    void arrived() { m_pending = false; }
    /// Runs `call` on the host's thread.
    void post(std::function<void()> call);
    /// From here on nothing is posted.
    void silence();

  private:
    std::mutex m_mutex;
    EngineHost* m_host; // null once silent
    std::atomic<bool> m_pending = false;
};

/// Gathers one reply's events between two frames. push() on the engine thread, take() on the GUI's.
class HostSink final : public engine::TokenSink {
  public:
    explicit HostSink(std::shared_ptr<HostWaker> waker) : m_waker(std::move(waker)) {}

    bool push(engine::TokenEvent event) noexcept override;
    /// The reply was cancelled: whatever comes is refused, but for its end.
    void refuse() { m_refusing = true; }
    /// Moves out what is there; false when nothing came since the last time.
    bool take(ReplyUpdate& update);

  private:
    bool store(engine::TokenEvent event);

    std::shared_ptr<HostWaker> m_waker;
    std::atomic<bool> m_refusing = false;
    std::mutex m_mutex; // guards what follows
    std::string m_reasoning;
    std::string m_text;
    ReplyUpdate m_state;
    bool m_changed = false;
    bool m_overflowed = false;
};

/// The newest event of a load; the last one is never replaced.
struct LoadBox {
    std::mutex mutex;
    engine::LoadId id = 0; // GUI thread
    engine::LoadEvent newest;
    bool changed = false;
    bool ended = false;
};

} // namespace app
