#include "app/history/work_queue.h"

namespace app {

WorkQueue::WorkQueue() : m_thread([this] { run(); }) {}

WorkQueue::~WorkQueue() {
    stop();
}

void WorkQueue::post(Urgency urgency, Work work) {
    {
        const std::lock_guard lock(m_mutex);
        if (m_stopping)
            return;
        (urgency == Urgency::Commit ? m_commits : m_others).push_back(std::move(work));
    }
    m_wake.notify_one();
}

void WorkQueue::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
    }
    m_wake.notify_one();
    if (m_thread.joinable())
        m_thread.join();
}

void WorkQueue::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_wake.wait(lock, [this] { return m_stopping || !m_commits.empty() || !m_others.empty(); });
        std::deque<Work>& queue = m_commits.empty() ? m_others : m_commits;
        if (queue.empty())
            return; // stopping, and nothing is left
        Work work = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        work();
        work = nullptr; // what it captured dies outside the lock
        lock.lock();
    }
}

} // namespace app
