#include "engine/device/cpu_stages.h"

namespace engine {

const char* name(CpuStage stage) {
    static constexpr std::array<const char*, kCpuStageCount> kNames = {
        "embed", "qkv", "attention", "attn_out", "gate_up", "down", "head", "sample"};
    return kNames[static_cast<std::size_t>(stage)];
}

void CpuStageClock::before(CpuStage, std::uint32_t) {
    m_begin = std::chrono::steady_clock::now();
}

void CpuStageClock::after(CpuStage stage, std::uint32_t, const StageCost& cost) {
    const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - m_begin;
    Sum& sum = m_sums[static_cast<std::size_t>(stage)];
    sum.time_ns += time.count();
    sum.cost.bytes += cost.bytes;
    sum.cost.operations += cost.operations;
}

std::vector<StageTiming> CpuStageClock::timings() const {
    std::vector<StageTiming> timings;
    for (std::size_t i = 0; i < kCpuStageCount; ++i)
        timings.push_back({name(static_cast<CpuStage>(i)), m_sums[i].time_ns, m_sums[i].cost.bytes,
                           m_sums[i].cost.operations});
    return timings;
}

} // namespace engine
