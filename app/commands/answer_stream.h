#pragma once
// AnswerStream: a TokenSink that the command's own thread reads from. The engine thread never waits
// for a pipe: what is not printed yet is held, and more than 1 MiB of it cancels the request.

#include "engine/runtime/request.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace app {

class AnswerStream final : public engine::TokenSink {
  public:
    bool push(engine::TokenEvent event) noexcept override;
    /// Events since the last call; waits at most `limit` for one.
    std::vector<engine::TokenEvent> take(std::chrono::milliseconds limit);

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<engine::TokenEvent> m_events;
    std::size_t m_heldBytes = 0;
};

} // namespace app
