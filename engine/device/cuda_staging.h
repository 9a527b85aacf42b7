#pragma once
// Page-locked host memory: a copy to or from pageable memory may wait for everything that its
// stream has yet to do. Part of libinglenook_cuda.so.

#include "engine/device/cuda_wait.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>

namespace engine {

/// CudaStaging: of one ticket in flight, of one GPU or of several: what a step uploads and what
/// comes back.
struct CudaStaging {
    std::byte* batch = nullptr;     // CudaForward::batchBytes(pageCapacity)
    std::int32_t* tokens = nullptr; // [maxRows] written by kernels, see CudaStep::tokens
    float* logits = nullptr;        // grows
    std::uint64_t logitsFloats = 0;

    cudaError_t allocate(std::uint64_t batchBytes, std::uint32_t maxRows);
    /// Room for so many logits; what stood there is gone when it grows.
    cudaError_t growLogits(std::uint64_t floats);
    void release();
};

/// CudaUploads: brings batches to one device on a stream of its own, beside the step that computes:
/// on the stream of the steps, each copy would stand between two of them. Its owner closes it,
/// unless the device hangs.
class CudaUploads {
  public:
    /// On the current device.
    cudaError_t open();
    void close();
    /// What is put on `steps` from now on begins when these bytes are there. `to` is memory that no
    /// step in flight reads: nothing but that keeps the copy from overtaking one.
    cudaError_t send(void* to, const std::byte* pinned, std::uint64_t bytes, cudaStream_t steps);
    /// To wait for. nullptr before open().
    cudaStream_t stream() const { return m_stream; }

  private:
    cudaStream_t m_stream = nullptr;
    cudaEvent_t m_sent = nullptr; // the copy that was sent last
};

/// CudaCopyRing: buffers that take turns for copies to the device between steps. One is written
/// again when the copy that it held last has left.
class CudaCopyRing {
  public:
    CudaCopyRing() = default;
    ~CudaCopyRing() { release(); }
    CudaCopyRing(const CudaCopyRing&) = delete;
    CudaCopyRing& operator=(const CudaCopyRing&) = delete;

    /// On the current device, with room for copies of `bytes`.
    cudaError_t allocate(std::uint64_t bytes);
    void release();

    /// The buffer to fill next. Waits only where the copies of all of them are under way, for no
    /// longer than to `deadline`.
    cudaError_t next(std::byte*& buffer, CudaDeadline deadline);
    /// A copy had not left by its deadline.
    bool isLate() const { return m_isLate; }
    /// Copies the first `bytes` of that buffer to the device, in the order of `stream`.
    cudaError_t send(void* to, std::uint64_t bytes, cudaStream_t stream);

  private:
    struct Buffer {
        std::byte* memory = nullptr;
        cudaEvent_t sent = nullptr;
    };
    std::array<Buffer, 4> m_buffers;
    std::size_t m_next = 0;
    bool m_isLate = false;
};

} // namespace engine
