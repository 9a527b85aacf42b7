#pragma once
// CpuWorkers: a small pool that computes one phase at a time, cut into chunks.
//
// The calling thread takes part. Chunks are handed out by one atomic counter, so that a core that
// the system takes away delays only the chunk it holds. Between phases of one step workers look for
// work for at most 50 us, then sleep: an idle engine burns nothing. Workers run at nice 5, below
// the GUI.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace engine {

/// Cores this process may run on.
std::uint32_t usableCores();

class CpuWorkers {
  public:
    /// Starts threads - 1 workers; fewer when the system gives no more.
    explicit CpuWorkers(std::uint32_t threads);
    ~CpuWorkers();
    CpuWorkers(const CpuWorkers&) = delete;
    CpuWorkers& operator=(const CpuWorkers&) = delete;

    std::uint32_t threads() const { return static_cast<std::uint32_t>(m_workers.size()) + 1; }

    /// Calls task(chunk, worker) once for each chunk below count, worker < threads(); returns when
    /// all are done. One caller at a time; the task must not throw nor call run().
    template<typename Task>
    void run(std::uint32_t count, const Task& task) {
        runErased(count, &task, [](const void* object, std::uint32_t chunk, std::uint32_t worker) {
            (*static_cast<const Task*>(object))(chunk, worker);
        });
    }

  private:
    using Function = void (*)(const void* object, std::uint32_t chunk, std::uint32_t worker);

    void runErased(std::uint32_t count, const void* object, Function function);
    bool claim(std::uint32_t& chunk);
    void work(std::uint32_t chunk, std::uint32_t worker);
    void workerLoop(std::uint32_t worker);
    bool waitForWork();

    // Chunk count in the upper, next chunk in the lower half: whoever claims a chunk below the
    // count knows that the phase's function is published and stays until the chunk is done.
    std::atomic<std::uint64_t> m_claims{0};
    std::atomic<std::uint32_t> m_remaining{0}; // chunks not done yet
    const void* m_object = nullptr;
    Function m_function = nullptr;

    std::atomic<std::uint32_t> m_wakeups{0}; // sleepers wait for it to change
    std::atomic<std::uint32_t> m_sleepers{0};
    std::atomic<bool> m_stop{false};
    std::vector<std::thread> m_workers;
};

} // namespace engine
