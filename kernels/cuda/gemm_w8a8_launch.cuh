#pragma once
// Puts the W8A8 GEMM on a stream.
#include "kernels/cuda/gemm_launch.cuh"
#include "kernels/cuda/gemm_w8a8.cuh"

namespace kernels::cuda {

constexpr int kInt8Threads = 384; // registers move between whole warpgroups only

__global__ void __launch_bounds__(kInt8Threads, 1)
    int8GemmKernel(const __grid_constant__ TensorGemm task) {
    int8Gemm(task);
}

inline cudaError_t launchInt8Gemm(const TensorProduct& product, const Int8Rows& x,
                                  cudaStream_t stream) {
    TensorGemm task = describeProduct(product, kInt8Tokens, 1);
    cudaError_t error = describeInt8Weights(task, product);
    if (error == cudaSuccess)
        error = describeMatrix(task.tokenMap, x.values, x.paddedColumns, product.rows,
                               kGroupColumns, kUnitTokens, true);
    if (error != cudaSuccess)
        return error;
    task.tokenScales = x.scales;
    task.tokenScaleStride = x.stride;
    constexpr int kBytes = Int8Shared::kBytes;
    static std::atomic<std::uint32_t> known{0};
    const std::uint32_t resident = rememberClusters(known, int8GemmKernel, kInt8Threads, kBytes, 1);
    return launchGemm(int8GemmKernel, task, std::min(task.units, resident), kInt8Threads, kBytes, 1,
                      stream);
}

} // namespace kernels::cuda
