#pragma once
// SseSink: where the engine leaves the events of one answer for the API's I/O thread. A client that
// does not read leaves them here; more than 1 MiB of them ends the answer.

#include "engine/runtime/request.h"

#include <functional>
#include <mutex>
#include <vector>

namespace app {

class SseSink final : public engine::TokenSink {
  public:
    static constexpr std::size_t kMostHeld_bytes = 1 << 20;

    /// `wake` runs on the engine thread when something came and nothing was there: it posts to the
    /// I/O thread.
    explicit SseSink(std::function<void()> wake) : m_wake(std::move(wake)) {}

    bool push(engine::TokenEvent event) noexcept override;

    // The I/O thread's side.
    /// The client has gone: whatever comes is refused.
    void refuse();
    std::vector<engine::TokenEvent> take();
    /// The client read too slowly, and the answer was ended for it.
    bool overflowed() const;

  private:
    std::function<void()> m_wake;
    mutable std::mutex m_mutex; // guards what follows
    std::vector<engine::TokenEvent> m_events;
    std::size_t m_held_bytes = 0;
    bool m_refusing = false;
    bool m_overflowed = false;
};

} // namespace app
