#pragma once
// What the programs share that drive the whole engine on a GPU, without Qt.

#include "engine/runtime/engine.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace tests {

/// Keeps an answer's tokens and the bits of their log-probabilities.
class Recorder final : public engine::TokenSink {
  public:
    bool push(engine::TokenEvent event) noexcept override {
        const std::lock_guard lock(m_mutex);
        if (event.token != engine::kNoToken) {
            m_tokens.push_back(event.token);
            m_logprobs.push_back(event.logprob);
            m_margins.push_back(event.topLogprobs.size() < 2
                                    ? 0
                                    : event.topLogprobs[0].logprob - event.topLogprobs[1].logprob);
        }
        if (event.kind == engine::EventKind::Finished) {
            m_end = std::move(event);
            m_ended = true;
            m_changed.notify_all();
        }
        return true;
    }
    engine::TokenEvent wait() {
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, std::chrono::seconds(60), [this] { return m_ended; });
        return m_end;
    }
    // Once ended:
    const std::vector<engine::TokenId>& tokens() const { return m_tokens; }
    const std::vector<float>& logprobs() const { return m_logprobs; }
    /// Best minus second best log-probability of each, where two were asked for.
    const std::vector<float>& margins() const { return m_margins; }

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<engine::TokenId> m_tokens;
    std::vector<float> m_logprobs;
    std::vector<float> m_margins;
    engine::TokenEvent m_end;
    bool m_ended = false;
};

} // namespace tests
