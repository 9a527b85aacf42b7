#pragma once
// RankThreads: one thread a GPU. A piece of work is done by all of them at once, each for its own
// rank; the caller is the thread of rank 0 and goes on when all are done. Between two pieces the
// threads sleep.

#include "engine/status.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace engine {

class RankThreads {
  public:
    explicit RankThreads(std::uint32_t ranks);
    ~RankThreads();
    RankThreads(const RankThreads&) = delete;
    RankThreads& operator=(const RankThreads&) = delete;

    /// Calls task(rank) once for every rank; the first failure in the order of the ranks. One
    /// caller at a time. The task must not throw; bad_alloc becomes OutOfMemory.
    Status run(const std::function<Status(std::uint32_t rank)>& task);
    /// What a rank's part of the last piece of work ended with.
    const Status& result(std::uint32_t rank) const { return m_results[rank]; }

  private:
    void loop(std::uint32_t rank);
    void work(std::uint32_t rank);

    std::atomic<std::uint32_t> m_turn{0};
    std::atomic<std::uint32_t> m_left{0};
    std::atomic<bool> m_stop{false};
    const std::function<Status(std::uint32_t)>* m_task = nullptr;
    std::vector<Status> m_results; // [ranks]
    std::vector<std::thread> m_threads;
};

} // namespace engine
