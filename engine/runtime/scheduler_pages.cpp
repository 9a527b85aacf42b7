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

} // namespace

bool Scheduler::join(Sequence& sequence) {
    SamplerSpec spec = sequence.request.sampler;
    if (penalizes(spec))
        spec.seenTokens = sequence.tokens;
    const SlotId slot = m_freeSlots.back();
    if (Status status = m_executor->setSlot(slot, spec); !status.ok()) {
        finish(sequence, FinishReason::Failed, status);
        return false;
    }
    m_freeSlots.pop_back();
    sequence.slot = slot;
    adoptPages(sequence);
    if (!sequence.joinedOnce) {
        sequence.joinedOnce = true;
        sequence.joined = m_now;
        sequence.timings.queueWait_us = microseconds(m_now - sequence.submitted);
        m_admission.joined(sequence.ticket);
        m_latencies.joined(sequence.request.priority, m_now - sequence.submitted, m_now);
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
                return part.sequence == candidate.get();
            });
            if (!inBatch && !candidate->finished && candidate->slot != kNoSlot)
                victim = candidate.get();
        }
        const bool alone =
            std::count_if(m_running.begin(), m_running.end(), [](const auto& candidate) {
                return candidate->slot != kNoSlot && !candidate->finished;
            }) == 1;
        if (alone || victim == nullptr) {
            if (alone)
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

void Scheduler::preempt(Sequence& sequence) {
    m_cache.release(sequence.pages);
    sequence.keptPages = 0;
    m_freeSlots.push_back(std::exchange(sequence.slot, kNoSlot));
    sequence.computed = 0;
}

} // namespace engine
