#include "engine/device/cuda_staging.h"

#include "engine/device/cuda_device.h"

namespace engine {

cudaError_t CudaStaging::allocate(std::uint64_t batchBytes, std::uint32_t maxRows) {
    const cudaError_t error = allocatePinned(batch, batchBytes);
    return error != cudaSuccess ? error : allocatePinned(tokens, maxRows);
}

cudaError_t CudaStaging::growLogits(std::uint64_t floats) {
    if (floats <= logitsFloats)
        return cudaSuccess;
    if (logits != nullptr)
        (void)cudaFreeHost(logits);
    logits = nullptr;
    logitsFloats = 0;
    const cudaError_t error = allocatePinned(logits, floats);
    if (error == cudaSuccess)
        logitsFloats = floats;
    return error;
}

void CudaStaging::release() {
    if (batch != nullptr)
        (void)cudaFreeHost(batch);
    if (tokens != nullptr)
        (void)cudaFreeHost(tokens);
    if (logits != nullptr)
        (void)cudaFreeHost(logits);
    *this = {};
}

} // namespace engine
