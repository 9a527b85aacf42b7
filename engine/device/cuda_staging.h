#pragma once
// CudaStaging: the page-locked host memory of one ticket in flight, of one GPU or of several: what
// a step uploads and what comes back. Part of libinglenook_cuda.so.

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>

namespace engine {

struct CudaStaging {
    std::byte* batch = nullptr;     // CudaForward::batchBytes(pageCapacity)
    std::int32_t* tokens = nullptr; // [maxRows]
    float* logits = nullptr;        // grows
    std::uint64_t logitsFloats = 0;

    cudaError_t allocate(std::uint64_t batchBytes, std::uint32_t maxRows);
    /// Room for so many logits; what stood there is gone when it grows.
    cudaError_t growLogits(std::uint64_t floats);
    void release();
};

} // namespace engine
