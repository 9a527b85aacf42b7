#pragma once
// What one executor and a group of them ask of a CUDA device. Part of libinglenook_cuda.so.

#include "engine/device/cuda_turns.h"
#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"
#include "engine/model/weight_options.h"
#include "engine/status.h"
#include "kernels/cuda_reference.h"

#include <cuda_runtime_api.h>
#include <memory>
#include <string>

namespace engine {

/// A device that can be used; it is the thread's current one then.
struct OpenedCudaDevice {
    /// While anybody holds one, the driver keeps its context of the device, about half a gigabyte
    /// of the device's memory; that goes with the last one, and with it an error that stuck. Held
    /// longer than everything else of the device.
    std::shared_ptr<void> use;
    std::string productName;
    kernels::cuda::DeviceLimits limits;
};
/// CudaMissing or DeviceUnavailable says why not, as makeExecutor() tells them apart.
Result<OpenedCudaDevice> openCudaDevice(int index);

/// What Auto becomes.
NumberFormats resolveCudaFormats(NumberFormats requested, const ModelConfig& config,
                                 const TensorSource& source,
                                 const kernels::cuda::DeviceLimits& limits);

/// How fast the current device reads its own memory [GB/s]; 0 when it cannot be measured.
double measureCudaRead(const kernels::cuda::DeviceLimits& limits, const std::string& name,
                       cudaStream_t stream);

/// How fast its units multiply and add in registers [1e12 operations/s]; 0 when not measured.
double measureCudaPeak(kernels::cuda::Peak peak, const kernels::cuda::DeviceLimits& limits,
                       const std::string& name, cudaStream_t stream);

/// Page-locked memory, so that copies run beside the computation; every device may use it.
template<typename T>
cudaError_t allocatePinned(T*& memory, std::uint64_t count) {
    const CudaQuiet quiet;
    void* raw = nullptr;
    const cudaError_t error =
        cudaHostAlloc(&raw, count * sizeof(T), cudaHostAllocPortable | cudaHostAllocMapped);
    memory = static_cast<T*>(raw);
    return error;
}

} // namespace engine
