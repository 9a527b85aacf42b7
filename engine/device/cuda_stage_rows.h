#pragma once
// CudaRowsOnDevice: activation rows as a step leaves them in memory, fp32, bf16 in plain or
// prepared order, or digits in either layout; and what they hold, for whoever checks the step. Part
// of libinglenook_cuda.so.

#include "engine/device/cuda_stages.h"
#include "kernels/cuda_kernels.h"

#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>
#include <vector>

namespace engine {

struct CudaRowsOnDevice {
    const float* base = nullptr;
    std::uint32_t stride = 0; // elements
    std::uint32_t width = 0;
    CudaRowForm form = CudaRowForm::F32;
    kernels::cuda::DigitRows digits = {}; // in that form
};

/// The values of some rows as fp32 [rows][width], when the stream has come there.
cudaError_t fetchRows(const CudaRowsOnDevice& from, std::span<const std::uint32_t> rows,
                      cudaStream_t stream, std::vector<float>& to);
/// As many as there is room for.
cudaError_t fetchFloats(const float* from, cudaStream_t stream, std::vector<float>& to);

} // namespace engine
