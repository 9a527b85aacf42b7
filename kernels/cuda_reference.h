#pragma once
// What speed and results of the CUDA kernels are compared with: ceilings of the units, and slow
// twins. Conventions: kernels/cuda_kernels.h.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// Which units a peak is of: fp32 fused multiply-add, or tensor cores.
enum class Peak : std::uint8_t { F32, BF16, Int8 };
/// Multiplies and adds in registers and shared memory alone: what no product of this path can be
/// faster than. `rounds` sets the time; `operations` are all that it does, 2 a multiply-add.
cudaError_t spin(Peak peak, std::uint32_t rounds, std::uint64_t& operations, float* sink,
                 const DeviceLimits& limits, cudaStream_t stream);

/// out[r][n] = sum over k of x[r][k] w[n][k], summed in double, one output a warp: the oracle of
/// every product. x is [rows][columns], out [rows][weights.rows]. `roundWeights`: w to bf16 first.
cudaError_t referenceProduct(const Matrix& weights, bool roundWeights, const float* x,
                             std::uint32_t rows, float* out, cudaStream_t stream);
/// out[i] = weight row ids[i], [count][columns].
cudaError_t referenceRows(const Matrix& weights, const std::int32_t* ids, std::uint32_t count,
                          float* out, cudaStream_t stream);

} // namespace kernels::cuda
