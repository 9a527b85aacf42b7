#include "engine/device/cuda_arena.h"

#include "engine/checked.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"
#include "engine/device/cuda_wait.h"

namespace engine {

namespace {
constexpr std::uint64_t kAlignment = 256;

cudaError_t allocateCuda(void*& memory, std::uint64_t bytes) {
    const CudaQuiet quiet;
    return cudaMalloc(&memory, bytes);
}
} // namespace

Status CudaArena::allocate(std::uint64_t bytes, const std::string& device) {
    release();
    if (bytes == 0)
        return {};
    void* memory = nullptr;
    if (const cudaError_t error = allocateCuda(memory, bytes); error != cudaSuccess) {
        (void)cudaGetLastError();
        std::size_t free = 0;
        std::size_t total = 0;
        (void)cudaMemGetInfo(&free, &total);
        if (error != cudaErrorMemoryAllocation)
            return cudaStatus(error, device);
        return Status(Code::OutOfMemory,
                      {{"need", formatBytes(bytes)}, {"free", formatBytes(free)}});
    }
    m_data = static_cast<std::byte*>(memory);
    m_bytes = bytes;
    INGLENOOK_CUDA_TRY(cudaMemset(m_data, 0, m_bytes), device);
    INGLENOOK_CUDA_TRY(cudaDeviceSynchronize(), device);
    return {};
}

void CudaArena::release() {
    freeCuda(m_data);
    m_data = nullptr;
    m_bytes = 0;
    m_used = 0;
}

std::byte* CudaArena::takeBytes(std::uint64_t bytes) {
    // A sum that wraps stays at the end and no allocation of it can succeed.
    const std::uint64_t at = m_used;
    const auto rounded = checkedAlign(bytes, kAlignment);
    const auto end = rounded ? checkedAdd(at, *rounded) : std::nullopt;
    m_used = end.value_or(UINT64_MAX);
    return m_data == nullptr || m_used > m_bytes ? nullptr : m_data + at;
}

} // namespace engine
