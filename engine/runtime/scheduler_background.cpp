// What the scheduler computes ahead while nobody asks for anything: beginnings of later prompts.
// It has no slot and samples nothing; every request stops it, and what it has computed by then
// stays in the prefix cache.
#include "engine/runtime/scheduler.h"

#include <algorithm>

namespace engine {

namespace {

constexpr std::size_t kMostPrewarms = 16;
constexpr double kPrewarmStep_s = 0.03; // a request that comes meanwhile waits no longer
constexpr std::uint32_t kLeastPrewarmRows = 8;

} // namespace

void Scheduler::prewarm(std::shared_ptr<Sequence> sequence) {
    m_prewarms.push_back(std::move(sequence));
    if (m_prewarms.size() > kMostPrewarms) {
        pausePrewarm();
        m_prewarms.pop_front();
    }
}

/// Gives the pages of the one that runs to the prefix cache.
void Scheduler::pausePrewarm() {
    if (m_prewarms.empty() || m_prewarms.front()->pages.empty())
        return;
    Sequence& sequence = *m_prewarms.front();
    m_cache.release(sequence.pages);
    sequence.keptPages = 0;
    sequence.computed = 0;
}

void Scheduler::dropPrewarm() {
    pausePrewarm();
    m_prewarms.pop_front();
}

Status Scheduler::stepPrewarm() {
    Sequence& sequence = *m_prewarms.front();
    adoptPages(sequence);
    const auto end = static_cast<std::uint32_t>(sequence.tokens.size()) / kPageTokens * kPageTokens;
    if (sequence.computed >= end) {
        dropPrewarm();
        return {};
    }
    const auto most = static_cast<std::uint32_t>(
        std::clamp(m_computeRate * kPrewarmStep_s, double(kLeastPrewarmRows), double(m_maxRows)));
    const std::uint32_t rows = std::min(end - sequence.computed, most);
    if (!growWritable(sequence, sequence.computed + rows)) {
        dropPrewarm();
        return {};
    }
    Batch batch;
    batch.tables.push_back({sequence.pages});
    for (std::uint32_t i = 0; i < rows; ++i) {
        const std::uint32_t position = sequence.computed + i;
        batch.rows.push_back({0, kNoSlot, position, sequence.tokens[position], Want::Nothing});
    }
    const Result<Ticket> ticket = m_executor->submit(std::move(batch));
    const Status status = ticket ? m_executor->collect(*ticket).status : ticket.status();
    if (!status.ok()) {
        dropPrewarm();
        const Health health = m_executor->health();
        return health.state == HealthState::Dead ? status : Status();
    }
    sequence.computed += rows;
    m_totals.prewarmedTokensTotal += rows;
    keepPages(sequence);
    return {};
}

} // namespace engine
