#pragma once
// FakeEngine: an engine::Engine that computes nothing. It streams a scripted reasoning and answer
// at a settable rate from one thread of its own, so that tests of app and ui meet the real contract
// (events from a foreign thread, exactly one Finished event a request) without a model.
//
// All methods are thread-safe. Sinks and load observers are called on the fake's thread.

#include "engine/runtime/engine.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tests {

/// What every request answers. Text is cut into tokens of one word each (at most 12 bytes, whole
/// UTF-8 characters).
struct FakeScript {
    std::string reasoning; ///< streamed first, as reasoning; empty = none
    std::string answer = "This is an answer from a scripted engine.";
    double tokensPerSecond = 0;      ///< 0 = as fast as the sink takes them
    std::uint32_t promptTokens = 12; ///< what the prompt is said to have
    std::uint32_t cachedTokens = 0;  ///< ... and not to be computed again
    std::uint32_t droppedTokens = 0; ///< ... and to have lost to the overflow policy
    std::uint32_t droppedMessages = 0;
    std::uint32_t queuePosition = 0;      ///< > 0: says first that so many go before it
    std::chrono::milliseconds prefill{0}; ///< time before the first token
    std::uint32_t failAfterTokens = 0;    ///< > 0: fails with `failure` after so many
    engine::Status failure;               ///< used with failAfterTokens
    bool repeat = false;                  ///< begin the answer again until maxTokens or cancel
    std::function<std::string(const engine::Request&)> answerTo; ///< when set, makes the answer
};

/// How load() behaves.
struct FakeLoad {
    std::uint64_t total_bytes = 1'000'000;
    std::uint32_t steps = 4; ///< progress events
    std::chrono::milliseconds duration{0};
    engine::Status failure; ///< not OK: fails after the last step
    bool needsRoom = false; ///< not beside a model that answers: the request's policy decides
};

class FakeEngine final : public engine::Engine {
  public:
    explicit FakeEngine(FakeScript script = {});
    ~FakeEngine() override;

    // The test's side.
    void setScript(FakeScript script);
    void setLoad(FakeLoad load);
    /// Puts a model into the table without a load; returns its key.
    engine::ModelKey addModel(const std::string& name, bool isReasoner = false);
    /// Every accepted request, oldest first.
    std::vector<engine::Request> submitted() const;
    std::vector<engine::LoadRequest> loads() const;
    std::size_t running() const;
    std::vector<engine::LoadSignal> loadSignals() const;
    engine::KeepingSettings keeping() const;
    /// Prompts given to prewarm(), oldest first.
    std::vector<engine::Request> prewarmed() const;
    /// Not OK: the next submit is refused with it (RateLimited, QueueFull ...), once.
    void refuseNext(engine::Status status);

    // engine::Engine
    engine::LoadId load(engine::LoadRequest request, engine::LoadObserver observer) override;
    void cancelLoad(engine::LoadId id) override;
    void unload(engine::ModelKey model, std::function<void()> done) override;
    void unloadAfterRunning(engine::ModelKey model, std::function<void()> done) override;
    std::vector<std::shared_ptr<const engine::ModelInfo>> models() const override;
    engine::Result<engine::RequestId> submit(engine::Request request,
                                             std::shared_ptr<engine::TokenSink> sink) override;
    void cancel(engine::RequestId id) override;
    void endReasoning(engine::RequestId id) override;
    engine::Result<std::uint32_t> countTokens(const engine::Request& request) const override;
    void setPriority(engine::RequestId id, engine::Priority priority) override;
    engine::Status setAdmission(engine::AdmissionSettings settings) override;
    engine::AdmissionSettings admission() const override;
    void setKeeping(engine::KeepingSettings settings) override;
    void pushLoadSignal(engine::LoadSignal signal) override;
    engine::Status prewarm(engine::Request request) override;
    engine::Snapshot snapshot() const override;

  private:
    using Clock = std::chrono::steady_clock;

    struct Answer {
        engine::RequestId id = 0;
        engine::Request request;
        FakeScript script;
        std::shared_ptr<engine::TokenSink> sink;
        std::vector<std::string> reasoning; // tokens
        std::vector<std::string> answer;    // tokens
        std::size_t next = 0;               // over reasoning, then answer
        std::uint32_t emitted = 0;
        bool queued = false; // and told
        bool started = false;
        bool cancelled = false;
        bool endReasoning = false;
        Clock::time_point submitted;
        Clock::time_point due;
        Clock::time_point firstToken;
        Clock::time_point reasoningEnd;
        engine::RequestTimings timings;
    };
    struct Load {
        engine::LoadId id = 0;
        engine::LoadRequest request;
        engine::LoadObserver observer;
        FakeLoad script;
        std::uint32_t step = 0;
        bool toldInTheWay = false;
        bool cancelled = false;
        Clock::time_point due;
    };

    void run();
    bool advance(Answer& answer, Clock::time_point now); // true when finished
    bool advance(Load& load, Clock::time_point now);
    bool hasRoom(Load& load, engine::LoadEvent& event);
    engine::RequestSnapshot describe(const Answer& answer) const;
    void finish(Answer& answer, engine::FinishReason reason, engine::Status status = {});
    bool emitToken(Answer& answer, Clock::time_point now);
    std::shared_ptr<const engine::ModelInfo> makeModel(const std::filesystem::path& path,
                                                       bool isReasoner);
    Clock::time_point nextDue() const;

    mutable std::mutex m_mutex; // guards everything below
    std::condition_variable m_wake;
    bool m_stopping = false;
    std::uint64_t m_lastId = 0;
    FakeScript m_script;
    FakeLoad m_load;
    std::map<engine::RequestId, std::shared_ptr<Answer>> m_answers;
    std::map<engine::LoadId, std::shared_ptr<Load>> m_loads;
    std::vector<std::function<void()>> m_calls; // for the fake's thread
    std::vector<std::shared_ptr<const engine::ModelInfo>> m_models;
    std::vector<engine::Request> m_submitted;
    std::vector<engine::LoadRequest> m_loadRequests;
    std::vector<engine::LoadSignal> m_signals;
    engine::AdmissionSettings m_admission;
    engine::KeepingSettings m_keeping;
    std::vector<engine::Request> m_prewarmed;
    std::vector<std::function<void()>> m_whenIdle; // models that go when no answer runs
    engine::Status m_refusal;
    engine::Snapshot m_totals;
    std::thread m_thread;
};

/// Cuts text as the fake does; tests count tokens with it.
std::vector<std::string> fakeTokens(const std::string& text);

} // namespace tests
