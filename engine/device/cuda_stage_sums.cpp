#include "engine/device/cuda_stage_sums.h"

#include <chrono>

namespace engine {

bool CudaStageSums::add(std::vector<float>& values) {
    constexpr std::chrono::seconds kPatience{30};
    std::unique_lock lock(m_mutex);
    const std::uint64_t turn = m_turn;
    if (m_arrived == 0)
        m_parts.assign(values.size(), 0);
    if (m_gaveUp || m_parts.size() != values.size())
        return false;
    for (std::size_t i = 0; i < values.size(); ++i)
        m_parts[i] += static_cast<double>(values[i]);
    if (++m_arrived == m_ranks) {
        m_sum.assign(m_parts.begin(), m_parts.end());
        m_arrived = 0;
        ++m_turn;
        m_changed.notify_all();
    } else if (!m_changed.wait_for(lock, kPatience, [&] { return m_turn != turn || m_gaveUp; }) ||
               m_turn == turn) {
        return false;
    }
    values = m_sum;
    return true;
}

void CudaStageSums::giveUp() {
    const std::lock_guard lock(m_mutex);
    m_gaveUp = true;
    m_changed.notify_all();
}

} // namespace engine
