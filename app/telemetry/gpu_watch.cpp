#include "app/telemetry/gpu_watch.h"

#include <condition_variable>
#include <mutex>
#include <QCoreApplication>
#include <thread>

namespace app {

namespace {

using Clock = std::chrono::steady_clock;

struct Gpu {
    Q_DECLARE_TR_FUNCTIONS(app::Gpu)
};

} // namespace

/// What the thread and its owner share; the thread keeps it alive for as long as the driver takes.
struct GpuWatch::Shared {
    Shared(std::unique_ptr<NvmlApi> api, Options chosen)
        : probe(std::move(api), static_cast<quint32>(QCoreApplication::applicationPid())),
          options(chosen) {}

    GpuProbe probe; // the thread's alone
    const Options options;
    mutable std::mutex mutex; // guards what follows
    std::condition_variable changed;
    GpuReading reading;
    bool hasReading = false;
    Clock::time_point asked = Clock::now(); // when the reading under way, or the last, began
    bool isAsking = false;
    bool stopping = false;
    bool ended = false;
};

GpuWatch::GpuWatch(std::unique_ptr<NvmlApi> api) : GpuWatch(std::move(api), Options()) {}

GpuWatch::GpuWatch(std::unique_ptr<NvmlApi> api, Options options)
    : m_shared(std::make_shared<Shared>(std::move(api), options)) {
    std::thread([shared = m_shared] { run(shared); }).detach();
}

GpuWatch::~GpuWatch() {
    std::unique_lock lock(m_shared->mutex);
    m_shared->stopping = true;
    m_shared->changed.notify_all();
    m_shared->changed.wait_for(lock, m_shared->options.patience,
                               [this] { return m_shared->ended; });
}

void GpuWatch::run(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    while (!shared->stopping) {
        const auto begin = Clock::now();
        shared->asked = begin;
        shared->isAsking = true;
        lock.unlock();
        GpuReading reading = shared->probe.read(
            std::chrono::duration_cast<std::chrono::microseconds>(begin.time_since_epoch())
                .count());
        lock.lock();
        shared->isAsking = false;
        shared->hasReading = true;
        shared->reading = std::move(reading);
        // Without a driver there is nothing to ask for twice a second.
        const auto pause =
            shared->reading.absent.isEmpty() ? shared->options.period : 20 * shared->options.period;
        shared->changed.wait_until(lock, begin + pause, [&] { return shared->stopping; });
    }
    shared->ended = true;
    shared->changed.notify_all();
}

GpuReading GpuWatch::newest() const {
    const std::lock_guard lock(m_shared->mutex);
    if (m_shared->isAsking && Clock::now() - m_shared->asked > m_shared->options.limit)
        return withoutFigures(m_shared->reading.gpus,
                              Gpu::tr("The NVIDIA driver has stopped answering."));
    if (!m_shared->hasReading)
        return {{}, Gpu::tr("The NVIDIA driver has not answered yet.")};
    const GpuReading& reading = m_shared->reading;
    // It may be an older reading, and the language another since.
    return reading.absent.isEmpty() ? reading
                                    : withoutFigures(reading.gpus, nvmlSentence(reading.status));
}

} // namespace app
