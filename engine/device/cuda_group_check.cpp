// What a CudaGroupExecutor says of its GPUs: stages against their slow twins, what they read.
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_stage_check.h"

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
        const Result<Ticket> ticket = submit(std::move(batch));
        for (const auto& rank : m_ranks)
            rank->forward().observe(nullptr);
        if (!ticket.ok())
            return ticket.status();
        const BatchResult result = collect(*ticket);
        if (!result.status.ok())
            return result.status;
        std::vector<StageError> worst;
        for (const auto& check : checks)
            mergeWorst(worst, check->errors());
        return worst;
    } catch (const std::bad_alloc&) {
        for (const auto& rank : m_ranks)
            rank->forward().observe(nullptr);
        return Status(Code::OutOfMemory, {{"need", "the slow twins"}, {"free", "less"}});
    }
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
