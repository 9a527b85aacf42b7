#include "engine/device/cuda_executor.h"

#include "engine/device/cpu_sampler.h"
#include "engine/device/cuda_device.h"
#include "engine/device/cuda_stage_check.h"
#include "engine/device/cuda_status.h"
#include "engine/model/quantize.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

namespace engine {

namespace {

constexpr std::size_t kTicketsInFlight = 2;

} // namespace

CudaExecutor::CudaExecutor(int index, OpenedCudaDevice opened)
    : m_index(index),
      m_use(std::move(opened.use)),
      m_productName(std::move(opened.productName)),
      m_limits(opened.limits) {}

Result<std::unique_ptr<Executor>> CudaExecutor::create(int index) {
    try {
        Result<OpenedCudaDevice> device = openCudaDevice(index);
        if (!device.ok())
            return device.status();
        std::unique_ptr<CudaExecutor> executor(new CudaExecutor(index, std::move(*device)));
        INGLENOOK_CUDA_TRY(cudaStreamCreateWithFlags(&executor->m_stream, cudaStreamNonBlocking),
                           executor->shortName());
        return std::unique_ptr<Executor>(std::move(executor));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "an executor"}, {"free", "less"}});
    }
}

CudaExecutor::~CudaExecutor() {
    release();
    if (m_stream != nullptr && !isCudaHung(m_index))
        (void)cudaStreamDestroy(m_stream);
}

std::string CudaExecutor::deviceName() const {
    return shortName() + " · " + m_productName;
}

Status CudaExecutor::use() const {
    if (m_health.state == HealthState::Dead)
        return m_health.reason;
    return useCudaDevice(m_index, shortName());
}

Status CudaExecutor::note(Status status) {
    if (status == Code::DeviceLost && m_health.state == HealthState::Good)
        m_health = {HealthState::Dead, status};
    return status;
}

Result<MemoryPlan> CudaExecutor::memoryPlan(const ModelConfig& config, const TensorSource& source,
                                            const ExecutorPlan& plan) const {
    try {
        INGLENOOK_TRY(validate(config));
        INGLENOOK_TRY(use());
        const NumberFormats formats = resolveCudaFormats(plan.formats, config, source, m_limits);
        CudaWeights weights;
        INGLENOOK_TRY(weights.plan(config, source, plan.formats.weights));
        CudaKvPool kv;
        kv.plan(config, formats.kv, plan.pageCount);
        CudaSlots slots;
        slots.plan(plan.slotCount, config.vocabularySize);
        CudaForward forward(config, formats, weights, kv, slots, m_limits, shortName());
        forward.plan(plan.maxBatchRows, plan.context, plan.slotCount);
        DeviceMemory memory;
        memory.device = shortName();
        memory.weights_bytes = weights.plannedBytes();
        memory.kv_bytes = kv.plannedBytes();
        memory.workspace_bytes = forward.plannedBytes() + slots.plannedBytes();
        std::size_t free = 0;
        std::size_t total = 0;
        INGLENOOK_CUDA_TRY(cudaMemGetInfo(&free, &total), shortName());
        memory.free_bytes = free; // the driver's context is out of it already
        MemoryPlan result;
        result.devices.push_back(std::move(memory));
        return result;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "memory to plan"}, {"free", "less"}});
    }
}

Status CudaExecutor::load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                          const ExecutorPlan& plan, const LoadProgress& progress,
                          const std::atomic<bool>& stop) {
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

Status CudaExecutor::loadParts(const TensorSource& source, const ExecutorPlan& plan,
                               const LoadProgress& progress, const std::atomic<bool>& stop) {
    m_formats = resolveCudaFormats(plan.formats, m_config, source, m_limits);
    const std::string name = shortName();
    {
        CpuWorkers workers(plan.threads == 0 ? usableCores() : plan.threads);
        INGLENOOK_TRY(m_weights.plan(m_config, source, plan.formats.weights));
        INGLENOOK_TRY(m_weights.load(source, m_index, name, workers, progress, stop));
    }
    m_kv.plan(m_config, m_formats.kv, plan.pageCount);
    INGLENOOK_TRY(m_kv.allocate(name));
    m_slots.plan(plan.slotCount, m_config.vocabularySize);
    INGLENOOK_TRY(m_slots.allocate(name));
    m_sampled.assign(plan.slotCount, false);
    m_forward = std::make_unique<CudaForward>(m_config, m_formats, m_weights, m_kv, m_slots,
                                              m_limits, name);
    m_forward->plan(plan.maxBatchRows, plan.context, plan.slotCount);
    INGLENOOK_TRY(m_forward->allocate());
    INGLENOOK_CUDA_TRY(m_forward->warmUp(m_stream), name);
    m_hasInt8Workspace = m_formats.activations == ActivationFormat::Int8;
    return allocateStaging();
}

Status CudaExecutor::allocateStaging() {
    const std::string name = shortName();
    const std::uint64_t batchBytes = m_forward->batchBytes(m_forward->pageCapacity());
    for (CudaStaging& staging : m_staging)
        INGLENOOK_CUDA_TRY(staging.allocate(batchBytes, m_forward->maxRows()), name);
    for (CudaStepEvents& events : m_events) {
        INGLENOOK_CUDA_TRY(cudaEventCreate(&events.begun), name);
        INGLENOOK_CUDA_TRY(cudaEventCreate(&events.done), name);
    }
    return {};
}

void CudaExecutor::release() {
    (void)cudaSetDevice(m_index);
    if (m_stream != nullptr) // nobody waits twice for what never comes: others stand behind it
        awaitOrGiveUp(m_index, m_stream,
                      m_isLate || m_slots.isLate() ? std::chrono::steady_clock::now()
                                                   : deadlineOfAll());
    const CudaAbandon abandon(isCudaHung(m_index));
    m_graphs.drop();
    m_clock.reset();
    m_timings.clear();
    for (CudaStaging& staging : m_staging)
        staging.release();
    for (CudaStepEvents& events : m_events)
        for (cudaEvent_t* event : {&events.begun, &events.done})
            if (*event != nullptr && !CudaAbandon::isOn())
                (void)cudaEventDestroy(std::exchange(*event, nullptr));
    m_inFlight.clear();
    m_forward.reset();
    m_slots.release();
    m_sampled.clear();
    m_kv.release();
    m_weights.release();
    (void)cudaGetLastError();
}

Status CudaExecutor::checkSlot(SlotId slot) const {
    if (slot < m_sampled.size())
        return {};
    return brokenCall("slot " + std::to_string(slot) + " of " + std::to_string(m_sampled.size()));
}

Status CudaExecutor::setSlot(SlotId slot, const SamplerSpec& spec) {
    INGLENOOK_TRY(checkSlot(slot));
    INGLENOOK_TRY(validate(spec));
    INGLENOOK_TRY(note(use()));
    try {
        m_sampled[slot] = false;
        return note(m_slots.set(slot, spec, m_stream, deadlineOfAll()));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "sampler state"}, {"free", "less"}});
    }
}

Status CudaExecutor::setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) {
    INGLENOOK_TRY(checkSlot(slot));
    if (!allowedBits.empty() && allowedBits.size() < (m_config.vocabularySize + 31) / 32)
        return brokenCall("a vocabulary mask shorter than the vocabulary");
    INGLENOOK_TRY(note(use()));
    return note(m_slots.setMask(slot, allowedBits, m_stream));
}

CudaStepLimits CudaExecutor::stepLimits() const {
    return {m_forward->maxRows(), m_forward->context(), m_forward->pageCapacity(), m_kv.pageCount(),
            m_config.vocabularySize};
}

Result<Ticket> CudaExecutor::submit(Batch batch) {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    if (m_inFlight.size() >= kTicketsInFlight)
        return brokenCall("a third ticket in flight");
    INGLENOOK_TRY(checkBatch(batch, stepLimits(), m_sampled));
    INGLENOOK_TRY(note(use()));
    try {
        InFlight flight;
        flight.ticket = m_nextTicket;
        flight.batch = std::move(batch);
        flight.staging = m_nextTicket % kTicketsInFlight;
        flight.begin = std::chrono::steady_clock::now();
        CudaStaging& staging = m_staging[flight.staging];
        flight.described = describeBatch(flight.batch, m_forward->batchAt(staging.batch));
        CudaStep& step = flight.described.step;
        step.splits = m_forward->splitsFor(step, flight.described.longest);
        INGLENOOK_TRY(note(
            cudaStatus(staging.growLogits(flight.described.hostLogits * m_config.vocabularySize),
                       shortName())));
        if (Status failed = note(launch(flight)); !failed.ok()) {
            if (failed != Code::DeviceLost) // what has begun still reads the staging
                (void)note(awaitAll());
            return failed;
        }
        flight.launched = std::chrono::steady_clock::now();
        for (const BatchRow& row : flight.batch.rows)
            if (row.want != Want::Nothing && row.slot != kNoSlot)
                m_sampled[row.slot] = true;
        m_inFlight.push_back(std::move(flight));
        return m_nextTicket++;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a step"}, {"free", "less"}});
    }
}

Status CudaExecutor::launch(const InFlight& flight) {
    const std::string name = shortName();
    const CudaStaging& staging = m_staging[flight.staging];
    const CudaStep& step = flight.described.step;
    INGLENOOK_CUDA_TRY(cudaEventRecord(eventsOf(flight.ticket).begun, m_stream), name);
    INGLENOOK_CUDA_TRY(m_forward->upload(staging.batch, flight.described.pages, m_stream), name);
    const bool decodes = step.single() && isPureDecode(flight.batch) && !flight.batch.reproducible;
    cudaGraphExec_t graph = nullptr;
    if (m_clock != nullptr) {
        INGLENOOK_CUDA_TRY(m_clock->prepare(*m_forward, step, decodes, flight.staging, m_stream),
                           name);
        INGLENOOK_CUDA_TRY(
            m_clock->launch(*m_forward, step, staging.logits, flight.staging, m_stream), name);
    } else {
        if (decodes && !m_forward->isObserved())
            INGLENOOK_CUDA_TRY(m_graphs.find(step, *m_forward, m_stream, graph), name);
        INGLENOOK_CUDA_TRY(graph != nullptr ? cudaGraphLaunch(graph, m_stream)
                                            : m_forward->run(step, staging.logits, m_stream),
                           name);
    }
    INGLENOOK_CUDA_TRY(m_forward->download(staging.tokens, flight.described.wanted, m_stream),
                       name);
    INGLENOOK_CUDA_TRY(cudaEventRecord(eventsOf(flight.ticket).done, m_stream), name);
    return {};
}

std::uint32_t CudaExecutor::cheapRows() const {
    return m_forward != nullptr ? m_forward->cheapRows() : 0;
}

/// A fault is for collect() to tell.
bool CudaExecutor::isDone(Ticket ticket) const {
    if (m_inFlight.empty() || m_inFlight.front().ticket != ticket || !use().ok())
        return true;
    const InFlight& flight = m_inFlight.front();
    return isCudaDone(eventsOf(ticket).done) ||
           std::chrono::steady_clock::now() > deadlineOf(flight);
}

BatchResult CudaExecutor::collect(Ticket ticket) {
    BatchResult result;
    if (m_inFlight.empty() || m_inFlight.front().ticket != ticket) {
        result.status = brokenCall("ticket " + std::to_string(ticket) + " is not the oldest");
        return result;
    }
    const InFlight flight = std::move(m_inFlight.front());
    m_inFlight.pop_front();
    result.status = note(use());
    if (result.status.ok())
        result.status = note(waited(awaitCudaEvent(eventsOf(ticket).done, deadlineOf(flight))));
    if (!result.status.ok())
        return result;
    try {
        const CudaStaging& staging = m_staging[flight.staging];
        answerBatch(flight.batch, staging.tokens, staging.logits, m_config.vocabularySize, result);
        if (m_clock != nullptr)
            result.status = note(cudaStatus(
                m_clock->take(flight.staging, flight.batch, flight.described.step), shortName()));
    } catch (const std::bad_alloc&) {
        result.rows.clear();
        result.status =
            Status(Code::OutOfMemory, {{"need", "the logits of a step"}, {"free", "less"}});
    }
    // A step that was submitted beside the one before it began when that one was done.
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds total = now - std::max(flight.begin, m_collected);
    m_collected = now;
    result.timings = timingsOf(flight, total.count());
    timeOnDevice(ticket, result.timings);
    return result;
}

void CudaExecutor::timeOnDevice(Ticket ticket, StepTimings& timings) const {
    const auto between_ns = [](cudaEvent_t from, cudaEvent_t to) {
        float elapsed_ms = 0;
        if (cudaEventElapsedTime(&elapsed_ms, from, to) == cudaSuccess)
            return static_cast<std::int64_t>(double{elapsed_ms} * 1e6);
        (void)cudaGetLastError(); // a figure is missing, not a step
        return std::int64_t{0};
    };
    timings.device_ns = between_ns(eventsOf(ticket).begun, eventsOf(ticket).done);
    if (ticket > 1)
        timings.idle_ns = between_ns(eventsOf(ticket - 1).done, eventsOf(ticket).begun);
}

CudaDeadline CudaExecutor::deadlineOf(const InFlight& flight) const {
    return std::max(flight.launched, m_collected) + stepPatience(timingsOf(flight, 0));
}

CudaDeadline CudaExecutor::deadlineOfAll() const {
    CudaDeadline deadline = std::chrono::steady_clock::now() + stepPatience({});
    for (const InFlight& flight : m_inFlight)
        deadline += stepPatience(timingsOf(flight, 0));
    return deadline;
}

Status CudaExecutor::awaitAll() {
    return waited(awaitCudaStream(m_stream, deadlineOfAll()));
}

Status CudaExecutor::waited(cudaError_t answer) {
    m_isLate = m_isLate || answer == kCudaLate;
    return cudaStatus(answer, shortName());
}

StepTimings CudaExecutor::timingsOf(const InFlight& flight, std::int64_t total_ns) const {
    const std::uint64_t weights =
        m_weights.layerBytes() + m_weights.headBytes() * flight.described.step.passes.size();
    return timingsOfBatch(flight.batch, total_ns, weights, m_kv.pageBytes() / kPageTokens);
}

Status CudaExecutor::copyPage(PageId from, PageId to) {
    INGLENOOK_TRY(note(use()));
    return note(m_kv.copyPage(from, to, m_stream));
}

Result<std::vector<std::byte>> CudaExecutor::savePage(PageId page) {
    INGLENOOK_TRY(note(use()));
    INGLENOOK_TRY(note(awaitAll()));
    Result<std::vector<std::byte>> bytes = m_kv.savePage(page, m_stream);
    INGLENOOK_TRY(note(bytes.status()));
    return bytes;
}

Status CudaExecutor::restorePage(PageId page, std::span<const std::byte> bytes) {
    INGLENOOK_TRY(note(use()));
    INGLENOOK_TRY(note(awaitAll()));
    return note(m_kv.restorePage(page, bytes, m_stream));
}

void CudaExecutor::poison() {
    if (m_forward == nullptr || !note(use()).ok())
        return;
    (void)note(cudaStatus(m_kv.poison(m_stream), shortName()));
    (void)note(cudaStatus(m_forward->poison(m_stream), shortName()));
}

Status CudaExecutor::setActivations(ActivationFormat format) {
    const bool possible = m_forward != nullptr && m_formats.activations != ActivationFormat::F32 &&
                          (format == ActivationFormat::BF16 ||
                           (format == ActivationFormat::Int8 && m_hasInt8Workspace));
    if (!possible)
        return Executor::setActivations(format);
    m_formats.activations = format;
    m_forward->setActivations(format);
    m_graphs.drop(); // of large batches, which depend on it
    return {};
}

void CudaExecutor::useInt8WhereFaster() {
    if (m_forward != nullptr)
        m_forward->useInt8WhereFaster();
}

Status CudaExecutor::timeStages(bool on) {
    INGLENOOK_TRY(note(use()));
    m_timings = stageTimings();
    m_clock.reset();
    if (!on)
        return {};
    m_timings.clear();
    m_clock.reset(new (std::nothrow) CudaStageClock(m_config, m_weights, m_kv));
    return m_clock != nullptr ? Status()
                              : Status(Code::OutOfMemory, {{"need", "a clock"}, {"free", "less"}});
}

std::vector<StageTiming> CudaExecutor::stageTimings() const {
    return m_clock != nullptr ? m_clock->timings() : m_timings;
}

Result<std::vector<StageError>> CudaExecutor::checkStages(Batch batch) {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    INGLENOOK_TRY(checkBatch(batch, stepLimits(), m_sampled));
    INGLENOOK_TRY(note(use()));
    try {
        CpuWorkers workers(usableCores());
        CudaStageCheck check(m_config, m_formats, m_weights, m_kv, *m_forward, workers,
                             shortName());
        INGLENOOK_TRY(note(check.prepare(batch, m_slots.lastTokens(), m_stream)));
        m_forward->observe(&check);
        const Result<Ticket> ticket = submit(std::move(batch));
        m_forward->observe(nullptr);
        if (!ticket.ok())
            return ticket.status();
        const BatchResult result = collect(*ticket);
        if (!result.status.ok())
            return result.status;
        return check.errors();
    } catch (const std::bad_alloc&) {
        m_forward->observe(nullptr);
        return Status(Code::OutOfMemory, {{"need", "the slow twins"}, {"free", "less"}});
    }
}

ComputeLimits CudaExecutor::measureComputeLimits() {
    if (m_forward == nullptr || !note(use()).ok())
        return {};
    ComputeLimits limits;
    limits.attention = measureCudaPeak(kernels::cuda::Peak::BF16, m_limits, shortName(), m_stream);
    limits.products =
        m_formats.activations == ActivationFormat::Int8
            ? measureCudaPeak(kernels::cuda::Peak::Int8, m_limits, shortName(), m_stream)
        : m_formats.activations == ActivationFormat::F32
            ? measureCudaPeak(kernels::cuda::Peak::F32, m_limits, shortName(), m_stream)
            : limits.attention;
    return limits;
}

double CudaExecutor::measureReadBandwidth() {
    return note(use()).ok() ? measureCudaRead(m_limits, shortName(), m_stream) : 0;
}

} // namespace engine
