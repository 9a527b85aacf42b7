#pragma once
// RecordedEngine: a real engine whose requests can be changed before they go in, and whose events
// are kept beside what they are handed on to: what came out, to compare with what a program made of
// it. A pace makes it slow enough that what runs at once can be seen at once. Thread-safe like what
// it wraps.

#include "engine/runtime/engine.h"
#include "tests/support/recording_sink.h"

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tests {

class RecordedEngine final : public engine::Engine {
  public:
    using Change = std::function<void(engine::Request&)>;

    /// One accepted request and all that came of it.
    struct Run {
        engine::Request request;
        std::shared_ptr<RecordingSink> heard;
    };

    /// `pace`: how long each event holds the engine's thread.
    explicit RecordedEngine(std::unique_ptr<engine::Engine> inner, Change change = {},
                            std::chrono::microseconds pace = {})
        : m_inner(std::move(inner)), m_change(std::move(change)), m_pace(pace) {}

    /// Oldest first.
    std::vector<Run> runs() const {
        const std::lock_guard lock(m_mutex);
        return m_runs;
    }

    engine::Result<engine::RequestId> submit(engine::Request request,
                                             std::shared_ptr<engine::TokenSink> sink) override {
        if (m_change)
            m_change(request);
        Run run{request, std::make_shared<RecordingSink>()};
        auto both = std::make_shared<Both>(run.heard, std::move(sink), m_pace);
        auto id = m_inner->submit(std::move(request), std::move(both));
        if (id.ok()) {
            const std::lock_guard lock(m_mutex);
            m_runs.push_back(std::move(run));
        }
        return id;
    }

    engine::LoadId load(engine::LoadRequest request, engine::LoadObserver observer) override {
        return m_inner->load(std::move(request), std::move(observer));
    }
    void cancelLoad(engine::LoadId id) override { m_inner->cancelLoad(id); }
    void unload(engine::ModelKey model, std::function<void()> done) override {
        m_inner->unload(std::move(model), std::move(done));
    }
    void unloadAfterRunning(engine::ModelKey model, std::function<void()> done) override {
        m_inner->unloadAfterRunning(std::move(model), std::move(done));
    }
    void setKeeping(engine::KeepingSettings settings) override { m_inner->setKeeping(settings); }
    std::vector<std::shared_ptr<const engine::ModelInfo>> models() const override {
        return m_inner->models();
    }
    void cancel(engine::RequestId id) override { m_inner->cancel(id); }
    void endReasoning(engine::RequestId id) override { m_inner->endReasoning(id); }
    void setPriority(engine::RequestId id, engine::Priority priority) override {
        m_inner->setPriority(id, priority);
    }
    engine::Result<std::uint32_t> countTokens(const engine::Request& request) const override {
        return m_inner->countTokens(request);
    }
    engine::Status setAdmission(engine::AdmissionSettings settings) override {
        return m_inner->setAdmission(std::move(settings));
    }
    engine::AdmissionSettings admission() const override { return m_inner->admission(); }
    void pushLoadSignal(engine::LoadSignal signal) override {
        m_inner->pushLoadSignal(std::move(signal));
    }
    engine::Status prewarm(engine::Request request) override {
        return m_inner->prewarm(std::move(request));
    }
    engine::Snapshot snapshot() const override { return m_inner->snapshot(); }
    std::shared_ptr<const engine::StepRing> steps() const override { return m_inner->steps(); }

  private:
    class Both final : public engine::TokenSink {
      public:
        Both(std::shared_ptr<TokenSink> first, std::shared_ptr<TokenSink> second,
             std::chrono::microseconds pace)
            : m_first(std::move(first)), m_second(std::move(second)), m_pace(pace) {}
        bool push(engine::TokenEvent event) noexcept override {
            if (m_pace.count() > 0)
                std::this_thread::sleep_for(m_pace);
            m_first->push(event);
            return m_second->push(std::move(event));
        }

      private:
        std::shared_ptr<TokenSink> m_first;
        std::shared_ptr<TokenSink> m_second;
        std::chrono::microseconds m_pace;
    };

    std::unique_ptr<engine::Engine> m_inner;
    Change m_change;
    std::chrono::microseconds m_pace;
    mutable std::mutex m_mutex;
    std::vector<Run> m_runs;
};

} // namespace tests
