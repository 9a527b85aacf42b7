#pragma once
// CUDA errors become Statuses. Part of libinglenook_cuda.so.

#include "engine/model/memory_plan.h"
#include "engine/status.h"

#include <cuda_runtime_api.h>
#include <string>

namespace engine {

/// OutOfMemory for a failed allocation, DeviceLost for everything else.
inline Status cudaStatus(cudaError_t error, const std::string& device) {
    if (error == cudaSuccess)
        return {};
    (void)cudaGetLastError(); // errors that do not stick are forgotten here
    if (error == cudaErrorMemoryAllocation)
        return Status(Code::OutOfMemory, {{"need", "memory on " + device}, {"free", "less"}});
    return Status(Code::DeviceLost, {{"device", device}, {"reason", cudaGetErrorString(error)}});
}

} // namespace engine

/// Returns early with the Status of a CUDA call that failed.
#define INGLENOOK_CUDA_TRY(expression, device)                                                     \
    do {                                                                                           \
        if (const cudaError_t inglenookError = (expression); inglenookError != cudaSuccess)        \
            return ::engine::cudaStatus(inglenookError, device);                                   \
    } while (false)

/// Returns early with a CUDA error.
#define INGLENOOK_CUDA_CHECK(expression)                                                           \
    do {                                                                                           \
        if (const cudaError_t inglenookError = (expression); inglenookError != cudaSuccess)        \
            return inglenookError;                                                                 \
    } while (false)
