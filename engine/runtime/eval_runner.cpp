#include "engine/runtime/eval_runner.h"

#include "engine/runtime/activation_choice.h"
#include "engine/runtime/kv_cache.h"

#include <algorithm>
#include <atomic>
#include <random>

namespace engine {

EvalRunner::EvalRunner(std::unique_ptr<Executor> executor, std::uint32_t pageCount,
                       std::uint64_t seed)
    : m_executor(std::move(executor)), m_pageCount(pageCount) {
    reset(seed);
}

Result<std::unique_ptr<EvalRunner>> EvalRunner::create(const ModelConfig& config,
                                                       std::shared_ptr<const TensorSource> source,
                                                       std::unique_ptr<Executor> executor,
                                                       const EvalPlan& plan) {
    constexpr std::uint32_t kSparePages = 3; // stay NaN: nobody may read them
    if (executor == nullptr)
        return Status(Code::InternalError, {{"detail", "no executor to measure"}});
    ExecutorPlan executorPlan;
    executorPlan.formats = plan.formats;
    executorPlan.context = plan.context;
    executorPlan.pageCount =
        1 + kSparePages + pagesFor(plan.totalTokens) + std::max(1U, plan.sequences);
    executorPlan.slotCount = std::max(1U, plan.slotCount);
    executorPlan.maxBatchRows = plan.maxBatchRows;
    Result<MemoryPlan> memory = executor->memoryPlan(config, *source, executorPlan);
    if (!memory)
        return memory.status();
    INGLENOOK_TRY(checkFits(*memory));
    const std::atomic<bool> never{false};
    INGLENOOK_TRY(executor->load(config, std::move(source), executorPlan, {},
                                 plan.stop != nullptr ? *plan.stop : never));
    const Result<ActivationChoice> choice = chooseActivations(
        *executor, executorPlan,
        plan.activationTokens.empty() ? activationTokens(nullptr, config.vocabularySize)
                                      : plan.activationTokens);
    if (!choice)
        return choice.status();
    return std::unique_ptr<EvalRunner>(
        new EvalRunner(std::move(executor), executorPlan.pageCount, plan.seed));
}

void EvalRunner::reset(std::uint64_t seed) {
    m_executor->poison();
    m_free.clear();
    for (PageId page = 1; page < m_pageCount; ++page)
        m_free.push_back(page);
    std::shuffle(m_free.begin(), m_free.end(), std::mt19937_64(seed));
}

void EvalRunner::release(EvalSequence& sequence) {
    m_free.insert(m_free.end(), sequence.pages.begin(), sequence.pages.end());
    sequence.pages.clear();
    sequence.computed = 0;
}

Result<Batch> EvalRunner::makeBatch(std::span<const EvalPart> parts) {
    Batch batch;
    for (const EvalPart& part : parts) {
        EvalSequence& sequence = *part.sequence;
        while (sequence.pages.size() < pagesFor(sequence.computed + part.rows)) {
            if (m_free.empty())
                return Status(Code::InternalError, {{"detail", "measuring ran out of pages"}});
            sequence.pages.push_back(m_free.back());
            m_free.pop_back();
        }
        const auto table = static_cast<std::uint32_t>(batch.tables.size());
        batch.tables.push_back({sequence.pages});
        for (std::uint32_t i = 0; i < part.rows; ++i) {
            const std::uint32_t position = sequence.computed + i;
            const Want want = part.want ? part.want(position) : Want::Nothing;
            batch.rows.push_back({table, sequence.slot, position, sequence.tokens[position], want});
        }
    }
    return batch;
}

Result<std::vector<StageError>> EvalRunner::checkStages(std::span<const EvalPart> parts) {
    Result<Batch> batch = makeBatch(parts);
    return batch ? m_executor->checkStages(std::move(*batch)) : batch.status();
}

Result<BatchResult> EvalRunner::run(std::span<const EvalPart> parts) {
    const Result<Ticket> ticket = start(parts);
    return ticket ? finish(*ticket) : ticket.status();
}

Result<Ticket> EvalRunner::start(std::span<const EvalPart> parts) {
    Result<Batch> batch = makeBatch(parts);
    if (!batch)
        return batch.status();
    Result<Ticket> ticket = m_executor->submit(std::move(*batch));
    if (ticket)
        for (const EvalPart& part : parts)
            part.sequence->computed += part.rows;
    return ticket;
}

Result<BatchResult> EvalRunner::finish(Ticket ticket) {
    BatchResult result = m_executor->collect(ticket);
    if (!result.status.ok())
        return result.status;
    return result;
}

} // namespace engine
