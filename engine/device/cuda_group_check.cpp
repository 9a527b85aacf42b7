// What a CudaGroupExecutor says of its GPUs: times of stages, stages against their slow twins, what
// they read.
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_stage_check.h"
#include "engine/device/cuda_status.h"

#include <algorithm>
#include <new>

namespace engine {

/// Every rank's stages against their slow twins on the operands that it had itself; what the ranks
/// add up, against the sum of all slow parts.
Result<std::vector<StageError>> CudaGroupExecutor::checkStages(Batch batch) {
    INGLENOOK_TRY(mayRun(batch));
    try {
        const auto count = static_cast<std::uint32_t>(m_ranks.size());
        CudaStageSums sums(count);
        std::vector<std::unique_ptr<CpuWorkers>> workers;
        std::vector<std::unique_ptr<CudaStageCheck>> checks;
        struct Watch { // nobody is watched when the checks are gone
            CudaGroupExecutor& group;
            ~Watch() {
                group.m_stageSums = nullptr;
                for (const auto& rank : group.m_ranks)
                    rank->forward().observe(nullptr);
            }
        } const watch{*this};
        for (const auto& rank : m_ranks) {
            INGLENOOK_TRY(note(rank->use()));
            workers.push_back(std::make_unique<CpuWorkers>(std::max(1U, usableCores() / count)));
            checks.push_back(std::make_unique<CudaStageCheck>(
                rank->config(), m_formats, rank->weights(), rank->kv(), rank->forward(),
                *workers.back(), rank->name(), &sums));
            INGLENOOK_TRY(
                note(checks.back()->prepare(batch, rank->slots().lastTokens(), rank->stream())));
        }
        for (std::uint32_t i = 0; i < count; ++i)
            m_ranks[i]->forward().observe(checks[i].get());
        m_stageSums = &sums;
        const Result<Ticket> ticket = submit(std::move(batch));
        INGLENOOK_TRY(ticket.status());
        INGLENOOK_TRY(collect(*ticket).status);
        std::vector<StageError> worst;
        for (const auto& check : checks)
            mergeWorst(worst, check->errors());
        return worst;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "the slow twins"}, {"free", "less"}});
    }
}

Status CudaGroupExecutor::takeTimes(const CudaInFlight& flight) {
    for (std::size_t i = 0; i < m_clocks.size(); ++i) {
        INGLENOOK_TRY(m_ranks[i]->use());
        INGLENOOK_CUDA_TRY(m_clocks[i]->take(flight.staging, flight.batch, flight.described.step),
                           m_ranks[i]->name());
    }
    return {};
}

Status CudaGroupExecutor::timeStages(bool on) {
    for (const auto& rank : m_ranks)
        INGLENOOK_TRY(note(rank->use()));
    try {
        m_timings = on ? std::vector<StageTiming>() : stageTimings();
        m_clocks.clear();
        for (std::size_t i = 0; on && i < m_ranks.size(); ++i)
            m_clocks.push_back(std::make_unique<CudaStageClock>(
                m_ranks[i]->config(), m_ranks[i]->weights(), m_ranks[i]->kv()));
        return {};
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a clock"}, {"free", "less"}});
    }
}

std::vector<StageTiming> CudaGroupExecutor::stageTimings() const {
    if (m_clocks.empty())
        return m_timings;
    std::vector<StageTiming> all = m_clocks.front()->timings();
    for (std::size_t i = 1; i < m_clocks.size(); ++i) {
        const std::vector<StageTiming> part = m_clocks[i]->timings();
        for (std::size_t stage = 0; stage < all.size(); ++stage) {
            all[stage].time_ns += isByLayers() ? part[stage].time_ns : 0;
            all[stage].bytes += part[stage].bytes;
            all[stage].operations += part[stage].operations;
        }
    }
    return all;
}

double CudaGroupExecutor::measureReadBandwidth() {
    std::vector<double> rates(m_ranks.size());
    const Status measured = note(m_threads.run([&](std::uint32_t index) {
        CudaRank& rank = *m_ranks[index];
        INGLENOOK_TRY(rank.use());
        rates[index] = measureCudaRead(rank.limits(), rank.name(), rank.stream());
        return Status();
    }));
    double sum = 0;
    for (const double rate : rates)
        sum += rate;
    return measured.ok() ? sum : 0;
}
} // namespace engine
