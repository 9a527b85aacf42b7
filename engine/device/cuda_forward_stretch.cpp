// CudaForward as one of several GPUs that each hold a stretch of the layers: hidden states come
// from the GPU before it and go to the one behind it.
#include "engine/device/cuda_forward.h"

namespace engine {

void CudaForward::holdStretch(const LayerShare& share, bool hasInbox) {
    m_stretch = share;
    m_hasInbox = hasInbox;
}

std::uint64_t CudaForward::hiddenBytes(std::uint32_t rows) const {
    return std::uint64_t{rows} * m_hiddenStride * sizeof(float);
}

std::byte* CudaForward::inbox(std::size_t parity) const {
    return m_inbox == nullptr ? nullptr : m_inbox + parity * hiddenBytes(m_maxRows);
}

cudaError_t CudaForward::receive(const std::byte* from, std::uint32_t rows, cudaStream_t stream) {
    return cudaMemcpyAsync(m_residual, from, hiddenBytes(rows), cudaMemcpyDefault, stream);
}

cudaError_t CudaForward::send(std::byte* to, std::uint32_t rows, cudaStream_t stream) const {
    return cudaMemcpyAsync(to, m_residual, hiddenBytes(rows), cudaMemcpyDefault, stream);
}

} // namespace engine
