#pragma once
// EngineImpl: the engine's threads and what they share. The engine thread owns every model; others
// reach it through the request queue and read what it publishes.

#include "engine/runtime/admission.h"
#include "engine/runtime/latency_stats.h"
#include "engine/runtime/loader.h"
#include "engine/runtime/model_table.h"
#include "engine/runtime/request_queue.h"

#include <atomic>
#include <mutex>
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
    std::vector<std::shared_ptr<const ModelInfo>> models() const override;
    Result<RequestId> submit(Request request, std::shared_ptr<TokenSink> sink) override;
    void cancel(RequestId id) override;
    void endReasoning(RequestId id) override;
    Result<std::uint32_t> countTokens(const Request& request) const override;
    void setPriority(RequestId id, Priority priority) override;
    Status setAdmission(AdmissionSettings settings) override;
    AdmissionSettings admission() const override;
    void pushLoadSignal(LoadSignal signal) override;
    Snapshot snapshot() const override;
    std::shared_ptr<const StepRing> steps() const override { return m_steps; }

  private:
    // Any thread.
    std::shared_ptr<const ModelInfo> findModel(const ModelKey& key) const;
    void publish(const std::shared_ptr<const ModelInfo>& info);
    void unpublish(const ModelInfo* info);

    // Loader thread.
    void adopt(LoadedModel loaded);
    std::optional<LoadRequest> makeRoom();

    // Engine thread.
    void run();
    void join(const std::shared_ptr<Sequence>& sequence);
    void retire(const ModelInfo* info, std::function<void()> done);
    void stepModels();
    void removeRetired();
    void publishSnapshot();

    const std::shared_ptr<StepRing> m_steps = std::make_shared<StepRing>();
    const TimeSource m_time;
    LatencyStats m_latencies;
    mutable Admission m_admission; // thread-safe
    RequestQueue m_queue;
    std::atomic<std::uint64_t> m_lastId{0};
    mutable std::mutex m_mutex;                                // guards the two below
    std::vector<std::shared_ptr<const ModelInfo>> m_published; // newest last
    Snapshot m_snapshot;
    ModelTable m_table; // engine thread only
    Snapshot m_totals;  // engine thread only: counters
    TimePoint m_publishedAt;
    std::thread m_thread;
    std::unique_ptr<Loader> m_loader; // last: gone before anything it calls
};

} // namespace engine
