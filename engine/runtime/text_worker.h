#pragma once
// TextWorker: one thread for templates and tokens that nobody waits for. The oldest job is dropped
// when too many wait.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace engine {

class TextWorker {
  public:
    TextWorker() : m_thread([this] { run(); }) {}
    /// Jobs that have not begun never run.
    ~TextWorker() {
        {
            const std::lock_guard lock(m_mutex);
            m_stopping = true;
        }
        m_wake.notify_one();
        m_thread.join();
    }

    void post(std::function<void()> job) {
        {
            const std::lock_guard lock(m_mutex);
            m_jobs.push_back(std::move(job));
            if (m_jobs.size() > kMostJobs)
                m_jobs.pop_front();
        }
        m_wake.notify_one();
    }

  private:
    static constexpr std::size_t kMostJobs = 8;

    void run() {
        std::unique_lock lock(m_mutex);
        for (;;) {
            m_wake.wait(lock, [this] { return m_stopping || !m_jobs.empty(); });
            if (m_stopping)
                return;
            const std::function<void()> job = std::move(m_jobs.front());
            m_jobs.pop_front();
            lock.unlock();
            job();
            lock.lock();
        }
    }

    std::mutex m_mutex; // guards the three below
    std::condition_variable m_wake;
    std::deque<std::function<void()>> m_jobs;
    bool m_stopping = false;
    std::thread m_thread;
};

} // namespace engine
