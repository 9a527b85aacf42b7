#include "app/telemetry/engine_meter.h"

#include "app/live_rate.h"
#include "app/messages.h"

#include <algorithm>
#include <span>

namespace app {

namespace {

constexpr std::array kShortBounds_s = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                       0.1,   0.25,   0.5,   1.0,  2.5};
constexpr std::array kLongBounds_s = {0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,  1.0,
                                      2.5,   5.0,  10.0,  30.0, 60.0, 120., 300., 600.};

HistogramValue exported(const engine::LatencyHistogram& histogram, std::span<const double> bounds) {
    HistogramValue value;
    for (const double bound : bounds) {
        value.bounds_s.push_back(bound);
        value.countsAtMost.push_back(histogram.countAtMost(static_cast<std::int64_t>(bound * 1e6)));
    }
    value.count = histogram.count();
    value.sum_s = histogram.sum() / 1e6;
    return value;
}

/// A percentile of what was recorded since `begin` [s]; absent when nothing was.
std::optional<double> percentileSince(const engine::LatencyHistogram& now,
                                      const engine::LatencyHistogram& begin, double share) {
    engine::LatencyHistogram grown = now;
    grown.subtract(begin);
    if (grown.count() == 0)
        return std::nullopt;
    return static_cast<double>(grown.percentile(share)) / 1e6;
}

void addShare(const engine::DeviceMemory& memory, QList<MemoryShare>& shares) {
    const QString device = QString::fromStdString(memory.device);
    auto share = std::find_if(shares.begin(), shares.end(),
                              [&](const MemoryShare& each) { return each.device == device; });
    if (share == shares.end())
        share = shares.insert(shares.end(), MemoryShare{device});
    share->weights += static_cast<double>(memory.weights_bytes);
    share->kv += static_cast<double>(memory.kv_bytes);
    share->workspace += static_cast<double>(memory.workspace_bytes);
}

RequestStage stageOf(const engine::RequestSnapshot& request) {
    switch (request.phase) {
    case engine::RequestPhase::Queued:
        return RequestStage::Queued;
    case engine::RequestPhase::Prefill:
        return RequestStage::Prefill;
    case engine::RequestPhase::Decode:
        return RequestStage::Decode;
    case engine::RequestPhase::Finished:
        break;
    }
    if (request.finish == engine::FinishReason::Failed)
        return RequestStage::Failed;
    return request.finish == engine::FinishReason::Cancelled ? RequestStage::Stopped
                                                             : RequestStage::Finished;
}

RequestRow rowOf(const engine::RequestSnapshot& request, qint64 now_us) {
    RequestRow row;
    row.id = request.id;
    row.client = QString::fromStdString(request.client);
    row.priority = static_cast<int>(request.priority);
    row.stage = stageOf(request);
    row.queuePosition = static_cast<int>(request.queuePosition);
    row.promptTokens = static_cast<int>(request.timings.promptTokens);
    row.cachedTokens = static_cast<int>(request.timings.cachedTokens);
    row.prefilledTokens = static_cast<int>(request.timings.prefilledTokens);
    row.generatedTokens = static_cast<int>(request.timings.generatedTokens);
    row.tokensPerSecond = row.isLive()
                              ? liveTokensPerSecond(row.generatedTokens, request.timings.decode_us)
                              : request.decodeTokensPerSecond;
    row.submitted_us = request.submitted_us;
    row.queueWait_us = request.timings.queueWait_us;
    if (row.stage == RequestStage::Queued && row.queueWait_us == 0)
        row.queueWait_us = std::max<qint64>(0, now_us - row.submitted_us);
    row.ttft_us = request.timings.ttft_us;
    row.decode_us = request.timings.decode_us;
    row.estimatedWait_us = request.estimatedWait_us;
    return row;
}

std::optional<double> ratio(double part, double whole) {
    return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

} // namespace

void EngineMeter::read(const engine::Snapshot& snapshot, const ResidentModels& models,
                       const std::vector<engine::StepPart>& steps, MetricFrame& frame) {
    readCounters(snapshot, frame);
    readRates(snapshot, frame);
    readLatencies(snapshot, frame);
    readPages(snapshot, models, frame);
    readWorkspace(snapshot, steps, frame);
    readEvents(snapshot, models, frame);
    for (const engine::RequestSnapshot& request : snapshot.requests)
        frame.requests.append(rowOf(request, frame.steady_us));
    if (snapshot.recent != nullptr)
        for (const engine::RequestSnapshot& request : *snapshot.recent)
            frame.requests.append(rowOf(request, frame.steady_us));
    for (const engine::StepPart& step : steps)
        frame.steps.append({step.request, step.begin_us, static_cast<qint32>(step.duration_us),
                            static_cast<qint32>(step.rows), step.prefill});
    m_last = snapshot;
    m_last.models.clear();
    m_last.requests.clear();
    m_last.recent.reset();
    m_last_us = frame.steady_us;
    m_hasLast = true;
}

void EngineMeter::readCounters(const engine::Snapshot& snapshot, MetricFrame& frame) {
    const auto set = [&](MetricId id, auto value) {
        frame.machine.set(id, static_cast<double>(value));
    };
    set(MetricId::PromptTokens, snapshot.promptTokensTotal);
    set(MetricId::GeneratedTokens, snapshot.generatedTokensTotal);
    set(MetricId::CachedTokens, snapshot.cachedTokensTotal);
    set(MetricId::RequestsFinished, snapshot.requestsFinished);
    set(MetricId::RequestsFailed, snapshot.requestsFailed);
    const engine::AdmissionSnapshot& admission = snapshot.admission;
    set(MetricId::RequestsRefused,
        admission.refusedRate + admission.refusedQueue + admission.refusedBreaker);
    set(MetricId::BreakersOpen,
        std::count_if(admission.breakers.begin(), admission.breakers.end(),
                      [](const auto& b) { return b.state == engine::BreakerState::Open; }));
    std::uint32_t running = 0;
    std::uint32_t queued = 0;
    for (const engine::ModelSnapshot& model : snapshot.models) {
        running += model.runningSequences;
        queued += model.queued;
    }
    set(MetricId::RequestsRunning, running);
    set(MetricId::RequestsQueued, queued);

    const Tokens tokens{snapshot.promptTokensTotal, snapshot.cachedTokensTotal};
    if (const auto begin = m_tokens.push(frame.steady_us, tokens)) {
        const auto cached = static_cast<double>(tokens.cached - begin->cached);
        const auto computed = static_cast<double>(tokens.computed - begin->computed);
        frame.machine.set(MetricId::CacheHitRatio, ratio(cached, cached + computed));
    }
    const Ends ends{snapshot.requestsFinished, snapshot.requestsFailed};
    if (const auto begin = m_ends.push(frame.steady_us, ends)) {
        const auto failed = static_cast<double>(ends.failed - begin->failed);
        const auto finished = static_cast<double>(ends.finished - begin->finished);
        frame.machine.set(MetricId::ErrorRatio, ratio(failed, failed + finished));
    }
}

void EngineMeter::readRates(const engine::Snapshot& snapshot, MetricFrame& frame) {
    const double seconds = static_cast<double>(frame.steady_us - m_last_us) / 1e6;
    if (!m_hasLast || seconds <= 0)
        return;
    const auto grown = [](auto now, auto before) { return static_cast<double>(now - before); };
    MetricValues& values = frame.machine;
    values.set(MetricId::PrefillRate,
               grown(snapshot.promptTokensTotal, m_last.promptTokensTotal) / seconds);
    values.set(MetricId::DecodeRate,
               grown(snapshot.generatedTokensTotal, m_last.generatedTokensTotal) / seconds);
    const double busy_s = (grown(snapshot.prefillBusy_us, m_last.prefillBusy_us) +
                           grown(snapshot.decodeBusy_us, m_last.decodeBusy_us)) /
                          1e6;
    // A step is counted when it ends: one that is longer than a tick would exceed it.
    values.set(MetricId::EngineBusy, std::min(1.0, busy_s / seconds));
    values.set(MetricId::ReadRate,
               ratio(grown(snapshot.readBytesTotal, m_last.readBytesTotal), busy_s));
    values.set(MetricId::BatchSize, ratio(grown(snapshot.rowsTotal, m_last.rowsTotal),
                                          grown(snapshot.stepsTotal, m_last.stepsTotal)));
    values.set(MetricId::PromptsPerChunk,
               ratio(grown(snapshot.batching.promptsInChunks, m_last.batching.promptsInChunks),
                     grown(snapshot.batching.chunkSteps, m_last.batching.chunkSteps)));
    const double held_s = grown(snapshot.batching.held_us, m_last.batching.held_us) / 1e6;
    values.set(MetricId::PromptHold,
               ratio(held_s, grown(snapshot.batching.promptsHeld, m_last.batching.promptsHeld)));
}

void EngineMeter::readLatencies(const engine::Snapshot& snapshot, MetricFrame& frame) {
    if (snapshot.latencies == nullptr)
        return;
    Latencies now;
    for (const engine::LatencySet& set : *snapshot.latencies) {
        now.queueWait.merge(set.queueWait);
        now.ttft.merge(set.ttft);
        now.itl.merge(set.itl);
        now.endToEnd.merge(set.e2e);
    }
    frame.histograms[MetricId::QueueWaitHistogram] = exported(now.queueWait, kLongBounds_s);
    frame.histograms[MetricId::TtftHistogram] = exported(now.ttft, kLongBounds_s);
    frame.histograms[MetricId::ItlHistogram] = exported(now.itl, kShortBounds_s);
    frame.histograms[MetricId::EndToEndHistogram] = exported(now.endToEnd, kLongBounds_s);
    const auto begin = m_latencies.push(frame.steady_us, now);
    if (!begin)
        return;
    const auto set = [&](MetricId id, const auto& histogram, const auto& old, double share) {
        frame.machine.set(id, percentileSince(histogram, old, share));
    };
    set(MetricId::TtftP50, now.ttft, begin->ttft, 0.50);
    set(MetricId::TtftP95, now.ttft, begin->ttft, 0.95);
    set(MetricId::TtftP99, now.ttft, begin->ttft, 0.99);
    set(MetricId::ItlP50, now.itl, begin->itl, 0.50);
    set(MetricId::ItlP95, now.itl, begin->itl, 0.95);
    set(MetricId::ItlP99, now.itl, begin->itl, 0.99);
    set(MetricId::QueueWaitP95, now.queueWait, begin->queueWait, 0.95);
}

void EngineMeter::readPages(const engine::Snapshot& snapshot, const ResidentModels& models,
                            MetricFrame& frame) {
    double used = 0;
    double total = 0;
    double tokens = 0;
    for (const engine::ModelSnapshot& model : snapshot.models) {
        used += model.pagesUsed;
        total += model.pagesTotal;
        tokens += static_cast<double>(model.usedTokens);
    }
    MetricValues& values = frame.machine;
    if (!snapshot.models.empty()) {
        values.set(MetricId::KvPagesUsed, used);
        values.set(MetricId::KvPagesTotal, total);
        values.set(MetricId::KvUsage, ratio(used, total));
        values.set(MetricId::KvTokens, tokens);
        const double allocated = used * engine::kPageTokens;
        values.set(MetricId::KvFragmentation, ratio(std::max(0.0, allocated - tokens), allocated));
    }
    engine::DeviceMemory sum;
    for (const auto& model : models)
        for (const engine::DeviceMemory& device : model->memory.devices) {
            sum.weights_bytes += device.weights_bytes;
            sum.kv_bytes += device.kv_bytes;
            sum.workspace_bytes += device.workspace_bytes;
            addShare(device, frame.shares);
        }
    values.set(MetricId::WeightsMemory, static_cast<double>(sum.weights_bytes));
    values.set(MetricId::KvMemory, static_cast<double>(sum.kv_bytes));
    values.set(MetricId::WorkspaceMemory, static_cast<double>(sum.workspace_bytes));
    if (!models.empty()) {
        frame.device = QString::fromStdString(models.back()->device);
        frame.model = QString::fromStdString(models.back()->name);
    }
}

/// The workspace is made for so many rows a step; what recent steps left unused is its
/// fragmentation.
void EngineMeter::readWorkspace(const engine::Snapshot& snapshot,
                                const std::vector<engine::StepPart>& steps, MetricFrame& frame) {
    constexpr qint64 kWindow_us = 60 * kSecond_us;
    std::map<std::int64_t, std::uint32_t> rowsByStep; // a step's parts begin together
    for (const engine::StepPart& step : steps)
        rowsByStep[step.begin_us] += step.rows;
    for (const auto& [begin, rows] : rowsByStep) {
        const qint64 second = begin / kSecond_us;
        if (m_peaks.empty() || m_peaks.back().first != second)
            m_peaks.emplace_back(second, rows);
        else
            m_peaks.back().second = std::max(m_peaks.back().second, rows);
    }
    while (!m_peaks.empty() && m_peaks.front().first < (frame.steady_us - kWindow_us) / kSecond_us)
        m_peaks.pop_front();
    std::uint32_t room = 0;
    for (const engine::ModelSnapshot& model : snapshot.models)
        room = std::max(room, model.maxBatchRows);
    std::uint32_t peak = 0;
    for (const auto& [second, rows] : m_peaks)
        peak = std::max(peak, rows);
    if (room > 0 && peak > 0)
        frame.machine.set(MetricId::WorkspaceFragmentation,
                          1.0 - std::min<double>(peak, room) / room);
}

void EngineMeter::readEvents(const engine::Snapshot& snapshot, const ResidentModels& models,
                             MetricFrame& frame) {
    const auto add = [&](MetricEventKind kind, const QString& what) {
        frame.events.append({frame.time_ms, kind, what});
    };
    QStringList names;
    for (const auto& model : models)
        names.append(QString::fromStdString(model->name));
    QStringList open;
    for (const engine::BreakerSnapshot& breaker : snapshot.admission.breakers)
        if (breaker.state == engine::BreakerState::Open)
            open.append(QString::fromStdString(breaker.rule));
    if (m_hasLast) { // what was there before the first look is no event
        for (const QString& name : names)
            if (!m_models.contains(name))
                add(MetricEventKind::ModelLoaded, name);
        for (const QString& name : m_models)
            if (!names.contains(name))
                add(MetricEventKind::ModelUnloaded, name);
        for (const QString& rule : open)
            if (!m_open.contains(rule))
                add(MetricEventKind::BreakerOpened, rule);
        for (const QString& rule : m_open)
            if (!open.contains(rule))
                add(MetricEventKind::BreakerClosed, rule);
    }
    for (const engine::ModelSnapshot& model : snapshot.models) { // replicas whose device died
        std::size_t& told = m_lost[model.key];
        for (; told < model.lost.size(); ++told) {
            const QString why = sentence(model.lost[told]);
            qWarning("%s", qUtf8Printable(why));
            add(MetricEventKind::ModelUnloaded, why);
        }
    }
    m_models = names;
    m_open = open;
}

} // namespace app
