// What the scheduler computes next: who joins, who shares a batch, how long a chunk may be.
#include "engine/runtime/scheduler.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>

namespace engine {

namespace {

constexpr milliseconds kTellPeriod{250}; // of queue positions, when many wait
constexpr std::size_t kFewWaiting = 32;
constexpr std::uint32_t kMostGaveWay = 2;    // times that a slot is taken from one sequence
constexpr double kAssumedAnswerTokens = 256; // of a request that names no limit

} // namespace

/// What waits beyond its deadline fails; what runs beyond its time ends.
void Scheduler::dropLate() {
    for (const auto& sequence : m_waiting) {
        const auto& deadline = sequence->request.deadline;
        if (sequence->joinedOnce || !deadline || m_now <= *deadline)
            continue;
        const auto waited_s = static_cast<long long>(seconds(m_now - sequence->submitted));
        m_admission.deadlinePassed();
        finish(*sequence, FinishReason::Failed,
               Status(Code::DeadlinePassed, {{"waited_s", std::to_string(waited_s)}}));
    }
    const auto late = [&](const Sequence& sequence) {
        const milliseconds most = sequence.request.maxTime;
        return sequence.joinedOnce && most.count() > 0 && m_now - sequence.joined > most;
    };
    for (const auto& sequence : m_running)
        if (late(*sequence))
            finish(*sequence, FinishReason::TimeLimit);
    for (const auto& sequence : m_waiting)
        if (late(*sequence))
            finish(*sequence, FinishReason::TimeLimit);
    sweep();
}

void Scheduler::joinWaiting() {
    m_blocked = false;
    if (m_waiting.empty())
        return;
    const bool holdsBatch = m_admission.holdsBatch();
    orderWaiting(holdsBatch);
    bool& blocked = m_blocked;
    for (auto at = m_waiting.begin(); at != m_waiting.end();) {
        const std::shared_ptr<Sequence> next = *at;
        const Priority priority = next->request.priority;
        // What is free is for the blocked one: only who takes a slot by force passes it.
        if (blocked && priority != Priority::P0) {
            ++at;
            continue;
        }
        if (blocked && !takeSlot())
            break;
        if (!makeWay(*next)) {
            blocked = true;
            if (priority == Priority::P0)
                break;
            ++at;
            continue;
        }
        // Held by a breaker, but never before an idle device.
        const bool held = holdsBatch && priority == Priority::P2 && !next->joinedOnce;
        if (held && !m_running.empty() && !m_admission.takeProbe())
            break;
        at = m_waiting.erase(at);
        if (!join(*next)) {
            if (!isDead())
                continue;
            m_waiting.push_back(next); // another device may take it
            return;
        }
        m_running.push_back(next);
        m_order.joined(next->oldestOverdue);
        ++m_totals.batching.joins;
        m_lineChanged = true;
    }
    if (m_now - m_told >= kTellPeriod || (m_lineChanged && m_waiting.size() <= kFewWaiting))
        tellQueuePositions();
}

/// Brings the waiting into the order of service.
void Scheduler::orderWaiting(bool holdsBatch) {
    std::vector<Waiter> waiters;
    waiters.reserve(m_waiting.size());
    for (const auto& sequence : m_waiting) {
        const Request& request = sequence->request;
        Waiter waiter;
        waiter.priority = request.priority;
        waiter.since = sequence->waitingSince;
        waiter.id = sequence->id;
        waiter.account = sequence->account.get();
        waiter.cost = static_cast<double>(sequence->pending()) +
                      (request.maxTokens > 0 ? request.maxTokens : kAssumedAnswerTokens);
        waiter.resumed = sequence->joinedOnce;
        waiter.held = holdsBatch && request.priority == Priority::P2 && !sequence->joinedOnce;
        waiters.push_back(waiter);
    }
    std::deque<std::shared_ptr<Sequence>> ordered;
    for (const Place& place : m_order.sort(waiters, m_now)) {
        ordered.push_back(std::move(m_waiting[place.waiter]));
        ordered.back()->oldestOverdue = place.oldestOverdue;
    }
    m_waiting = std::move(ordered);
}

/// A slot, and the pages that its prompt takes. An interactive request gets them from batch and
/// agents, the youngest of the lowest priority first; a sequence gives way a few times at most.
bool Scheduler::makeWay(Sequence& next) {
    for (;;) {
        const bool anyRuns =
            std::any_of(m_running.begin(), m_running.end(), [](const auto& sequence) {
                return sequence->slot != kNoSlot && !sequence->finished;
            });
        if (!m_freeSlots.empty() && (!anyRuns || pagesWanted(next) <= m_cache.freePages()))
            return true;
        if (next.request.priority != Priority::P0 || !takeSlot())
            return false;
    }
}

bool Scheduler::takeSlot() {
    Sequence* victim = whoGivesWay();
    if (victim == nullptr)
        return false;
    preempt(*victim);
    ++victim->gaveWay;
    ++m_totals.batching.preemptions;
    return true;
}

Sequence* Scheduler::whoGivesWay() const {
    Sequence* victim = nullptr;
    for (const auto& sequence : m_running) {
        if (sequence->slot == kNoSlot || sequence->finished || sequence->gaveWay >= kMostGaveWay ||
            sequence->request.priority == Priority::P0)
            continue;
        if (victim == nullptr || sequence->request.priority >= victim->request.priority)
            victim = sequence.get();
    }
    return victim;
}

std::int64_t Scheduler::estimatedWait_us(std::size_t position) const {
    if (m_service_s <= 0)
        return -1;
    return static_cast<std::int64_t>(static_cast<double>(position + 1) * m_service_s * 1e6 /
                                     m_slotCount);
}

void Scheduler::tellQueuePositions() {
    for (std::size_t i = 0; i < m_waiting.size(); ++i)
        sendQueued(*m_waiting[i], static_cast<std::uint32_t>(i), estimatedWait_us(i));
    m_told = m_now;
    m_lineChanged = false;
}

/// All sequences that may share a batch, or one reproducible request alone, in turn.
std::vector<Sequence*> Scheduler::chooseGroup() {
    std::vector<Sequence*> shared;
    Sequence* alone = nullptr;
    for (const auto& sequence : m_running) {
        if (sequence->slot == kNoSlot)
            continue;
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

Batch Scheduler::schedule(std::vector<Part>& parts) {
    Batch batch;
    const std::vector<Sequence*> group = chooseGroup();
    batch.reproducible = group.size() == 1 && group[0]->request.reproducible;
    addAnswers(group, batch, parts);
    addPrompts(group, batch, parts);
    countChunk(parts);
    return batch;
}

void Scheduler::addAnswers(const std::vector<Sequence*>& group, Batch& batch,
                           std::vector<Part>& parts) {
    for (Sequence* sequence : group) {
        if (sequence->slot == kNoSlot || sequence->prefilling() || !mayRunAhead(*sequence) ||
            batch.rows.size() >= m_maxRows)
            continue;
        // A page that could not be copied makes it a prompt again, of this same step.
        if (makeRoom(*sequence, 1, parts) && !sequence->prefilling())
            addRows(*sequence, 1, batch, parts);
    }
}

/// The budget's rows for prompts: half of them to the one that has waited longest, the rest to
/// those that are done soonest, so that neither a long prompt nor many short ones block the other.
/// All of them where nobody is done sooner: of equal prompts one after another is computed, not two
/// side by side.
void Scheduler::addPrompts(const std::vector<Sequence*>& group, Batch& batch,
                           std::vector<Part>& parts) {
    std::vector<Sequence*> prompts;
    for (Sequence* sequence : group)
        if (sequence->slot != kNoSlot && !sequence->finished && sequence->prefilling())
            prompts.push_back(sequence);
    std::uint32_t budget = promptBudget(prompts, batch);
    if (budget == 0) {
        for (Sequence* sequence : prompts)
            sequence->gathering = true;
        return;
    }
    endGathering(prompts);
    const auto byPriority = [](const Sequence* a, const Sequence* b) {
        return a->request.priority < b->request.priority;
    };
    const auto soonest = [&](const Sequence* a, const Sequence* b) {
        return a->request.priority != b->request.priority ? byPriority(a, b)
                                                          : a->pending() < b->pending();
    };
    std::stable_sort(prompts.begin(), prompts.end(), byPriority);
    std::stable_sort(prompts.begin() + 1, prompts.end(), soonest);
    std::uint64_t others = 0;
    for (std::size_t i = 1; i < prompts.size(); ++i)
        others += isComputedBy(*prompts.front(), *prompts[i]) ? 0 : prompts[i]->pending();
    const auto spare =
        static_cast<std::uint32_t>(budget > others ? budget - others : 0); // nobody else's
    const bool alike =
        prompts.size() > 1 && prompts[0]->request.priority == prompts[1]->request.priority;
    const bool soonestToo = alike && prompts[0]->pending() <= prompts[1]->pending();
    std::uint32_t share = soonestToo ? budget : std::max({spare, budget / 2, 1U});
    for (Sequence* sequence : prompts) {
        if (budget == 0 || sequence->slot == kNoSlot || !readyToPrefill(*sequence, parts))
            continue;
        const std::uint32_t rows =
            std::min({sequence->chunkLimit(m_reproducibleRows), budget, share});
        share = m_maxRows; // of the others: all that is left
        if (makeRoom(*sequence, rows, parts)) {
            addRows(*sequence, rows, batch, parts);
            budget -= rows;
        }
    }
}

std::uint32_t Scheduler::promptBudget(const std::vector<Sequence*>& prompts, const Batch& batch) {
    if (prompts.empty() || batch.rows.size() >= m_maxRows)
        return 0;
    const std::uint32_t most = m_maxRows - static_cast<std::uint32_t>(batch.rows.size());
    if (batch.reproducible)
        return std::min(m_reproducibleRows, most);
    PromptLoad load;
    load.cheapRows = m_executor->cheapRows();
    load.decodeRows = static_cast<std::uint32_t>(batch.rows.size());
    load.prompts = static_cast<std::uint32_t>(prompts.size() + m_waiting.size());
    for (const Sequence* sequence : prompts) {
        load.promptRows += sequence->pending();
        load.interactive = load.interactive || sequence->request.priority == Priority::P0;
        load.longestHeld = std::max(load.longestHeld, m_now - sequence->lastChunk);
    }
    return m_budget.promptRows(load, most);
}

/// A chunk starts: whoever was gathered for it has been held until now.
void Scheduler::endGathering(const std::vector<Sequence*>& prompts) {
    BatchingSnapshot& figures = m_totals.batching;
    for (Sequence* sequence : prompts) {
        if (!std::exchange(sequence->gathering, false))
            continue;
        const std::int64_t held_us = microseconds(m_now - sequence->lastChunk);
        ++figures.promptsHeld;
        figures.held_us += held_us;
        figures.longestHeld_us = std::max(figures.longestHeld_us, held_us);
    }
}

/// How many prompts share this step.
void Scheduler::countChunk(const std::vector<Part>& parts) {
    BatchingSnapshot& figures = m_totals.batching;
    std::uint32_t prompts = 0;
    for (const Part& part : parts) {
        if (!part.prefills)
            continue;
        ++prompts;
        part.sequence->lastChunk = m_now;
    }
    if (prompts == 0)
        return;
    ++figures.chunkSteps;
    figures.promptsInChunks += prompts;
    figures.lastPromptsPerChunk = prompts;
}

RunningStep Scheduler::Flight::shape() const {
    RunningStep step{begin};
    for (const Part& part : parts)
        (part.prefills ? step.promptRows : step.decodeRows) += part.rows;
    return step;
}

void Scheduler::count(const BatchResult& result, const Flight& flight, const StepTimes& times) {
    ++m_totals.stepsTotal;
    const RunningStep step = flight.shape();
    const std::uint32_t prefillRows = step.promptRows;
    const std::uint32_t decodeRows = step.decodeRows;
    const std::int64_t measured_us = result.timings.total_ns / 1000;
    const std::int64_t us = measured_us > 0 ? measured_us : microseconds(times.took);
    m_totals.rowsTotal += prefillRows + decodeRows;
    m_totals.readBytesTotal += result.timings.weightBytes + result.timings.kvBytes;
    (prefillRows > 0 ? m_totals.prefillBusy_us : m_totals.decodeBusy_us) += us;
    const double step_s = seconds(times.device > Clock::duration() ? times.device : times.took);
    m_budget.record(decodeRows, prefillRows, step_s);
    m_hold.record(step, step_s);
    m_totals.batching.chunkBudget = m_budget.chunkBudget(decodeRows, m_maxRows);
}

} // namespace engine
