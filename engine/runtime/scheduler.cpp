#include "engine/runtime/scheduler.h"

#include "engine/runtime/sequence_output.h"

#include <algorithm>

namespace engine {

namespace {

constexpr std::chrono::microseconds kIdle{50}; // more than lies between any two steps

/// What the content of a page depends on besides its tokens.
std::string pageSettings(const ModelInfo& model) {
    const RopeScaling& scaling = model.config.ropeScaling;
    std::string settings = model.contentHash;
    for (const std::string_view format :
         {name(model.formats.weights), name(model.formats.activations), name(model.formats.kv)})
        settings.append("/").append(format);
    for (const double number :
         {model.config.ropeTheta, static_cast<double>(model.config.rotaryDim),
          static_cast<double>(scaling.kind), scaling.factor, scaling.lowFrequencyFactor,
          scaling.highFrequencyFactor, static_cast<double>(scaling.originalContext),
          scaling.attentionFactor, scaling.betaFast, scaling.betaSlow})
        settings.append("/").append(std::to_string(number));
    return settings;
}

} // namespace

Scheduler::Scheduler(std::shared_ptr<const ModelInfo> model, std::unique_ptr<Executor> executor,
                     const ExecutorPlan& plan, SchedulerServices services)
    : m_model(std::move(model)),
      m_executor(std::move(executor)),
      m_cache(plan.pageCount),
      m_prefixes(m_cache, plan.pageCount, pageSettings(*m_model)),
      m_maxRows(std::max(1U, plan.maxBatchRows)),
      m_reproducibleRows(std::min(kReproducibleChunkRows, m_maxRows)),
      m_admission(services.admission),
      m_latencies(services.latencies),
      m_totals(services.totals),
      m_steps(std::move(services.steps)),
      m_time(std::move(services.time)),
      m_now(m_time()),
      m_slotCount(std::max(1U, plan.slotCount)) {
    setSettings(m_admission.settings());
    for (SlotId slot = plan.slotCount; slot > 0; --slot)
        m_freeSlots.push_back(slot - 1);
}

Scheduler::~Scheduler() {
    finishAll(FinishReason::Cancelled, {});
    for (; !m_flights.empty(); m_flights.pop_front())
        (void)m_executor->collect(m_flights.front().ticket);
    m_executor->release();
}

void Scheduler::setSettings(const AdmissionSettings& settings) {
    m_order.setSettings(settings.queue);
    m_budget.setSettings(settings.batching);
    m_lineChanged = true;
}

void Scheduler::add(std::shared_ptr<Sequence> sequence) {
    sequence->account = m_order.enter(sequence->request.client);
    sequence->waitingSince = sequence->submitted;
    const auto before = std::count_if(m_waiting.begin(), m_waiting.end(), [&](const auto& other) {
        return other->request.priority <= sequence->request.priority;
    });
    const auto position = static_cast<std::uint32_t>(before);
    sendQueued(*sequence, position, estimatedWait_us(position));
    m_hold.requestCame(sequence->submitted);
    m_waiting.push_back(std::move(sequence));
    m_lineChanged = true;
}

bool Scheduler::cancel(RequestId id) {
    for (const auto& sequence : m_running)
        if (sequence->id == id)
            return sequence->cancelled = true;
    for (const auto& sequence : m_waiting)
        if (sequence->id == id)
            return sequence->cancelled = true;
    return false;
}

bool Scheduler::endReasoning(RequestId id) {
    for (const auto& sequence : m_running)
        if (sequence->id == id)
            return sequence->endReasoning = true;
    for (const auto& sequence : m_waiting)
        if (sequence->id == id)
            return sequence->endReasoning = true;
    return false;
}

bool Scheduler::setPriority(RequestId id, Priority priority) {
    const auto set = [&](Sequence& sequence) {
        sequence.request.priority = priority;
        m_admission.setPriority(sequence.ticket, priority);
        return m_lineChanged = true;
    };
    for (const auto& sequence : m_running)
        if (sequence->id == id)
            return set(*sequence);
    for (const auto& sequence : m_waiting)
        if (sequence->id == id)
            return set(*sequence);
    return false;
}

Priority Scheduler::bestPriority() const {
    Priority best = Priority::P2;
    for (const auto& sequence : m_waiting)
        best = std::min(best, sequence->request.priority);
    for (const auto& sequence : m_running)
        best = std::min(best, sequence->request.priority);
    return best;
}

void Scheduler::finishAll(FinishReason reason, const Status& status) {
    for (const auto& sequence : m_running)
        finish(*sequence, reason, status);
    for (const auto& sequence : m_waiting)
        finish(*sequence, reason, status);
    sweep();
    while (!m_prewarms.empty())
        dropPrewarm();
}

Status Scheduler::step() {
    begin();
    const Status fault = end();
    if (!fault.ok()) {
        finishAll(FinishReason::Failed, fault);
        sweep();
    }
    return fault;
}

TimePoint Scheduler::beginDue() {
    const TimePoint now = m_time();
    if (m_begun || m_flights.size() != 1 || !m_executor->runsAhead())
        return now;
    RunningStep running = m_flights.front().shape();
    running.begin = std::max(running.begin, m_free); // behind the one that was read last
    return m_hold.due(running, now);
}

bool Scheduler::isDeviceFree() const {
    return m_flights.empty() || m_executor->isDone(m_flights.front().ticket);
}

void Scheduler::begin() {
    if (m_begun)
        return;
    m_now = m_time();
    pausePrewarm();
    dropCancelled();
    dropLate();
    joinWaiting();
    std::vector<Part> parts;
    Batch batch = schedule(parts);
    // The one before is read while this one runs. Without one before, this one runs alone and the
    // next step is prepared beside it.
    m_readsOne = !m_flights.empty() || !m_executor->runsAhead();
    m_begun = true;
    if (parts.empty())
        return;
    submit(std::move(batch), std::move(parts));
}

bool Scheduler::isReady() const {
    return !m_readsOne || m_flights.empty() || m_executor->isDone(m_flights.front().ticket);
}

Status Scheduler::end() {
    m_begun = false;
    if (m_readsOne)
        collectOldest();
    Status fault;
    if (const Health health = m_executor->health(); health.state == HealthState::Dead) {
        fault = health.reason.ok() ? Status(Code::InternalError, {{"detail", "dead executor"}})
                                   : health.reason;
        m_flights.clear();
    }
    sweep();
    m_totals.cachedPagesEvicted += m_cache.evictions() - m_evictionsCounted;
    m_evictionsCounted = m_cache.evictions();
    return fault;
}

void Scheduler::dropCancelled() {
    for (const auto& sequence : m_running)
        if (sequence->cancelled)
            finish(*sequence, FinishReason::Cancelled);
    for (const auto& sequence : m_waiting)
        if (sequence->cancelled)
            finish(*sequence, FinishReason::Cancelled);
    sweep();
}

/// Hands a step to the device; its rows count as computed from here on, in the device's order.
void Scheduler::submit(Batch batch, std::vector<Part> parts) {
    const TimePoint begin = m_time();
    const bool foundFree = isDeviceFree();
    const bool held = m_hold.takesHeld() && !m_flights.empty();
    const Result<Ticket> ticket = m_executor->submit(std::move(batch));
    if (!ticket) {
        m_now = m_time();
        return failParts(parts, ticket.status());
    }
    const bool wentFree = foundFree || isDeviceFree(); // to hand it over takes time, too
    for (const Part& part : parts) {
        Sequence& sequence = *part.sequence;
        const std::uint32_t before = std::min(sequence.computed, sequence.promptTokens);
        sequence.computed = part.end;
        sequence.unseen += part.wantsToken ? 1 : 0;
        m_totals.promptTokensTotal += std::min(sequence.computed, sequence.promptTokens) - before;
        if (m_executor->runsAhead())
            keepPages(sequence); // the next step finds what this one writes
    }
    m_flights.push_back(
        {*ticket, std::move(parts), begin, m_time() - m_now, foundFree, wentFree, held});
}

/// On a dead device nobody fails here: end() tells, and another device may take them.
void Scheduler::failParts(const std::vector<Part>& parts, const Status& status) {
    if (isDead())
        return;
    for (const Part& part : parts)
        finish(*part.sequence, FinishReason::Failed, status);
}

void Scheduler::collectOldest() {
    if (m_flights.empty())
        return;
    const Flight flight = std::move(m_flights.front());
    m_flights.pop_front();
    const TimePoint looked = m_time();
    // To read a step takes a while too, where log-probabilities are asked for: not to be mistaken.
    const bool wasDone = m_executor->isDone(flight.ticket);
    const BatchResult result = m_executor->collect(flight.ticket);
    m_now = m_time();
    const StepTimes times =
        timesOf(flight, result.timings, wasDone ? Clock::duration() : m_now - looked);
    m_free = times.begin + times.took;
    if (!result.status.ok()) {
        failParts(flight.parts, result.status);
        return m_executor->runsAhead() && !isDead() ? computeAllAgain() : void();
    }
    if (flight.held)
        m_hold.handedOver(m_now, times.isLate);
    noteStep(flight, times);
    noteRate(flight.parts, times.took);
    count(result, flight, times);
    postprocess(flight.parts, result);
}

/// When the device computed a step that was read just now. Behind another one it began when that
/// was done. Who had to wait for it has seen its end; else it was done while the next one was
/// handed over, and the device's clock tells when.
Scheduler::StepTimes Scheduler::timesOf(const Flight& flight, const StepTimings& timings,
                                        Clock::duration waited) const {
    StepTimes times;
    times.begin = std::max(flight.begin, std::min(m_free, m_now));
    times.waited = waited;
    times.device = std::chrono::nanoseconds(timings.device_ns);
    // A device that was busy until then may still say it was idle: it copied what the step needs.
    const bool wasIdle = std::chrono::nanoseconds(timings.idle_ns) > kIdle;
    times.isLate = flight.wentFree && (timings.device_ns <= 0 || wasIdle);
    TimePoint end = m_now;
    if (timings.device_ns > 0 && times.waited == Clock::duration()) {
        end = std::min(end, times.begin + times.device);
        if (!m_flights.empty() && !m_flights.front().foundFree)
            end = std::min(m_now, std::max(end, m_flights.front().begin));
    }
    times.took = end - times.begin;
    return times;
}

/// A step failed and with it what the device computed behind it: nothing of that is read, and
/// nothing new is sent before all of it is back, or it would fail too. Sequences keep their tokens
/// and give up what is computed of them; whose own step is at fault fails when that one comes
/// again.
void Scheduler::computeAllAgain() {
    for (; !m_flights.empty(); m_flights.pop_front())
        (void)m_executor->collect(m_flights.front().ticket);
    m_prefixes.clear();
    for (const auto& sequence : m_running) {
        if (sequence->finished)
            continue;
        dropSaved(*sequence); // it gave way just now, perhaps with pages nobody had written
        if (sequence->slot == kNoSlot)
            continue;
        m_cache.release(sequence->pages);
        sequence->keptPages = 0;
        sequence->computed = 0;
        sequence->beginTurn();
        resetSampler(*sequence);
    }
}

/// Whether another token may follow the ones that are not seen yet: what ends by its length does
/// not. What ends otherwise is dropped when it is read.
bool Scheduler::mayRunAhead(const Sequence& sequence) const {
    if (sequence.unseen == 0)
        return true;
    const Request& request = sequence.request;
    const std::uint32_t generated = sequence.timings.generatedTokens + sequence.unseen;
    const bool rolls = request.overflow != OverflowPolicy::Stop && request.maxTokens == 0;
    // Behind the token that spends the thinking budget others are put.
    const bool closes =
        request.thinkingBudget > 0 && !sequence.closeReasoning.empty() &&
        sequence.parser.insideReasoning() &&
        sequence.timings.reasoningTokens + sequence.unseen >= request.thinkingBudget;
    return !request.reproducible && !sequence.endReasoning && !closes &&
           (request.maxTokens == 0 || generated < request.maxTokens) &&
           (!rolls || generated < m_model->context) && sequence.length() < m_model->context;
}

void Scheduler::addRows(Sequence& sequence, std::uint32_t rows, Batch& batch,
                        std::vector<Part>& parts) {
    const auto table = static_cast<std::uint32_t>(batch.tables.size());
    batch.tables.push_back({sequence.pages});
    const bool wantsToken = rows == sequence.pending();
    const std::uint32_t top = sequence.request.topLogprobs;
    batch.topCount = std::max(batch.topCount, top);
    for (std::uint32_t i = 0; i < rows; ++i) {
        const std::uint32_t position = sequence.computed + i;
        const bool last = wantsToken && i + 1 == rows;
        const Want want = !last ? Want::Nothing : top > 0 ? Want::TopLogprobs : Want::Token;
        const bool seen = position < sequence.tokens.size();
        batch.rows.push_back({table, sequence.slot, position,
                              seen ? sequence.tokens[position] : kLastSampled, want});
    }
    parts.push_back({sequence.shared_from_this(), rows, wantsToken, sequence.prefilling(),
                     sequence.computed + rows, sequence.turn});
}

void Scheduler::postprocess(const std::vector<Part>& parts, const BatchResult& result) {
    std::size_t next = 0; // results come in the order of the rows that wanted something
    for (const Part& part : parts) {
        Sequence& sequence = *part.sequence;
        const RowResult* row = nullptr;
        if (part.wantsToken && next < result.rows.size())
            row = &result.rows[next++];
        if (sequence.finished || part.turn != sequence.turn)
            continue;
        sequence.account->served += part.rows;
        sequence.unseen -= part.wantsToken ? 1 : 0;
        keepPages(sequence);
        const std::uint32_t prefilled = std::min(part.end, sequence.promptTokens);
        if (prefilled > sequence.timings.prefilledTokens) {
            sequence.timings.prefilledTokens = prefilled;
            sendPrefill(sequence);
        }
        if (!part.wantsToken || sequence.cancelled)
            continue;
        if (row == nullptr || row->token == kNoToken) {
            finish(sequence, FinishReason::Failed,
                   Status(Code::LogitsNotFinite,
                          {{"model", m_model->name}, {"position", std::to_string(part.end - 1)}}));
            continue;
        }
        const std::uint32_t generated = sequence.timings.generatedTokens;
        const std::size_t length = sequence.tokens.size();
        const TimePoint previous = sequence.lastToken;
        const FinishReason end = acceptToken(sequence, *row, m_now);
        if (generated > 0 && sequence.timings.generatedTokens > generated)
            m_latencies.nextToken(sequence.request.priority, m_now - previous);
        else if (sequence.timings.generatedTokens > generated)
            m_latencies.firstToken(sequence.request.priority, m_now - sequence.submitted);
        if (sequence.tokens.size() > length + 1)
            sequence.beginTurn(); // tokens were put behind the sampled one
        if (sequence.computed >= sequence.tokens.size())
            keepPages(sequence); // a step that runs ahead filled its last page
        if (end == FinishReason::ContextFull && sequence.request.overflow != OverflowPolicy::Stop)
            dropFromContext(sequence);
        else if (end != FinishReason::None)
            finish(sequence, end);
        if (sequence.turn != part.turn)
            resetSampler(sequence);
        m_totals.generatedTokensTotal += sequence.timings.generatedTokens - generated;
    }
}

void Scheduler::finish(Sequence& sequence, FinishReason reason, Status status) {
    if (sequence.finished)
        return;
    m_cache.release(sequence.pages);
    dropSaved(sequence);
    if (sequence.slot != kNoSlot)
        m_freeSlots.push_back(std::exchange(sequence.slot, kNoSlot));
    ++(reason == FinishReason::Failed ? m_totals.requestsFailed : m_totals.requestsFinished);
    noteFinished(sequence, reason);
    m_admission.ended(sequence.ticket, sequence.timings.generatedTokens);
    if (sequence.account != nullptr)
        ServiceOrder::leave(*std::exchange(sequence.account, nullptr));
    if (sequence.joinedOnce && reason != FinishReason::Cancelled &&
        reason != FinishReason::Failed) {
        m_latencies.ended(sequence.request.priority, m_now - sequence.submitted);
        const double service_s = seconds(m_now - sequence.joined);
        m_service_s = m_service_s <= 0 ? service_s : 0.8 * m_service_s + 0.2 * service_s;
        m_admission.setJoinInterval(m_service_s / (m_slotCount * m_replicas));
    }
    sendFinished(sequence, reason, std::move(status));
    if (m_answered && (reason == FinishReason::EndOfAnswer || reason == FinishReason::StopString))
        m_answered(sequence);
}

/// Drops finished sequences; those that gave way wait again.
void Scheduler::sweep() {
    std::erase_if(m_waiting, [](const auto& sequence) { return sequence->finished; });
    for (auto at = m_running.rbegin(); at != m_running.rend(); ++at) {
        if ((*at)->finished || (*at)->slot != kNoSlot)
            continue;
        (*at)->waitingSince = m_now;
        m_waiting.push_front(*at);
        m_lineChanged = true;
    }
    std::erase_if(m_running, [](const auto& s) { return s->finished || s->slot == kNoSlot; });
}

} // namespace engine
