#pragma once
// EngineMeter: turns the engine's counters into figures: rates between two looks, percentiles and
// shares over sliding windows, events where the state changed. Sampler thread; no clock of its own.

#include "app/telemetry/metric_frame.h"
#include "app/telemetry/sliding_window.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/snapshot.h"
#include "engine/stats/step_ring.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace app {

using ResidentModels = std::vector<std::shared_ptr<const engine::ModelInfo>>;

class EngineMeter {
  public:
    /// Fills the engine's part of `frame`, whose times are set already.
    void read(const engine::Snapshot& snapshot, const ResidentModels& models,
              const std::vector<engine::StepPart>& steps, MetricFrame& frame);

  private:
    struct Latencies { // all priorities together
        engine::LatencyHistogram queueWait, ttft, itl, endToEnd;
    };
    struct Tokens {
        std::uint64_t computed = 0;
        std::uint64_t cached = 0;
    };
    struct Ends {
        std::uint64_t finished = 0;
        std::uint64_t failed = 0;
    };

    void readCounters(const engine::Snapshot& snapshot, MetricFrame& frame);
    void readRates(const engine::Snapshot& snapshot, MetricFrame& frame);
    void readLatencies(const engine::Snapshot& snapshot, MetricFrame& frame);
    void readPages(const engine::Snapshot& snapshot, const ResidentModels& models,
                   MetricFrame& frame);
    void readWorkspace(const engine::Snapshot& snapshot, const std::vector<engine::StepPart>& steps,
                       MetricFrame& frame);
    void readEvents(const engine::Snapshot& snapshot, const ResidentModels& models,
                    MetricFrame& frame);

    static constexpr std::int64_t kSecond_us = 1'000'000;
    bool m_hasLast = false;
    engine::Snapshot m_last; // without its lists
    qint64 m_last_us = 0;
    SlidingWindow<Latencies> m_latencies{30 * kSecond_us, 3 * kSecond_us};
    SlidingWindow<Tokens> m_tokens{60 * kSecond_us, kSecond_us};
    SlidingWindow<Ends> m_ends{300 * kSecond_us, 5 * kSecond_us};
    std::deque<std::pair<qint64, std::uint32_t>> m_peaks; // most rows of a step, by second
    QStringList m_models;                                 // loaded at the look before
    QStringList m_open;                                   // breakers open then
    std::map<std::string, std::size_t> m_lost;            // replicas told of, by model
};

} // namespace app
