#pragma once
// One file a kind, so that they compile side by side. Internal to kernels/cuda.
#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

cudaError_t tensorGemmInt8(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream);
cudaError_t tensorGemmInt4(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream);
cudaError_t tensorGemmInt4Min(const TensorProduct& product, const PreparedRows& x,
                              const DeviceLimits& limits, cudaStream_t stream);
cudaError_t tensorGemmInt4Zero(const TensorProduct& product, const PreparedRows& x,
                               const DeviceLimits& limits, cudaStream_t stream);
cudaError_t tensorGemmBF16(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream);

} // namespace kernels::cuda
