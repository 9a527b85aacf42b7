#pragma once
// WorkQueue: one thread and two queues in front of it. Commits of messages go first; a slow list or
// a clean-up never makes a message wait behind more than itself.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace app {

enum class Urgency { Commit, Normal };

class WorkQueue {
  public:
    using Work = std::function<void()>;

    WorkQueue();
    ~WorkQueue(); ///< stop()
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    /// Any thread. Within one urgency, first come, first served. After stop(): dropped.
    void post(Urgency urgency, Work work);
    /// Runs what is queued, then ends the thread. Idempotent; not from the queue's own thread.
    void stop();

  private:
    void run();

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Work> m_commits;
    std::deque<Work> m_others;
    bool m_stopping = false;
    std::thread m_thread; // last: starts when everything else stands
};

} // namespace app
