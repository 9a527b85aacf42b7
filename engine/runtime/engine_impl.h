#pragma once
// EngineImpl: the engine's threads and what they share. The engine thread owns every model; others
// reach it through the request queue and read what it publishes.

#include "engine/runtime/admission.h"
#include "engine/runtime/latency_stats.h"
#include "engine/runtime/loader.h"
#include "engine/runtime/model_table.h"
#include "engine/runtime/request_queue.h"
#include "engine/runtime/text_worker.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace engine {

class EngineImpl final : public Engine {
  public:
    explicit EngineImpl(EngineParts parts, AdmissionSettings admission = {},
                        TimeSource time = steadyTime());
    ~EngineImpl() override;

    LoadId load(LoadRequest request, LoadObserver observer) override;
    void cancelLoad(LoadId id) override;
    void unload(ModelKey model, std::function<void()> done) override;
    void unloadAfterRunning(ModelKey model, std::function<void()> done) override;
    std::vector<std::shared_ptr<const ModelInfo>> models() const override;
    Result<RequestId> submit(Request request, std::shared_ptr<TokenSink> sink) override;
    void cancel(RequestId id) override;
    void endReasoning(RequestId id) override;
    Result<std::uint32_t> countTokens(const Request& request) const override;
    Status prewarm(Request request) override;
    void setPriority(RequestId id, Priority priority) override;
    Status setAdmission(AdmissionSettings settings) override;
    AdmissionSettings admission() const override;
    void setKeeping(KeepingSettings settings) override;
    void pushLoadSignal(LoadSignal signal) override;
    Snapshot snapshot() const override;
    std::shared_ptr<const StepRing> steps() const override { return m_steps; }

  private:
    // Any thread.
    std::shared_ptr<const ModelInfo> findModel(const ModelKey& key) const;
    std::shared_ptr<const ModelInfo> findPublished(const ModelKey& key) const;
    /// A model that a request has found, until it has joined there or failed before.
    struct Arrival {
        std::shared_ptr<const ModelInfo> model; // null: there is none
        std::shared_ptr<void> stay;             // copied along with the request
    };
    Arrival arrive(const ModelKey& key);
    Arrival arriveLocked(const ModelKey& key);
    bool isArriving(const ModelInfo* model) const;
    std::shared_ptr<const ModelInfo> findKnown(const ModelKey& key) const;
    KeepingSettings keeping() const;
    std::shared_ptr<const ModelInfo> withdraw(const ModelKey& key);
    void publish(const std::shared_ptr<const ModelInfo>& info);
    void unpublish(const ModelInfo* info);

    // Loader thread.
    void adopt(LoadedModel loaded);
    RoomAnswer makeRoom(SwitchPolicy policy);

    // Requests that wait for a model to come (engine_switch.cpp). Any thread.
    struct Parked {
        RequestId id = 0;
        Request request;
        std::shared_ptr<TokenSink> sink;
    };
    struct Sleeping {
        std::shared_ptr<const ModelInfo> info;
        LoadRequest request;
    };
    struct Waking {
        LoadId load = 0;
        Sleeping sleeping;
    };
    Result<RequestId> submitTo(const Arrival& arrival, RequestId id, Request request,
                               std::shared_ptr<TokenSink> sink);
    Result<RequestId> park(Request request, std::shared_ptr<TokenSink> sink);
    bool isWaking(const ModelKey& key) const;
    std::optional<Waking> wake(const ModelKey& key);
    bool cancelParked(RequestId id);
    std::vector<Parked> unpark(LoadId load, bool loaded);
    void submitParked(LoadId load, const Status& loadStatus);
    void finishParked(RequestId id, std::shared_ptr<TokenSink> sink, FinishReason reason,
                      Status status);

    // Engine thread.
    RoomAnswer giveWay(SwitchPolicy policy);
    void keepFewModels(const ModelInfo& newest);
    void sleepIdleModels();
    void run();
    void join(const std::shared_ptr<Sequence>& sequence);
    void retire(const ModelInfo* info, std::function<void()> done);
    void holdStep();
    void stepModels();
    void prewarmNextTurn(Sequence& answered);
    void removeRetired();
    void publishSnapshot();

    const std::shared_ptr<StepRing> m_steps = std::make_shared<StepRing>();
    const TimeSource m_time;
    const EngineOptions m_options;
    LatencyStats m_latencies;
    mutable Admission m_admission; // thread-safe
    RequestQueue m_queue;
    std::atomic<std::uint64_t> m_lastId{0};
    mutable std::mutex m_mutex; // guards the ones up to m_waking; locked before the queue's
    KeepingSettings m_keeping;
    std::vector<std::shared_ptr<const ModelInfo>> m_published; // newest last
    std::vector<const ModelInfo*> m_arriving;                  // one for each request
    Snapshot m_snapshot;
    std::vector<Parked> m_parked;        // wait for a load
    std::vector<RequestId> m_submitting; // waited, and are on their way to a model
    std::uint32_t m_switches = 0;        // models that gave way to the load that runs
    std::vector<Sleeping> m_sleeping;    // unloaded when idle, come back on demand; oldest first
    std::vector<Waking> m_waking;        // of them, those whose load runs or is to come
    // Engine thread only.
    ModelTable m_table;
    Snapshot m_totals; // counters
    TimePoint m_publishedAt;
    std::uint32_t m_round = 0;
    TextWorker m_worker;
    std::thread m_thread;
    std::unique_ptr<Loader> m_loader; // last: gone before anything it calls
};

} // namespace engine
