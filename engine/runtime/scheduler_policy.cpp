// What the scheduler computes next: who joins, who shares a batch, how long a chunk may be.
#include "engine/runtime/scheduler.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>
#include <bit>

namespace engine {

namespace {

// How long a step with prompt rows may take [s]: alone, and beside answers that wait for it.
constexpr double kAloneStep_s = 0.4;
constexpr double kSharedStep_s = 0.1;
constexpr std::uint32_t kFirstChunkRows = 64; // before the device's rate is known
constexpr std::uint32_t kLeastChunkRows = 32;

} // namespace

void Scheduler::joinWaiting() {
    while (!m_waiting.empty() && !m_freeSlots.empty()) {
        const std::shared_ptr<Sequence> next = m_waiting.front();
        if (!m_running.empty() && pagesWanted(*next) > m_cache.freePages())
            break;
        m_waiting.pop_front();
        if (join(*next))
            m_running.push_back(next);
    }
    tellQueuePositions();
}

void Scheduler::tellQueuePositions() {
    for (std::size_t i = 0; i < m_waiting.size(); ++i)
        sendQueued(*m_waiting[i], static_cast<std::uint32_t>(i));
}

/// All sequences that may share a batch, or one reproducible request alone, in turn.
std::vector<Sequence*> Scheduler::chooseGroup() {
    std::vector<Sequence*> shared;
    Sequence* alone = nullptr;
    for (const auto& sequence : m_running) {
        if (!sequence->request.reproducible)
            shared.push_back(sequence.get());
        else if (alone == nullptr)
            alone = sequence.get();
    }
    if (alone == nullptr)
        return shared;
    m_sharedTurn = !m_sharedTurn;
    return m_sharedTurn && !shared.empty() ? shared : std::vector<Sequence*>{alone};
}

std::uint32_t Scheduler::chunkRows(bool besideAnswers) const {
    if (m_prefillRate <= 0)
        return std::min(kFirstChunkRows, m_maxRows);
    const double rows = m_prefillRate * (besideAnswers ? kSharedStep_s : kAloneStep_s);
    const auto wanted = static_cast<std::uint32_t>(std::clamp(rows, 1.0, 65536.0));
    // Powers of two: few different shapes, so a repeated run mostly repeats its rounding.
    return std::min(std::max(std::bit_floor(wanted), kLeastChunkRows), m_maxRows);
}

Batch Scheduler::schedule(std::vector<Part>& parts) {
    Batch batch;
    const std::vector<Sequence*> group = chooseGroup();
    for (Sequence* sequence : group) {
        if (sequence->slot == kNoSlot || sequence->prefilling() || batch.rows.size() >= m_maxRows)
            continue;
        if (makeRoom(*sequence, 1, parts))
            addRows(*sequence, 1, batch, parts);
    }
    const bool reproducible = group.size() == 1 && group[0]->request.reproducible;
    batch.reproducible = reproducible;
    std::uint32_t budget = reproducible ? m_reproducibleRows : chunkRows(!batch.rows.empty());
    budget = std::min(budget, m_maxRows - static_cast<std::uint32_t>(batch.rows.size()));
    for (Sequence* sequence : group) {
        if (sequence->slot == kNoSlot || !sequence->prefilling() || budget == 0)
            continue;
        if (!readyToPrefill(*sequence, parts))
            continue;
        const std::uint32_t rows = std::min(sequence->chunkLimit(m_reproducibleRows), budget);
        if (makeRoom(*sequence, rows, parts)) {
            addRows(*sequence, rows, batch, parts);
            budget -= rows;
        }
    }
    return batch;
}

void Scheduler::count(const BatchResult& result, const std::vector<Part>& parts,
                      Clock::duration took) {
    ++m_totals.stepsTotal;
    std::uint32_t prefillRows = 0;
    std::uint32_t rows = 0;
    for (const Part& part : parts) {
        rows += part.rows;
        if (part.sequence->prefilling())
            prefillRows += part.rows;
    }
    const std::int64_t measured_us = result.timings.total_ns / 1000;
    const std::int64_t us = measured_us > 0 ? measured_us : microseconds(took);
    m_totals.rowsTotal += rows;
    m_totals.readBytesTotal += result.timings.weightBytes + result.timings.kvBytes;
    (prefillRows > 0 ? m_totals.prefillBusy_us : m_totals.decodeBusy_us) += us;
    // Small chunks say little about the rate of large ones.
    if (prefillRows >= kLeastChunkRows && us > 0) {
        const double rate = static_cast<double>(rows) * 1e6 / static_cast<double>(us);
        m_prefillRate = m_prefillRate <= 0 ? rate : 0.5 * m_prefillRate + 0.5 * rate;
    }
}

} // namespace engine
