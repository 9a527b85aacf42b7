#include "app/telemetry/metric_sampler.h"

#include "engine/runtime/engine.h"

#include <algorithm>

namespace app {

namespace {

using Clock = std::chrono::steady_clock;

qint64 microseconds(Clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

qint64 wallTime_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace

MetricSampler::MetricSampler(engine::Engine& engine, SamplerOptions options, Observer observer)
    : m_engine(engine),
      m_observer(std::move(observer)),
      m_period(options.period),
      m_gpus(options.nvml ? std::move(options.nvml) : makeNvmlLibrary()),
      m_host(options.proc, options.dataDir),
      m_thread([this] { run(); }) {}

MetricSampler::~MetricSampler() {
    stop();
}

void MetricSampler::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
    }
    m_wake.notify_all();
    if (m_thread.joinable())
        m_thread.join();
}

MetricFrame MetricSampler::latest() const {
    const std::lock_guard lock(m_mutex);
    return m_latest;
}

void MetricSampler::run() {
    auto next = Clock::now();
    for (;;) {
        MetricFrame frame = look();
        pushLoad(frame);
        if (m_observer)
            m_observer(frame);
        std::unique_lock lock(m_mutex);
        m_latest = std::move(frame);
        // After a long sleep of the machine the missed looks are not made up for.
        next = std::max(next + m_period, Clock::now());
        if (m_wake.wait_until(lock, next, [this] { return m_stopping; }))
            return;
    }
}

MetricFrame MetricSampler::look() {
    MetricFrame frame;
    frame.steady_us = microseconds(Clock::now());
    frame.time_ms = wallTime_ms();
    m_host.read(frame.steady_us, frame.machine);
    std::vector<engine::StepPart> steps;
    if (const auto ring = m_engine.steps())
        m_stepCursor = ring->read(m_stepCursor, steps);
    m_meter.read(m_engine.snapshot(), m_engine.models(), steps, frame);
    GpuReading gpus = m_gpus.newest();
    frame.gpus = std::move(gpus.gpus);
    frame.gpuAbsent = gpus.absent;
    return frame;
}

void MetricSampler::pushLoad(const MetricFrame& frame) {
    const std::optional<double> utilization = utilizationInUse(frame);
    if (!utilization)
        return; // an old signal counts as absent
    m_engine.pushLoadSignal({engine::kUtilizationMetric, *utilization * 100,
                             engine::TimePoint(std::chrono::microseconds(frame.steady_us))});
}

/// A card that gives no figures says nothing, and the cores say nothing about it. Other programs
/// may keep a card busy that no model is on: that is no load of ours.
std::optional<double> utilizationInUse(const MetricFrame& frame) {
    const auto isUsed = [&frame](const QString& device) {
        return frame.shares.isEmpty() // nobody tells what is used: then all of them are
               || std::any_of(frame.shares.begin(), frame.shares.end(),
                              [&](const MemoryShare& share) { return share.device == device; });
    };
    std::optional<double> busiest;
    const auto look = [&](const QString& device, std::optional<double> value) {
        if (value && isUsed(device))
            busiest = std::max(busiest.value_or(0), *value);
    };
    for (std::size_t gpu = 0; gpu < frame.gpus.size(); ++gpu)
        look(QStringLiteral("CUDA %1").arg(gpu),
             frame.gpus[gpu].values.get(MetricId::GpuUtilization));
    if (!frame.shares.isEmpty() || frame.gpus.empty())
        look(QStringLiteral("CPU"), frame.machine.get(MetricId::CpuUtilization));
    return busiest;
}

} // namespace app
