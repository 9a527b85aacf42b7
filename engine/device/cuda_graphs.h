#pragma once
// CudaGraphs: the captured decode steps of one GPU, by shape. Part of libinglenook_cuda.so.

#include "engine/device/cuda_forward.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>

namespace engine {

class CudaGraphs {
  public:
    CudaGraphs() = default;
    ~CudaGraphs() { drop(); }
    CudaGraphs(const CudaGraphs&) = delete;
    CudaGraphs& operator=(const CudaGraphs&) = delete;

    /// The graph of a step of decoding rows, captured when its shape comes a second time in the
    /// same buffer; `graph` is nullptr before: the step then runs kernel by kernel, which loads the
    /// kernels, and many shapes never come back. May wait for the device.
    cudaError_t find(const CudaStep& step, CudaForward& forward, cudaStream_t stream,
                     cudaGraphExec_t& graph);
    /// Forgets all of them: what they do has changed.
    void drop();

    /// Makes a graph of what `put` puts on the stream; nothing of it runs.
    static cudaError_t capture(const std::function<cudaError_t()>& put, cudaStream_t stream,
                               cudaGraphExec_t& graph);

  private:
    using Shape = std::array<std::uint32_t, 3>; // rows, splits, buffer

    std::map<Shape, cudaGraphExec_t> m_graphs; // nullptr: seen once
};

} // namespace engine
