#include "engine/device/rank_threads.h"

#include <new>

namespace engine {

RankThreads::RankThreads(std::uint32_t ranks) : m_results(ranks) {
    for (std::uint32_t rank = 1; rank < ranks; ++rank)
        m_threads.emplace_back([this, rank] { loop(rank); });
}

RankThreads::~RankThreads() {
    m_stop = true;
    ++m_turn;
    m_turn.notify_all();
    for (std::thread& thread : m_threads)
        thread.join();
}

void RankThreads::work(std::uint32_t rank) {
    try {
        m_results[rank] = (*m_task)(rank);
    } catch (const std::bad_alloc&) {
        m_results[rank] = Status(Code::OutOfMemory, {{"need", "a step"}, {"free", "less"}});
    }
}

void RankThreads::loop(std::uint32_t rank) {
    for (std::uint32_t turn = 0;; ++turn) {
        m_turn.wait(turn); // until the next one begins; turns never overlap
        if (m_stop)
            return;
        work(rank);
        if (m_left.fetch_sub(1) == 1)
            m_left.notify_all();
    }
}

Status RankThreads::run(const std::function<Status(std::uint32_t)>& task) {
    m_task = &task;
    m_left = static_cast<std::uint32_t>(m_threads.size());
    ++m_turn;
    m_turn.notify_all();
    work(0);
    for (std::uint32_t left = m_left; left != 0; left = m_left)
        m_left.wait(left);
    for (const Status& result : m_results)
        INGLENOOK_TRY(result);
    return {};
}

} // namespace engine
