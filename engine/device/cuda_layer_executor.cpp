#include "engine/device/cuda_layer_executor.h"

#include "engine/device/cuda_stage_check.h"
#include "engine/device/cuda_status.h"

#include <algorithm>

namespace engine {

CudaLayerExecutor::CudaLayerExecutor(Ranks ranks, std::vector<std::uint32_t> weights)
    : CudaGroupExecutor(std::move(ranks), std::move(weights)),
      m_direct(m_ranks.size(), false),
      m_inboxes(m_ranks.size(), nullptr) {}

CudaLayerExecutor::~CudaLayerExecutor() {
    release();
}

Status CudaLayerExecutor::connectPeers() {
    for (std::size_t i = 1; i < m_ranks.size(); ++i) {
        const Result<bool> reaches = reach(*m_ranks[i - 1], *m_ranks[i]);
        INGLENOOK_TRY(reaches.status());
        m_direct[i] = *reaches;
    }
    return {};
}

Result<std::vector<std::uint64_t>> CudaLayerExecutor::roomOf(const Ranks& ranks) const {
    if (isUneven())
        return std::vector<std::uint64_t>(m_weights.begin(), m_weights.end());
    std::vector<std::uint64_t> room;
    for (const auto& rank : ranks) {
        const Result<std::uint64_t> free = freeBytes(*rank);
        INGLENOOK_TRY(free.status());
        const auto sharers = std::count_if(ranks.begin(), ranks.end(), [&](const auto& other) {
            return other->device() == rank->device();
        });
        room.push_back(*free / static_cast<std::uint64_t>(sharers));
    }
    return room;
}

Result<NumberFormats> CudaLayerExecutor::planRanks(Ranks& ranks, const ModelConfig& config,
                                                   const TensorSource& source,
                                                   const ExecutorPlan& plan) const {
    const NumberFormats formats = weakestFormats(ranks, config, source, plan);
    const std::size_t count = ranks.size();
    std::vector<std::uint64_t> fixed; // all that is no layer
    for (std::size_t i = 0; i < count; ++i) {
        const LayerShare none{0, 0, i == 0, i + 1 == count};
        INGLENOOK_TRY(ranks[i]->plan(config, source, plan, formats, none, m_direct[i]));
        fixed.push_back(ranks[i]->memory().total());
    }
    CudaKvPool kv;
    kv.plan(stretchConfig(config, {0, 1}), formats.kv, plan.pageCount);
    CudaWeights one;
    std::vector<std::uint64_t> layers;
    for (std::uint32_t layer = 0; layer < config.layerCount; ++layer) {
        INGLENOOK_TRY(
            one.plan(config, source, plan.formats.weights, LayerShare{layer, 1, false, false}));
        layers.push_back(one.plannedBytes() + kv.plannedBytes());
    }
    const Result<std::vector<std::uint64_t>> room = roomOf(ranks);
    INGLENOOK_TRY(room.status());
    const Result<std::vector<LayerShare>> shares = shareLayers(config, layers, fixed, *room);
    INGLENOOK_TRY(shares.status());
    for (std::size_t i = 0; i < count; ++i)
        INGLENOOK_TRY(ranks[i]->plan(config, source, plan, formats, shares->at(i), m_direct[i]));
    return formats;
}

Status CudaLayerExecutor::loadWeights(const TensorSource& source, CpuWorkers& workers,
                                      const LoadProgress& progress, const std::atomic<bool>& stop) {
    std::uint64_t total = 0;
    for (const auto& rank : m_ranks)
        total += rank->weights().plannedBytes();
    std::uint64_t before = 0;
    for (const auto& rank : m_ranks) {
        const std::uint64_t own = rank->weights().plannedBytes();
        const LoadProgress part = [&](std::uint64_t done, std::uint64_t of) {
            const double share = static_cast<double>(done) / static_cast<double>(of);
            if (progress)
                progress(before + static_cast<std::uint64_t>(share * static_cast<double>(own)),
                         total);
        };
        INGLENOOK_TRY(
            rank->weights().load(source, rank->device(), rank->name(), workers, part, stop));
        before += own;
    }
    return {};
}

Status CudaLayerExecutor::connectRanks() {
    INGLENOOK_TRY(m_ranks.front()->use());
    INGLENOOK_CUDA_TRY(allocatePinned(m_tokens, m_ranks.back()->slots().count()), shortName());
    std::fill_n(m_tokens, m_ranks.back()->slots().count(), kNoToken);
    for (std::size_t i = 1; i < m_ranks.size(); ++i) {
        const CudaForward& forward = m_ranks[i]->forward();
        if (!m_direct[i])
            INGLENOOK_CUDA_TRY(
                allocatePinned(m_inboxes[i], 2 * forward.hiddenBytes(forward.maxRows())),
                m_ranks[i]->name());
    }
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(rank->use());
        INGLENOOK_CUDA_TRY(rank->forward().warmUp(rank->stream()), rank->name());
    }
    return {};
}

void CudaLayerExecutor::disconnectRanks() {
    freePinned(m_tokens);
    m_tokens = nullptr;
    for (std::byte*& inbox : m_inboxes) {
        freePinned(inbox);
        inbox = nullptr;
    }
}

std::span<const std::unique_ptr<CudaRank>> CudaLayerExecutor::samplers() const {
    return std::span(m_ranks).last(1);
}

std::byte* CudaLayerExecutor::inbox(std::size_t index, std::size_t ticket) const {
    const CudaForward& forward = m_ranks[index]->forward();
    return m_direct[index] ? forward.inbox(ticket)
                           : m_inboxes[index] + ticket * forward.hiddenBytes(forward.maxRows());
}

Status CudaLayerExecutor::receive(std::size_t index, const CudaInFlight& flight) {
    CudaRank& rank = *m_ranks[index];
    if (index > 0) {
        INGLENOOK_TRY(rank.waitFor(*m_ranks[index - 1], flight.staging));
        return cudaStatus(rank.forward().receive(inbox(index, flight.staging),
                                                 flight.described.step.rows, rank.stream()),
                          rank.name());
    }
    const auto& rows = flight.batch.rows;
    if (std::none_of(rows.begin(), rows.end(),
                     [](const BatchRow& row) { return row.token == kLastSampled; }))
        return {}; // it may begin while the others still compute the step before
    INGLENOOK_TRY(rank.waitFor(*m_ranks.back(), 1 - flight.staging));
    return takeTokens();
}

Status CudaLayerExecutor::takeTokens() {
    CudaRank& rank = *m_ranks.front();
    return cudaStatus(cudaMemcpyAsync(rank.slots().lastTokens(), m_tokens,
                                      rank.slots().count() * sizeof(std::int32_t),
                                      cudaMemcpyHostToDevice, rank.stream()),
                      rank.name());
}

Status CudaLayerExecutor::send(std::size_t index, const CudaInFlight& flight) {
    CudaRank& rank = *m_ranks[index];
    // The inbox is free: the ticket before the last one was collected.
    if (index + 1 < m_ranks.size())
        return cudaStatus(rank.forward().send(inbox(index + 1, flight.staging),
                                              flight.described.step.rows, rank.stream()),
                          rank.name());
    return cudaStatus(cudaMemcpyAsync(m_tokens, rank.slots().lastTokens(),
                                      rank.slots().count() * sizeof(std::int32_t),
                                      cudaMemcpyDeviceToHost, rank.stream()),
                      rank.name());
}

/// No kernel waits for another GPU: a step that began on some of them only does no harm.
Status CudaLayerExecutor::launch(const CudaInFlight& flight) {
    for (std::size_t i = 0; i < m_ranks.size(); ++i) {
        CudaRank& rank = *m_ranks[i];
        INGLENOOK_TRY(prepare(i, flight));
        INGLENOOK_TRY(rank.begin(flight.described, m_steps.staging(flight).batch));
        INGLENOOK_TRY(receive(i, flight));
        INGLENOOK_TRY(compute(i, flight));
        INGLENOOK_TRY(send(i, flight));
        INGLENOOK_TRY(rank.end(flight.staging));
    }
    return {};
}

double CudaLayerExecutor::measureReadBandwidth() {
    double bytes = 0;
    double time = 0;
    for (const auto& rank : m_ranks) {
        if (!note(rank->use()).ok())
            return 0;
        const double rate = measureCudaRead(rank->limits(), rank->name(), rank->stream());
        const auto own = static_cast<double>(
            std::max<std::uint64_t>(rank->weights().layerBytes() + rank->weights().headBytes(), 1));
        bytes += own;
        time += rate > 0 ? own / rate : 0;
    }
    return time > 0 ? bytes / time : 0;
}

Result<std::vector<StageError>> CudaLayerExecutor::checkStages(Batch batch) {
    INGLENOOK_TRY(mayRun(batch));
    try {
        const Result<std::vector<StageError>> errors = checkStagesOf(std::move(batch));
        (void)note(errors.status());
        return errors;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "the slow twins"}, {"free", "less"}});
    }
}

Result<std::vector<StageError>> CudaLayerExecutor::checkStagesOf(Batch batch) {
    CpuWorkers workers(usableCores());
    std::vector<std::unique_ptr<CudaStageCheck>> checks;
    struct Watch { // nobody is watched when the checks are gone
        const Ranks& ranks;
        ~Watch() {
            for (const auto& rank : ranks)
                rank->forward().observe(nullptr);
        }
    } const watch{m_ranks};
    INGLENOOK_TRY(m_ranks.front()->use());
    INGLENOOK_TRY(takeTokens());
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(rank->use());
        checks.push_back(std::make_unique<CudaStageCheck>(rank->config(), formats(),
                                                          rank->weights(), rank->kv(),
                                                          rank->forward(), workers, rank->name()));
        INGLENOOK_TRY(checks.back()->prepare(batch, rank->slots().lastTokens(), rank->stream()));
        rank->forward().observe(checks.back().get());
    }
    const Result<Ticket> ticket = submit(std::move(batch));
    INGLENOOK_TRY(ticket.status());
    INGLENOOK_TRY(collect(*ticket).status);
    std::vector<StageError> worst;
    for (const auto& check : checks)
        mergeWorst(worst, check->errors());
    return worst;
}

} // namespace engine
