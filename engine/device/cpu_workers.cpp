#include "engine/device/cpu_workers.h"

#include <chrono>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace engine {

namespace {

constexpr std::chrono::microseconds kSpin{50};
constexpr int kWorkerNice = 5;

void pauseCore() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// Looks at `ready` for at most 50 us without giving up the core.
template<typename Ready>
bool spinUntil(const Ready& ready) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 64; ++i) {
            if (ready())
                return true;
            pauseCore();
        }
    } while (std::chrono::steady_clock::now() < end);
    return ready();
}

} // namespace

std::uint32_t usableCores() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return static_cast<std::uint32_t>(CPU_COUNT(&set));
    const unsigned cores = std::thread::hardware_concurrency();
    return cores > 0 ? cores : 1;
}

CpuWorkers::CpuWorkers(std::uint32_t threads) {
    try {
        for (std::uint32_t i = 1; i < threads; ++i)
            m_workers.emplace_back([this, i] { workerLoop(i); });
    } catch (const std::system_error&) {
        // A process that may not start more threads computes with those it has.
    }
}

CpuWorkers::~CpuWorkers() {
    m_stop = true;
    ++m_wakeups;
    m_wakeups.notify_all();
    for (std::thread& worker : m_workers)
        worker.join();
}

void CpuWorkers::runErased(std::uint32_t count, const void* object, Function function) {
    if (count == 1 || m_workers.empty()) {
        for (std::uint32_t chunk = 0; chunk < count; ++chunk)
            function(object, chunk, 0);
        return;
    }
    if (count == 0)
        return;
    m_object = object;
    m_function = function;
    m_remaining = count;
    m_claims = std::uint64_t{count} << 32;
    if (m_sleepers != 0) {
        ++m_wakeups;
        m_wakeups.notify_all();
    }
    for (std::uint32_t chunk = 0; claim(chunk);)
        work(chunk, 0);
    spinUntil([this] { return m_remaining == 0; });
    for (std::uint32_t left = m_remaining; left != 0; left = m_remaining)
        m_remaining.wait(left);
}

bool CpuWorkers::claim(std::uint32_t& chunk) {
    const auto open = [](std::uint64_t claims) {
        return static_cast<std::uint32_t>(claims) < static_cast<std::uint32_t>(claims >> 32);
    };
    // Looked at before it is counted up, so that idle workers do not run the counter over.
    if (!open(m_claims.load(std::memory_order_relaxed)))
        return false;
    const std::uint64_t claims = m_claims.fetch_add(1);
    chunk = static_cast<std::uint32_t>(claims);
    return open(claims);
}

void CpuWorkers::work(std::uint32_t chunk, std::uint32_t worker) {
    m_function(m_object, chunk, worker);
    if (--m_remaining == 0)
        m_remaining.notify_one();
}

void CpuWorkers::workerLoop(std::uint32_t worker) {
    // On Linux a thread has its own nice value. Refusal changes nothing but politeness.
    (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kWorkerNice);
    while (waitForWork()) {
        for (std::uint32_t chunk = 0; claim(chunk);)
            work(chunk, worker);
    }
}

bool CpuWorkers::waitForWork() {
    const auto ready = [this] {
        const std::uint64_t claims = m_claims.load(std::memory_order_relaxed);
        return static_cast<std::uint32_t>(claims) < static_cast<std::uint32_t>(claims >> 32) ||
               m_stop.load(std::memory_order_relaxed);
    };
    while (!spinUntil(ready)) {
        const std::uint32_t seen = m_wakeups;
        ++m_sleepers;
        // Published before this count was seen? Then there is work and no sleep.
        if (!ready())
            m_wakeups.wait(seen);
        --m_sleepers;
    }
    return !m_stop;
}

} // namespace engine
