#include "engine/device/cuda_rank.h"

#include "engine/device/cuda_status.h"

#include <utility>

namespace engine {

namespace {
constexpr std::size_t kMostGraphs = 64;
} // namespace

CudaRank::CudaRank(int device, OpenedCudaDevice opened)
    : m_device(device), m_productName(std::move(opened.productName)), m_limits(opened.limits) {}

CudaRank::~CudaRank() {
    release();
    for (const cudaEvent_t event : m_done)
        if (event != nullptr)
            (void)cudaEventDestroy(event);
    if (m_stream != nullptr)
        (void)cudaStreamDestroy(m_stream);
}

Status CudaRank::use() const {
    return cudaStatus(cudaSetDevice(m_device), name());
}

Status CudaRank::open() {
    INGLENOOK_TRY(use());
    INGLENOOK_CUDA_TRY(cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking), name());
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

void CudaRank::dropGraphs() {
    for (auto& [key, graph] : m_graphs)
        if (graph.exec != nullptr)
            (void)cudaGraphExecDestroy(graph.exec);
    m_graphs.clear();
}

void CudaRank::release() {
    (void)cudaSetDevice(m_device);
    if (m_stream != nullptr)
        (void)cudaStreamSynchronize(m_stream);
    dropGraphs();
    m_forward.reset();
    m_slots.release();
    m_kv.release();
    m_weights.release();
    (void)cudaGetLastError();
}

cudaError_t CudaRank::capture(cudaGraphExec_t& exec) {
    INGLENOOK_CUDA_CHECK(cudaStreamBeginCapture(m_stream, cudaStreamCaptureModeThreadLocal));
    const cudaError_t launched = m_forward->run(m_step, nullptr, m_stream);
    cudaGraph_t graph = nullptr;
    cudaError_t error = cudaStreamEndCapture(m_stream, &graph);
    if (error == cudaSuccess)
        error = launched;
    if (error == cudaSuccess)
        error = cudaGraphInstantiate(&exec, graph, 0);
    if (graph != nullptr)
        (void)cudaGraphDestroy(graph);
    if (error == cudaSuccess)
        error = cudaGraphUpload(exec, m_stream);
    return error;
}

Status CudaRank::prepare(const DescribedBatch& batch, bool decodes) {
    INGLENOOK_TRY(use());
    m_step = batch.step;
    m_step.splits = m_forward->splitsFor(batch.splitRows(), batch.longest, m_step.single());
    m_graph = nullptr;
    if (!decodes)
        return {};
    const std::uint64_t key = std::uint64_t{m_step.rows} << 32 | m_step.splits;
    const bool seen = m_graphs.contains(key);
    if (!seen && m_graphs.size() >= kMostGraphs)
        dropGraphs();
    Graph& graph = m_graphs[key];
    if (seen && graph.exec == nullptr)
        INGLENOOK_CUDA_TRY(capture(graph.exec), name());
    m_graph = graph.exec;
    return {};
}

Status CudaRank::launch(const DescribedBatch& batch, const std::byte* pinned, float* logits,
                        std::int32_t* tokens, std::size_t ticket) {
    INGLENOOK_TRY(use());
    INGLENOOK_CUDA_TRY(m_forward->upload(pinned, batch.pages, m_stream), name());
    INGLENOOK_CUDA_TRY(m_graph != nullptr ? cudaGraphLaunch(m_graph, m_stream)
                                          : m_forward->run(m_step, logits, m_stream),
                       name());
    if (tokens != nullptr)
        INGLENOOK_CUDA_TRY(m_forward->download(tokens, batch.wanted, m_stream), name());
    INGLENOOK_CUDA_TRY(cudaEventRecord(m_done[ticket], m_stream), name());
    return {};
}

Status CudaRank::await(std::size_t ticket) {
    return cudaStatus(cudaEventSynchronize(m_done[ticket]), name());
}

} // namespace engine
