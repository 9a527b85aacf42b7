#pragma once
// What the sums over several GPUs do with a row of the new residual: its squares, and its norm as
// bf16 for the product behind them. A thread has four columns k..k+3 at a time.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// Squares of columns k..k+3 that exist.
__device__ inline float squaresOf(float4 v, std::uint32_t k, std::uint32_t columns) {
    return (k < columns ? v.x * v.x : 0.0F) + (k + 1 < columns ? v.y * v.y : 0.0F) +
           (k + 2 < columns ? v.z * v.z : 0.0F) + (k + 3 < columns ? v.w * v.w : 0.0F);
}
__device__ inline float4 weightsAt(const float* weights, std::uint32_t k, std::uint32_t columns) {
    return make_float4(k < columns ? weights[k] : 0.0F, k + 1 < columns ? weights[k + 1] : 0.0F,
                       k + 2 < columns ? weights[k + 2] : 0.0F,
                       k + 3 < columns ? weights[k + 3] : 0.0F);
}
/// Columns k..k+3 of a row, zero behind the last.
__device__ inline float4 keptOf(float4 v, std::uint32_t k, std::uint32_t columns) {
    return make_float4(k < columns ? v.x : 0.0F, k + 1 < columns ? v.y : 0.0F,
                       k + 2 < columns ? v.z : 0.0F, k + 3 < columns ? v.w : 0.0F);
}
/// Columns k..k+3 of a normed row, zero behind the last, where the next product reads them.
__device__ inline void storeNormed(std::uint16_t* row, std::uint32_t k, std::uint32_t columns,
                                   float4 v, bool preparedOrder) {
    v = keptOf(v, k, columns);
    const std::uint32_t low = packBf16(v.x, v.y);
    const std::uint32_t high = packBf16(v.z, v.w);
    if (!preparedOrder) {
        *reinterpret_cast<uint2*>(row + k) = make_uint2(low, high);
        return;
    }
    const std::uint32_t at = k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2; // quantize.cu
    *reinterpret_cast<std::uint32_t*>(row + at) = low;
    *reinterpret_cast<std::uint32_t*>(row + at + 8) = high;
}

/// The block's sum, the same bits in every thread. One barrier; `sums` must not be in use.
__device__ inline float blockSum(float value, float* sums) {
    value = warpSum(value);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    value = threadIdx.x % 32 < blockDim.x / 32 ? sums[threadIdx.x % 32] : 0.0F;
    return warpSum(value);
}

} // namespace kernels::cuda
