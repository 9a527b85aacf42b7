#include "engine/device/cuda_rank.h"

#include "engine/device/cuda_status.h"

#include <utility>

namespace engine {

CudaRank::CudaRank(int device, OpenedCudaDevice opened)
    : m_device(device),
      m_use(std::move(opened.use)),
      m_productName(std::move(opened.productName)),
      m_limits(opened.limits) {}

CudaRank::~CudaRank() {
    release();
    if (isCudaHung(m_device))
        return;
    for (const cudaEvent_t event : m_done)
        if (event != nullptr)
            (void)cudaEventDestroy(event);
    m_uploads.close();
    if (m_stream != nullptr)
        (void)cudaStreamDestroy(m_stream);
}

Status CudaRank::use() const {
    return useCudaDevice(m_device, name());
}

Status CudaRank::open() {
    INGLENOOK_TRY(use());
    INGLENOOK_CUDA_TRY(cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking), name());
    INGLENOOK_CUDA_TRY(m_uploads.open(), name());
    for (cudaEvent_t& event : m_done)
        INGLENOOK_CUDA_TRY(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), name());
    return {};
}

Status CudaRank::plan(const ModelConfig& whole, const TensorSource& source,
                      const ExecutorPlan& plan, const NumberFormats& formats,
                      const RankShare& share, std::uint32_t rank, std::uint32_t ranks) {
    release();
    m_config = rankConfig(whole, share);
    INGLENOOK_TRY(m_weights.plan(whole, source, plan.formats.weights, &share));
    m_kv.plan(m_config, formats.kv, plan.pageCount);
    m_slots.plan(plan.slotCount, whole.vocabularySize);
    m_forward = std::make_unique<CudaForward>(m_config, formats, m_weights, m_kv, m_slots, m_limits,
                                              name());
    m_forward->shareWith(share, rank, ranks);
    m_forward->plan(plan.maxBatchRows, plan.context, plan.slotCount);
    return {};
}

Status CudaRank::plan(const ModelConfig& whole, const TensorSource& source,
                      const ExecutorPlan& plan, const NumberFormats& formats,
                      const LayerShare& share, bool hasInbox) {
    release();
    m_config = stretchConfig(whole, share);
    INGLENOOK_TRY(m_weights.plan(whole, source, plan.formats.weights, share));
    m_kv.plan(m_config, formats.kv, plan.pageCount);
    m_slots.plan(plan.slotCount, share.samples ? whole.vocabularySize : 0);
    m_forward = std::make_unique<CudaForward>(m_config, formats, m_weights, m_kv, m_slots, m_limits,
                                              name());
    m_forward->holdStretch(share, hasInbox);
    m_forward->plan(plan.maxBatchRows, plan.context, plan.slotCount);
    return {};
}

DeviceMemory CudaRank::memory() {
    DeviceMemory memory;
    memory.device = name();
    memory.weights_bytes = m_weights.plannedBytes();
    memory.kv_bytes = m_kv.plannedBytes();
    memory.workspace_bytes = m_forward->plannedBytes() + m_slots.plannedBytes();
    return memory;
}

Status CudaRank::allocate() {
    INGLENOOK_TRY(use());
    INGLENOOK_TRY(m_kv.allocate(name()));
    INGLENOOK_TRY(m_slots.allocate(name()));
    return m_forward->allocate();
}

void CudaRank::release() {
    (void)cudaSetDevice(m_device);
    // A group has waited for its steps before.
    awaitOrGiveUp(std::chrono::steady_clock::now() + stepPatience({}));
    const CudaAbandon abandon(isCudaHung(m_device));
    dropGraphs();
    m_forward.reset();
    m_slots.release();
    m_kv.release();
    m_weights.release();
    (void)cudaGetLastError();
}

Status CudaRank::prepare(const DescribedBatch& batch, std::int32_t* tokens, bool decodes) {
    INGLENOOK_TRY(use());
    m_step = batch.step;
    m_step.tokens = tokens;
    m_step.splits = m_forward->splitsFor(m_step, batch.longest);
    m_graph = nullptr;
    if (decodes && !m_forward->isObserved())
        INGLENOOK_CUDA_TRY(m_graphs.find(m_step, *m_forward, m_stream, m_graph), name());
    return {};
}

Status CudaRank::begin(const DescribedBatch& batch, const std::byte* pinned) {
    INGLENOOK_TRY(use());
    return cudaStatus(m_forward->upload(batch, pinned, m_uploads, m_stream), name());
}

Status CudaRank::run(float* logits) {
    return cudaStatus(m_graph != nullptr ? cudaGraphLaunch(m_graph, m_stream)
                                         : m_forward->run(m_step, logits, m_stream),
                      name());
}

Status CudaRank::end(std::size_t ticket) {
    return cudaStatus(cudaEventRecord(m_done[ticket], m_stream), name());
}

Status CudaRank::waitFor(const CudaRank& other, std::size_t ticket) {
    return cudaStatus(cudaStreamWaitEvent(m_stream, other.m_done[ticket], 0), name());
}

bool CudaRank::isDone(std::size_t ticket) const {
    return isCudaDone(m_done[ticket]);
}

Status CudaRank::failure(std::size_t ticket) const {
    const cudaError_t answer = cudaEventQuery(m_done[ticket]);
    if (answer != cudaErrorNotReady)
        return cudaStatus(answer, name());
    (void)cudaGetLastError(); // "not yet" is nobody's error
    return {};
}

Status CudaRank::await(std::size_t ticket, CudaDeadline deadline) {
    INGLENOOK_TRY(use());
    return waited(awaitCudaEvent(m_done[ticket], deadline));
}

Status CudaRank::awaitAll(CudaDeadline deadline) {
    // A step that was not launched may have left an upload that no step waits for.
    INGLENOOK_TRY(waited(awaitCudaStream(m_uploads.stream(), deadline)));
    return waited(awaitCudaStream(m_stream, deadline));
}

void CudaRank::awaitOrGiveUp(CudaDeadline deadline) {
    for (const cudaStream_t stream : {m_uploads.stream(), m_stream})
        if (stream != nullptr)
            engine::awaitOrGiveUp(m_device, stream, deadline);
}

Status CudaRank::waited(cudaError_t answer) {
    m_isLate = m_isLate || answer == kCudaLate;
    return cudaStatus(answer, name());
}

} // namespace engine
