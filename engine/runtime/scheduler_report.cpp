// What the scheduler tells about itself: the state of its requests, those that ended, every step.
#include "engine/runtime/scheduler.h"

#include <algorithm>
#include <limits>

namespace engine {

namespace {

RequestSnapshot describe(const Sequence& sequence, RequestPhase phase) {
    RequestSnapshot snapshot;
    snapshot.id = sequence.id;
    snapshot.model = sequence.model->key;
    snapshot.client = sequence.request.client;
    snapshot.priority = sequence.request.priority;
    snapshot.phase = phase;
    snapshot.submitted_us = microseconds(sequence.submitted.time_since_epoch());
    snapshot.timings = sequence.timings;
    if (sequence.timings.decode_us > 0)
        snapshot.decodeTokensPerSecond = (sequence.timings.generatedTokens - 1) * 1e6 /
                                         static_cast<double>(sequence.timings.decode_us);
    return snapshot;
}

std::uint32_t microseconds32(Clock::duration time) {
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(microseconds(time), 0, kMost));
}

} // namespace

ModelSnapshot Scheduler::modelSnapshot() const {
    ModelSnapshot snapshot;
    snapshot.key = m_model->key;
    snapshot.pagesTotal = m_cache.totalPages();
    snapshot.pagesUsed = m_cache.usedPages();
    snapshot.pagesCached = m_cache.cachedPages();
    snapshot.slotCount = m_model->slotCount;
    for (const auto& sequence : m_running)
        if (!sequence->finished)
            snapshot.usedTokens += sequence->computed;
    snapshot.maxBatchRows = m_maxRows;
    snapshot.runningSequences = static_cast<std::uint32_t>(m_running.size());
    snapshot.queued = static_cast<std::uint32_t>(m_waiting.size());
    return snapshot;
}

void Scheduler::describeRequests(std::vector<RequestSnapshot>& out) const {
    for (const auto& sequence : m_running)
        out.push_back(describe(*sequence, sequence->timings.generatedTokens > 0
                                              ? RequestPhase::Decode
                                              : RequestPhase::Prefill));
    for (std::size_t i = 0; i < m_waiting.size(); ++i) {
        out.push_back(describe(*m_waiting[i], RequestPhase::Queued));
        out.back().queuePosition = static_cast<std::uint32_t>(i);
        out.back().estimatedWait_us = estimatedWait_us(i);
    }
}

void Scheduler::noteStep(const Flight& flight, const StepTimes& times) {
    if (m_steps == nullptr)
        return;
    StepPart step;
    step.begin_us = microseconds(times.begin.time_since_epoch());
    step.duration_us = microseconds32(times.took);
    step.host_us = microseconds32(flight.host);
    step.ready_us = times.isLate ? 0 : microseconds32(times.begin - flight.begin);
    step.waited_us = microseconds32(times.waited);
    step.device_us = microseconds32(times.device);
    for (const Part& part : flight.parts) {
        step.request = part.sequence->id;
        step.rows = part.rows;
        step.prefill = part.prefills;
        m_steps->push(step);
    }
}

/// The list is replaced, never changed: snapshots that went out keep theirs.
void Scheduler::noteFinished(const Sequence& sequence, FinishReason reason) {
    auto recent = std::make_shared<std::vector<RequestSnapshot>>();
    recent->push_back(describe(sequence, RequestPhase::Finished));
    recent->front().finish = reason;
    if (m_totals.recent != nullptr)
        for (const RequestSnapshot& older : *m_totals.recent)
            if (recent->size() < kRecentRequests)
                recent->push_back(older);
    m_totals.recent = std::move(recent);
}

} // namespace engine
