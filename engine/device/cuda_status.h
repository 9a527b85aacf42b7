#pragma once
// CUDA errors become Statuses. Part of libinglenook_cuda.so.

#include "engine/model/memory_plan.h"
#include "engine/phrase.h"
#include "engine/status.h"

#include <cstdlib>
#include <cuda_runtime_api.h>
#include <string>
#include <string_view>
#include <utility>

namespace engine {

/// OutOfMemory for a failed allocation, DeviceLost for everything else.
inline Status cudaStatus(cudaError_t error, const std::string& device) {
    if (error == cudaSuccess)
        return {};
    (void)cudaGetLastError(); // errors that do not stick are forgotten here
    if (error == cudaErrorMemoryAllocation)
        return Status(Code::OutOfMemory, {{"need", "memory on " + device}, {"free", "less"}});
    if (error == cudaErrorTimeout) // kCudaLate in cuda_wait.h
        return Status(
            Code::DeviceLost,
            {{"device", device},
             {"reason", PHRASE("Status", "a step did not end, long after it should have")}});
    return Status(Code::DeviceLost, {{"device", device}, {"reason", cudaGetErrorString(error)}});
}

/// A call that the executor's contract forbids.
inline Status brokenCall(std::string detail) {
    return Status(Code::InternalError, {{"detail", std::move(detail)}});
}

/// Makes a device the thread's current one. What a device that died before left behind in this
/// thread is no error of this one.
inline Status useCudaDevice(int device, const std::string& name) {
    const cudaError_t error = cudaSetDevice(device);
    (void)cudaGetLastError();
    return cudaStatus(error, name);
}

/// Whether everything before the event's record is done, or failed. Nobody shall find the answer
/// as an error later: "not yet" is none, and a failure is found by whoever waits for the event.
inline bool isCudaDone(cudaEvent_t event) {
    const cudaError_t answer = cudaEventQuery(event);
    if (answer != cudaSuccess)
        (void)cudaGetLastError();
    return answer != cudaErrorNotReady;
}

/// INGLENOOK_CUDA_PATH=portable: only kernels that every GPU from compute capability 8.0 on runs.
inline bool portablePathForced() {
    const char* path = std::getenv("INGLENOOK_CUDA_PATH");
    return path != nullptr && std::string_view(path) == "portable";
}

/// INGLENOOK_CUDA_PEERS=off: no GPU reaches another's memory, for machines where that is broken.
inline bool peersForbidden() {
    const char* peers = std::getenv("INGLENOOK_CUDA_PEERS");
    return peers != nullptr && std::string_view(peers) == "off";
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
