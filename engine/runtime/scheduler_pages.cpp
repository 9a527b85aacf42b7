// What a sequence holds while it runs: a slot of the device and KV pages; who gives way when they
// run out.
#include "engine/runtime/scheduler.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>

namespace engine {

namespace {

bool penalizes(const SamplerSpec& spec) {
    return spec.repetitionPenalty != 1.0F || spec.presencePenalty != 0.0F ||
           spec.frequencyPenalty != 0.0F;
}

double runningMean(double mean, double value) {
    return mean <= 0 ? value : 0.5 * mean + 0.5 * value;
}

} // namespace

Status Scheduler::setSampler(const Sequence& sequence, SlotId slot) {
    SamplerSpec spec = sequence.request.sampler;
    if (penalizes(spec))
        spec.seenTokens = sequence.tokens;
    return m_executor->setSlot(slot, spec);
}

/// Penalties count the tokens that are there: for a sequence that got or lost some by other than
/// sampling, or whose sampled ones were dropped unseen.
void Scheduler::resetSampler(Sequence& sequence) {
    if (sequence.finished || sequence.slot == kNoSlot || !penalizes(sequence.request.sampler))
        return; // joining sets it
    if (Status status = setSampler(sequence, sequence.slot); !status.ok() && !isDead())
        finish(sequence, FinishReason::Failed, std::move(status));
}

bool Scheduler::join(Sequence& sequence) {
    const SlotId slot = m_freeSlots.back();
    if (Status status = setSampler(sequence, slot); !status.ok()) {
        if (!isDead())
            finish(sequence, FinishReason::Failed, status);
        return false;
    }
    m_freeSlots.pop_back();
    sequence.slot = slot;
    adoptPages(sequence);
    restorePages(sequence);
    if (!sequence.joinedOnce) {
        sequence.joinedOnce = true;
        sequence.joined = m_now;
        sequence.timings.queueWait_us = microseconds(m_now - sequence.submitted);
        m_admission.joined(sequence.ticket);
        m_latencies.joined(sequence.request.priority, m_now - sequence.submitted, m_now);
        if (sequence.timings.droppedTokens > 0)
            sendDropped(sequence, sequence.timings.droppedTokens);
        sendPrefill(sequence);
    }
    sequence.lastChunk = m_now;
    sequence.gathering = false;
    return true;
}

/// Pages for `rows` more rows. The youngest sequence that is not in the batch yet gives way, which
/// may be this one; alone and out of pages, its context is full.
bool Scheduler::makeRoom(Sequence& sequence, std::uint32_t rows, const std::vector<Part>& parts) {
    while (!growWritable(sequence, sequence.computed + rows)) {
        Sequence* victim = nullptr;
        for (const auto& candidate : m_running) {
            const bool inBatch = std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
                return part.sequence == candidate;
            });
            if (!inBatch && !candidate->finished && candidate->slot != kNoSlot)
                victim = candidate.get();
        }
        const bool alone =
            std::count_if(m_running.begin(), m_running.end(), [](const auto& candidate) {
                return candidate->slot != kNoSlot && !candidate->finished;
            }) == 1;
        if (alone || victim == nullptr) {
            if (alone && sequence.unseen == 0) // else its last token comes first
                finish(sequence, FinishReason::ContextFull);
            return false;
        }
        preempt(*victim);
        if (victim == &sequence)
            return false;
    }
    return true;
}

/// Grows the pages; a page that others see is copied before it is written.
bool Scheduler::growWritable(Sequence& sequence, std::uint32_t tokens) {
    const std::size_t first = sequence.computed / kPageTokens;
    if (first < sequence.pages.size() && !m_cache.isPrivate(sequence.pages[first])) {
        const PageId own = m_cache.take();
        if (own == kPaddingPage)
            return false;
        const PageId seen = std::exchange(sequence.pages[first], own);
        if (!m_executor->copyPage(seen, own).ok()) {
            m_cache.truncate(sequence.pages, first); // computed again instead
            sequence.computed = static_cast<std::uint32_t>(first) * kPageTokens;
        }
        m_cache.giveBack(seen);
        sequence.keptPages = std::min(sequence.keptPages, static_cast<std::uint32_t>(first));
    }
    return m_cache.grow(sequence.pages, tokens);
}

void Scheduler::noteRate(const std::vector<Part>& parts, Clock::duration took) {
    std::uint32_t rows = 0;
    bool prompts = false;
    for (const Part& part : parts) {
        rows += part.rows;
        prompts = prompts || part.rows > 1;
    }
    const double seconds = std::chrono::duration<double>(took).count();
    if (!prompts || rows < kPageTokens || seconds <= 0)
        return; // small steps say little about large ones
    m_computeRate = runningMean(m_computeRate, rows / seconds);
}

/// Moving pages out and in again against computing their tokens again. A reproducible request
/// would compute its answer again token by token.
bool Scheduler::isWorthMoving(const Sequence& sequence, std::uint32_t pages) {
    if (pages == 0 || m_hostPages_bytes == 0 || m_totals.hostPages_bytes >= m_hostPages_bytes)
        return false;
    if (m_copyRate <= 0 || sequence.request.reproducible)
        return true; // the first move measures the device
    return m_computeRate > 0 &&
           2.0 * pages / m_copyRate < static_cast<double>(sequence.computed) / m_computeRate;
}

/// Pages that others use as well stay on the device with them; the ones behind move.
void Scheduler::savePages(Sequence& sequence) {
    const std::uint32_t all = pagesFor(sequence.computed);
    std::uint32_t first = 0;
    while (first < all && m_cache.isShared(sequence.pages[first]))
        ++first;
    if (!isWorthMoving(sequence, all - first))
        return;
    const auto begin = Clock::now();
    for (std::uint32_t page = first; page < all; ++page) {
        Result<std::vector<std::byte>> bytes = m_executor->savePage(sequence.pages[page]);
        if (!bytes || m_totals.hostPages_bytes + bytes->size() > m_hostPages_bytes) {
            dropSaved(sequence);
            return;
        }
        m_totals.hostPages_bytes += bytes->size();
        sequence.savedPages.push_back(std::move(*bytes));
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    m_copyRate = runningMean(m_copyRate, (all - first) / std::max(seconds, 1e-9));
    sequence.firstSavedPage = first;
    sequence.savedTokens = sequence.computed;
    ++m_totals.preemptionsMoved;
}

/// Behind what the prefix cache still has.
void Scheduler::restorePages(Sequence& sequence) {
    if (sequence.savedPages.empty())
        return;
    const std::uint32_t known = sequence.computed / kPageTokens;
    if (sequence.computed < sequence.savedTokens && known >= sequence.firstSavedPage) {
        m_cache.truncate(sequence.pages, known); // a page to be copied: its own is better
        sequence.computed = known * kPageTokens;
        bool restored = m_cache.grow(sequence.pages, sequence.savedTokens);
        for (std::size_t page = known; restored && page < sequence.pages.size(); ++page)
            restored = m_executor
                           ->restorePage(sequence.pages[page],
                                         sequence.savedPages[page - sequence.firstSavedPage])
                           .ok();
        if (restored) {
            sequence.computed = sequence.savedTokens;
            keepPages(sequence);
        } else {
            m_cache.truncate(sequence.pages, known);
        }
    }
    dropSaved(sequence);
}

void Scheduler::dropSaved(Sequence& sequence) {
    for (const auto& page : sequence.savedPages)
        m_totals.hostPages_bytes -= page.size();
    sequence.savedPages.clear();
}

void Scheduler::preempt(Sequence& sequence) {
    ++m_totals.preemptionsTotal;
    savePages(sequence);
    m_cache.release(sequence.pages);
    sequence.keptPages = 0;
    m_freeSlots.push_back(std::exchange(sequence.slot, kNoSlot));
    sequence.computed = 0;
}

} // namespace engine
