#include "engine/device/cuda_group_executor.h"

#include "engine/device/cuda_layer_executor.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"
#include "engine/phrase.h"

#include <algorithm>
#include <functional>
#include <new>

namespace engine {

namespace {

/// Whether the same kernels compute on both. The ranks of a tensor split take the same path through
/// every step, wait for each other on it, and sample the same tokens from the same logits.
bool computesAlike(const kernels::cuda::DeviceLimits& a, const kernels::cuda::DeviceLimits& b) {
    return a.hopper == b.hopper && a.sharedBytes == b.sharedBytes;
}

} // namespace

CudaGroupExecutor::CudaGroupExecutor(Ranks ranks, std::vector<std::uint32_t> weights)
    : m_ranks(std::move(ranks)),
      m_weights(std::move(weights)),
      m_threads(static_cast<std::uint32_t>(m_ranks.size())) {}

CudaGroupExecutor::~CudaGroupExecutor() {
    release();
    freePinned(m_fault); // stays where a GPU is hung: its kernels may write there
}

Result<std::unique_ptr<Executor>> CudaGroupExecutor::create(std::span<const CudaShare> devices,
                                                            SplitMode split) {
    if (split == SplitMode::Replicas)
        return Status(Code::OptionInvalid,
                      {{"option", "split"},
                       {"value", std::string(name(split))},
                       {"expected", "replicas answer many requests at once (chat, serve, "
                                    "serve-bench); here name one device"}});
    if (devices.size() > kMostRanks)
        return Status(Code::OptionInvalid, {{"option", "device"},
                                            {"value", std::to_string(devices.size()) + " GPUs"},
                                            {"expected", "at most " + std::to_string(kMostRanks)}});
    try {
        Ranks ranks;
        std::vector<std::uint32_t> weights;
        for (const auto& [device, weight] : devices) {
            Result<OpenedCudaDevice> opened = openCudaDevice(device);
            if (!opened.ok())
                return opened.status();
            ranks.push_back(std::make_unique<CudaRank>(device, std::move(*opened)));
            INGLENOOK_TRY(ranks.back()->open());
            weights.push_back(weight);
        }
        const Result<bool> byLayers = dealsLayers(ranks, split);
        INGLENOOK_TRY(byLayers.status());
        std::unique_ptr<CudaGroupExecutor> executor(
            *byLayers ? new CudaLayerExecutor(std::move(ranks), std::move(weights))
                      : new CudaGroupExecutor(std::move(ranks), std::move(weights)));
        INGLENOOK_TRY(executor->connectPeers());
        return std::unique_ptr<Executor>(std::move(executor));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "an executor"}, {"free", "less"}});
    }
}

Result<bool> CudaGroupExecutor::dealsLayers(const Ranks& ranks, SplitMode split) {
    if (split == SplitMode::Layer)
        return true;
    const CudaRank& first = *ranks.front();
    for (const auto& rank : ranks) {
        if (computesAlike(first.limits(), rank->limits()))
            continue;
        if (split == SplitMode::Auto)
            return true;
        return Status(Code::OptionInvalid,
                      {{"option", "split"},
                       {"value", "tensor"},
                       {"expected", "auto or layer where GPUs differ, as " + first.name() + " (" +
                                        first.productName() + ") and " + rank->name() + " (" +
                                        rank->productName() + ") do"}});
    }
    for (const auto& from : ranks)
        for (const auto& to : ranks)
            if (split == SplitMode::Auto) {
                const Result<bool> reaches = reach(*from, *to);
                INGLENOOK_TRY(reaches.status());
                if (!*reaches)
                    return true;
            }
    return false;
}

Result<bool> CudaGroupExecutor::reach(const CudaRank& from, const CudaRank& to) {
    if (&from != &to && peersForbidden())
        return false;
    if (from.device() == to.device())
        return true;
    int can = 0;
    INGLENOOK_TRY(from.use());
    INGLENOOK_CUDA_TRY(cudaDeviceCanAccessPeer(&can, from.device(), to.device()), from.name());
    if (can == 0)
        return false;
    const cudaError_t error = cudaDeviceEnablePeerAccess(to.device(), 0);
    const bool isRefused =
        error == cudaErrorPeerAccessUnsupported || error == cudaErrorTooManyPeers;
    if (isRefused || error == cudaErrorPeerAccessAlreadyEnabled)
        (void)cudaGetLastError();
    else
        INGLENOOK_CUDA_TRY(error, from.name());
    return !isRefused;
}

Status CudaGroupExecutor::connectPeers() {
    std::vector<int> devices;
    for (const auto& rank : m_ranks)
        devices.push_back(rank->device());
    CudaTurn::announce(devices);
    for (const auto& rank : m_ranks)
        for (const auto& peer : m_ranks) {
            m_sharesDevice = m_sharesDevice || (peer != rank && peer->device() == rank->device());
            const Result<bool> reaches = reach(*rank, *peer);
            INGLENOOK_TRY(reaches.status());
            if (!*reaches)
                return Status(
                    Code::DeviceUnavailable,
                    {{"device", rank->name() + " with " + peer->name()},
                     {"reason", PHRASE("Status", "these GPUs cannot reach each other's memory")}});
        }
    INGLENOOK_TRY(m_ranks.front()->use());
    INGLENOOK_CUDA_TRY(allocatePinned(m_fault, 1), shortName());
    *m_fault = 0;
    return {};
}

std::string CudaGroupExecutor::shortName() const {
    std::string name = "CUDA ";
    for (const auto& rank : m_ranks)
        name += (rank == m_ranks.front() ? "" : "+") + std::to_string(rank->device());
    return name;
}

bool CudaGroupExecutor::isUneven() const {
    return std::adjacent_find(m_weights.begin(), m_weights.end(), std::not_equal_to<>()) !=
           m_weights.end();
}

std::string CudaGroupExecutor::deviceName() const {
    std::string shares;
    if (isUneven())
        for (const std::uint32_t weight : m_weights)
            shares += (shares.empty() ? " " : ":") + std::to_string(weight);
    const std::string& first = m_ranks.front()->productName();
    std::string products = std::to_string(m_ranks.size()) + " x " + first;
    if (std::any_of(m_ranks.begin(), m_ranks.end(),
                    [&](const auto& rank) { return rank->productName() != first; })) {
        products.clear();
        for (const auto& rank : m_ranks)
            products += (products.empty() ? "" : " + ") + rank->productName();
    }
    return shortName() + " · " + products + " · " + splitName() + shares;
}

Status CudaGroupExecutor::use() const {
    if (m_health.state == HealthState::Dead)
        return m_health.reason;
    return m_ranks.front()->use();
}

Status CudaGroupExecutor::note(Status status) {
    if (status == Code::DeviceLost && m_health.state == HealthState::Good)
        m_health = {HealthState::Dead, status};
    return status;
}

Result<std::uint64_t> CudaGroupExecutor::freeBytes(const CudaRank& rank) {
    std::size_t free = 0;
    std::size_t total = 0;
    INGLENOOK_TRY(rank.use());
    INGLENOOK_CUDA_TRY(cudaMemGetInfo(&free, &total), rank.name());
    return std::uint64_t{free};
}

NumberFormats CudaGroupExecutor::weakestFormats(const Ranks& ranks, const ModelConfig& config,
                                                const TensorSource& source,
                                                const ExecutorPlan& plan) const {
    NumberFormats formats = plan.formats;
    for (const auto& rank : ranks)
        formats = resolveCudaFormats(formats, config, source, rank->limits());
    return formats;
}

Result<NumberFormats> CudaGroupExecutor::planRanks(Ranks& ranks, const ModelConfig& config,
                                                   const TensorSource& source,
                                                   const ExecutorPlan& plan) const {
    const auto count = static_cast<std::uint32_t>(ranks.size());
    const Result<std::vector<RankShare>> shares = shareTensors(config, count, m_weights);
    if (!shares.ok())
        return shares.status();
    const NumberFormats formats = weakestFormats(ranks, config, source, plan);
    for (std::uint32_t i = 0; i < count; ++i)
        INGLENOOK_TRY(ranks[i]->plan(config, source, plan, formats, shares->at(i), i, count));
    return formats;
}

Result<MemoryPlan> CudaGroupExecutor::memoryPlan(const ModelConfig& config,
                                                 const TensorSource& source,
                                                 const ExecutorPlan& plan) const {
    try {
        INGLENOOK_TRY(validate(config));
        INGLENOOK_TRY(use());
        // Planning throws away what is loaded, so others plan.
        Ranks planners;
        for (const auto& rank : m_ranks)
            planners.push_back(std::make_unique<CudaRank>(
                rank->device(), OpenedCudaDevice{{}, rank->productName(), rank->limits()}));
        INGLENOOK_TRY(planRanks(planners, config, source, plan).status());
        MemoryPlan result;
        result.byLayers = isByLayers();
        for (const auto& planner : planners) {
            DeviceMemory memory = planner->memory();
            const Result<std::uint64_t> free = freeBytes(*planner);
            INGLENOOK_TRY(free.status());
            memory.free_bytes = *free;
            result.devices.push_back(std::move(memory));
        }
        return result;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "memory to plan"}, {"free", "less"}});
    }
}

Status CudaGroupExecutor::load(const ModelConfig& config,
                               std::shared_ptr<const TensorSource> source, const ExecutorPlan& plan,
                               const LoadProgress& progress, const std::atomic<bool>& stop) {
    release();
    const Result<MemoryPlan> memory = memoryPlan(config, *source, plan);
    if (!memory.ok())
        return note(memory.status());
    INGLENOOK_TRY(checkFits(*memory));
    Status status;
    try {
        m_config = config;
        status = loadParts(*source, plan, progress, stop);
    } catch (const std::bad_alloc&) {
        status = Status(Code::OutOfMemory, {{"need", "host memory to load"}, {"free", "less"}});
    }
    if (!status.ok())
        release();
    return note(std::move(status));
}

Status CudaGroupExecutor::loadParts(const TensorSource& source, const ExecutorPlan& plan,
                                    const LoadProgress& progress, const std::atomic<bool>& stop) {
    const Result<NumberFormats> formats = planRanks(m_ranks, m_config, source, plan);
    if (!formats.ok())
        return formats.status();
    m_formats = *formats;
    {
        CpuWorkers workers(plan.threads == 0 ? usableCores() : plan.threads);
        INGLENOOK_TRY(loadWeights(source, workers, progress, stop));
    }
    for (const auto& rank : m_ranks)
        INGLENOOK_TRY(rank->allocate());
    INGLENOOK_TRY(connectRanks());
    m_hasInt8Workspace = m_formats.activations == ActivationFormat::Int8;
    INGLENOOK_TRY(use());
    INGLENOOK_CUDA_TRY(m_steps.allocate(m_ranks.front()->forward(), plan.slotCount), shortName());
    m_loaded = true;
    return {};
}

Status CudaGroupExecutor::loadWeights(const TensorSource& source, CpuWorkers& workers,
                                      const LoadProgress& progress, const std::atomic<bool>& stop) {
    std::vector<CudaWeights::Target> targets;
    for (const auto& rank : m_ranks)
        targets.push_back({&rank->weights(), rank->device(), rank->name()});
    return CudaWeights::loadAll(source, targets, workers, progress, stop);
}

Status CudaGroupExecutor::connectRanks() {
    *m_fault = 0;
    kernels::cuda::RankLinks common;
    common.fault = m_fault;
    common.limit_ns = std::chrono::nanoseconds(kernelPatience()).count();
    common.sharesDevice = m_sharesDevice;
    std::vector<CudaForward*> all;
    for (const auto& rank : m_ranks)
        all.push_back(&rank->forward());
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(rank->use());
        INGLENOOK_CUDA_TRY(rank->forward().connect(all, common, rank->stream()), rank->name());
        INGLENOOK_CUDA_TRY(cudaStreamSynchronize(rank->stream()), rank->name());
        INGLENOOK_CUDA_TRY(rank->forward().warmUp(rank->stream()), rank->name());
    }
    return {};
}

void CudaGroupExecutor::release() {
    m_loaded = false;
    const CudaDeadline deadline = deadlineOfAll();
    bool hung = false;
    for (const auto& rank : m_ranks) { // nobody's memory goes while another may write to it
        (void)rank->use();
        // Nobody waits twice for what never comes: others stand behind it.
        rank->awaitOrGiveUp(rank->isLate() ? std::chrono::steady_clock::now() : deadline);
        hung = hung || isCudaHung(rank->device());
    }
    const CudaAbandon abandon(hung);
    CudaTurn::forget(this); // of which all steps are done by now
    for (const auto& rank : m_ranks)
        rank->release();
    disconnectRanks();
    m_clocks.clear();
    m_timings.clear();
    m_steps.release();
    (void)cudaGetLastError();
}

Status CudaGroupExecutor::setSlot(SlotId slot, const SamplerSpec& spec) {
    INGLENOOK_TRY(m_steps.checkSlot(slot));
    INGLENOOK_TRY(validate(spec));
    INGLENOOK_TRY(note(use()));
    try {
        m_steps.reset(slot);
        for (const auto& rank : samplers()) {
            INGLENOOK_TRY(note(rank->use()));
            INGLENOOK_TRY(note(rank->slots().set(slot, spec, rank->stream(), deadlineOfAll())));
        }
        return {};
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "sampler state"}, {"free", "less"}});
    }
}

Status CudaGroupExecutor::setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) {
    INGLENOOK_TRY(m_steps.checkSlot(slot));
    if (!allowedBits.empty() && allowedBits.size() < (m_config.vocabularySize + 31) / 32)
        return brokenCall("a vocabulary mask shorter than the vocabulary");
    INGLENOOK_TRY(note(use()));
    for (const auto& rank : samplers()) {
        INGLENOOK_TRY(note(rank->use()));
        INGLENOOK_TRY(note(rank->slots().setMask(slot, allowedBits, rank->stream())));
    }
    return {};
}

Status CudaGroupExecutor::setActivations(ActivationFormat format) {
    const bool possible = m_loaded && m_formats.activations != ActivationFormat::F32 &&
                          (format == ActivationFormat::BF16 ||
                           (format == ActivationFormat::Int8 && m_hasInt8Workspace));
    if (!possible)
        return Executor::setActivations(format);
    m_formats.activations = format;
    for (const auto& rank : m_ranks) {
        rank->forward().setActivations(format);
        rank->dropGraphs();
    }
    return {};
}

void CudaGroupExecutor::useInt8WhereFaster() {
    for (const auto& rank : m_ranks)
        if (m_loaded)
            rank->forward().useInt8WhereFaster();
}

} // namespace engine
