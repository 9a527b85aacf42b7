#pragma once
// The fast GEMV (gemv_stream.cuh) for its dispatcher.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// Precondition: gemvStreams(task).
cudaError_t streamInt8(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t streamInt8G32(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t streamInt4(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t streamInt4Min(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t streamInt4Zero(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
/// One of them.
cudaError_t gemvStream(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);

} // namespace kernels::cuda
