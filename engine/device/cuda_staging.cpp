#include "engine/device/cuda_staging.h"

#include "engine/device/cuda_device.h"
#include "engine/device/cuda_status.h"

#include <utility>

namespace engine {

cudaError_t CudaStaging::allocate(std::uint64_t batchBytes, std::uint32_t maxRows) {
    const cudaError_t error = allocatePinned(batch, batchBytes);
    return error != cudaSuccess ? error : allocatePinned(tokens, maxRows);
}

cudaError_t CudaStaging::growLogits(std::uint64_t floats) {
    if (floats <= logitsFloats)
        return cudaSuccess;
    freePinned(logits);
    logits = nullptr;
    logitsFloats = 0;
    const cudaError_t error = allocatePinned(logits, floats);
    if (error == cudaSuccess)
        logitsFloats = floats;
    return error;
}

void CudaStaging::release() {
    freePinned(batch);
    freePinned(tokens);
    freePinned(logits);
    *this = {};
}

cudaError_t CudaUploads::open() {
    INGLENOOK_CUDA_CHECK(cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking));
    return cudaEventCreateWithFlags(&m_sent, cudaEventDisableTiming);
}

void CudaUploads::close() {
    if (m_sent != nullptr)
        (void)cudaEventDestroy(std::exchange(m_sent, nullptr));
    if (m_stream != nullptr)
        (void)cudaStreamDestroy(std::exchange(m_stream, nullptr));
}

cudaError_t CudaUploads::send(void* to, const std::byte* pinned, std::uint64_t bytes,
                              cudaStream_t steps) {
    INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(to, pinned, bytes, cudaMemcpyHostToDevice, m_stream));
    INGLENOOK_CUDA_CHECK(cudaEventRecord(m_sent, m_stream));
    return cudaStreamWaitEvent(steps, m_sent, 0);
}

cudaError_t CudaCopyRing::allocate(std::uint64_t bytes) {
    for (Buffer& buffer : m_buffers) {
        INGLENOOK_CUDA_CHECK(allocatePinned(buffer.memory, bytes));
        INGLENOOK_CUDA_CHECK(cudaEventCreateWithFlags(&buffer.sent, cudaEventDisableTiming));
    }
    return cudaSuccess;
}

void CudaCopyRing::release() {
    for (Buffer& buffer : m_buffers) {
        freePinned(buffer.memory);
        if (buffer.sent != nullptr && !CudaAbandon::isOn())
            (void)cudaEventDestroy(buffer.sent);
        buffer = {};
    }
}

cudaError_t CudaCopyRing::next(std::byte*& buffer, CudaDeadline deadline) {
    buffer = m_buffers[m_next].memory;
    // At once where nothing was sent.
    const cudaError_t answer = awaitCudaEvent(m_buffers[m_next].sent, deadline);
    m_isLate = m_isLate || answer == kCudaLate;
    return answer;
}

cudaError_t CudaCopyRing::send(void* to, std::uint64_t bytes, cudaStream_t stream) {
    const Buffer& buffer = m_buffers[m_next];
    m_next = (m_next + 1) % m_buffers.size();
    INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(to, buffer.memory, bytes, cudaMemcpyHostToDevice, stream));
    return cudaEventRecord(buffer.sent, stream);
}

} // namespace engine
