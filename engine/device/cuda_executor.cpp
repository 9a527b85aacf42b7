#include "engine/device/cuda_executor.h"

#include "engine/device/cpu_sampler.h"
#include "engine/device/cuda_device.h"
#include "engine/device/cuda_stage_check.h"
#include "engine/device/cuda_status.h"
#include "engine/model/quantize.h"

#include <new>
#include <string>
#include <utility>

namespace engine {

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
        INGLENOOK_CUDA_TRY(executor->m_uploads.open(), executor->shortName());
        return std::unique_ptr<Executor>(std::move(executor));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "an executor"}, {"free", "less"}});
    }
}

CudaExecutor::~CudaExecutor() {
    release();
    if (isCudaHung(m_index))
        return;
    m_uploads.close();
    if (m_stream != nullptr)
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
    m_forward = std::make_unique<CudaForward>(m_config, m_formats, m_weights, m_kv, m_slots,
                                              m_limits, name);
    m_forward->plan(plan.maxBatchRows, plan.context, plan.slotCount);
    INGLENOOK_TRY(m_forward->allocate());
    INGLENOOK_CUDA_TRY(m_forward->warmUp(m_stream), name);
    m_hasInt8Workspace = m_formats.activations == ActivationFormat::Int8;
    INGLENOOK_CUDA_TRY(m_steps.allocate(*m_forward, plan.slotCount), name);
    for (CudaStepEvents& events : m_events) {
        INGLENOOK_CUDA_TRY(cudaEventCreate(&events.begun), name);
        INGLENOOK_CUDA_TRY(cudaEventCreate(&events.done), name);
    }
    return {};
}

void CudaExecutor::release() {
    (void)cudaSetDevice(m_index);
    // Nobody waits twice for what never comes: others stand behind it.
    const CudaDeadline deadline =
        m_isLate || m_slots.isLate() ? std::chrono::steady_clock::now() : deadlineOfAll();
    for (const cudaStream_t stream : {m_uploads.stream(), m_stream})
        if (stream != nullptr)
            awaitOrGiveUp(m_index, stream, deadline);
    const CudaAbandon abandon(isCudaHung(m_index));
    m_graphs.drop();
    m_clock.reset();
    m_timings.clear();
    m_steps.release();
    for (CudaStepEvents& events : m_events)
        for (cudaEvent_t* event : {&events.begun, &events.done})
            if (*event != nullptr && !CudaAbandon::isOn())
                (void)cudaEventDestroy(std::exchange(*event, nullptr));
    m_forward.reset();
    m_slots.release();
    m_kv.release();
    m_weights.release();
    (void)cudaGetLastError();
}

Status CudaExecutor::setSlot(SlotId slot, const SamplerSpec& spec) {
    INGLENOOK_TRY(m_steps.checkSlot(slot));
    INGLENOOK_TRY(validate(spec));
    INGLENOOK_TRY(note(use()));
    try {
        m_steps.reset(slot);
        return note(m_slots.set(slot, spec, m_stream, deadlineOfAll()));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "sampler state"}, {"free", "less"}});
    }
}

Status CudaExecutor::setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) {
    INGLENOOK_TRY(m_steps.checkSlot(slot));
    if (!allowedBits.empty() && allowedBits.size() < (m_config.vocabularySize + 31) / 32)
        return brokenCall("a vocabulary mask shorter than the vocabulary");
    INGLENOOK_TRY(note(use()));
    return note(m_slots.setMask(slot, allowedBits, m_stream));
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
    INGLENOOK_TRY(checkBatch(batch, stepLimits(), m_steps.sampled()));
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
