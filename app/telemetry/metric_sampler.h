#pragma once
// MetricSampler: looks at the engine, the host and the GPUs twice a second on a thread of its own,
// and pushes load signals into the engine for its breakers. Works without a window: the API server
// has one too.

#include "app/telemetry/engine_meter.h"
#include "app/telemetry/gpu_watch.h"
#include "app/telemetry/host_probe.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace engine {
class Engine;
}

namespace app {

struct SamplerOptions {
    QString dataDir; ///< on the disk to watch
    QString proc = QStringLiteral("/proc");
    std::chrono::milliseconds period{500};
    std::unique_ptr<NvmlApi> nvml; ///< null: the driver's own
};

class MetricSampler {
  public:
    /// Called on the sampler thread after every look.
    using Observer = std::function<void(const MetricFrame&)>;

    /// `engine` outlives the sampler, or stop() is called before it goes.
    MetricSampler(engine::Engine& engine, SamplerOptions options, Observer observer = {});
    ~MetricSampler(); ///< stop()
    MetricSampler(const MetricSampler&) = delete;
    MetricSampler& operator=(const MetricSampler&) = delete;

    /// The newest look; empty before the first one. Any thread.
    MetricFrame latest() const;
    /// Ends the thread; waits for one look at most. Idempotent.
    void stop();

  private:
    void run();
    MetricFrame look();
    void pushLoad(const MetricFrame& frame);

    engine::Engine& m_engine;
    Observer m_observer;
    std::chrono::milliseconds m_period;
    GpuWatch m_gpus;
    HostProbe m_host;    // sampler thread
    EngineMeter m_meter; // sampler thread
    std::uint64_t m_stepCursor = 0;
    mutable std::mutex m_mutex; // guards what follows
    std::condition_variable m_wake;
    bool m_stopping = false;
    MetricFrame m_latest;
    std::thread m_thread; // last: starts when everything else stands
};

/// Of the busiest device that a model is on, 0 to 1; absent when none of them tells.
std::optional<double> utilizationInUse(const MetricFrame& frame);

} // namespace app
