#include "engine/device/cuda_graphs.h"

#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"
#include "engine/device/cuda_wait.h"

namespace engine {

namespace {
constexpr std::size_t kMostGraphs = 64 * kCudaStepsInFlight;
} // namespace

cudaError_t CudaGraphs::find(const CudaStep& step, CudaForward& forward, cudaStream_t stream,
                             cudaGraphExec_t& graph) {
    const Shape shape{step.rows, step.splits, step.buffer};
    const bool seen = m_graphs.contains(shape);
    if (!seen && m_graphs.size() >= kMostGraphs)
        drop();
    cudaGraphExec_t& kept = m_graphs[shape];
    if (seen && kept == nullptr)
        INGLENOOK_CUDA_CHECK(
            capture([&] { return forward.run(step, nullptr, stream); }, stream, kept));
    graph = kept;
    return cudaSuccess;
}

void CudaGraphs::drop() {
    const CudaQuiet quiet;
    for (const auto& [shape, graph] : m_graphs)
        if (graph != nullptr && !CudaAbandon::isOn())
            (void)cudaGraphExecDestroy(graph);
    m_graphs.clear();
}

cudaError_t CudaGraphs::capture(const std::function<cudaError_t()>& put, cudaStream_t stream,
                                cudaGraphExec_t& graph) {
    const CudaQuiet quiet;
    INGLENOOK_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    const cudaError_t launched = put();
    cudaGraph_t captured = nullptr;
    cudaError_t error = cudaStreamEndCapture(stream, &captured);
    if (launched != cudaSuccess)
        error = launched;
    if (error == cudaSuccess)
        error = cudaGraphInstantiate(&graph, captured, 0);
    if (captured != nullptr)
        (void)cudaGraphDestroy(captured);
    // The first launch of a graph is then as quick as the others.
    return error == cudaSuccess ? cudaGraphUpload(graph, stream) : error;
}

} // namespace engine
