#pragma once
// Puts the GEMM of gemm_digits.cuh on a stream. Internal to kernels/cuda.
#include "kernels/cuda/gemm_digits.cuh"
#include "kernels/cuda/gemm_launch.cuh"

namespace kernels::cuda {

constexpr int kDigitThreads = kConsumerWarps * 32 + 32;

template<int kTokens, int kStages, int kBuffers, int kResident>
__global__ void __launch_bounds__(kDigitThreads, kResident)
    digitGemmKernel(const __grid_constant__ TensorGemm task) {
    digitGemm<kTokens, kStages, kBuffers>(task);
}

/// Launches `kernel`, of digitGemmKernel's shape. `splits`: blocks of a cluster that share K.
template<int kTokens, int kStages, class Kernel>
cudaError_t launchDigitKernel(Kernel kernel, const TensorProduct& product, const DigitRows& x,
                              std::uint32_t splits, cudaStream_t stream) {
    using S = DigitShared<kTokens, kStages>;
    TensorGemm task = describeProduct(product, kTokens, 1);
    cudaError_t error = describeInt8Weights(task, product);
    if (error == cudaSuccess)
        error = describePlanes(task.tokenMap, x.values, x.paddedColumns, product.rows, x.planeRows,
                               S::kChunk);
    if (error == cudaSuccess)
        error = allowSharedBeside(kernel, S::kBytes);
    if (error != cudaSuccess)
        return error;
    task.tokenScales = x.scales;
    task.tokenScaleStride = x.stride;
    cudaLaunchAttribute attributes[2] = {};
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim.x = splits;
    attributes[0].val.clusterDim.y = 1;
    attributes[0].val.clusterDim.z = 1;
    attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[1].val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(task.units * splits);
    config.blockDim = dim3(kDigitThreads);
    config.dynamicSmemBytes = S::kBytes;
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = 2;
    return cudaLaunchKernelEx(&config, kernel, task);
}

template<int kTokens, int kStages, int kBuffers, int kResident>
cudaError_t launchDigitGemm(const TensorProduct& product, const DigitRows& x, std::uint32_t splits,
                            cudaStream_t stream) {
    return launchDigitKernel<kTokens, kStages>(
        digitGemmKernel<kTokens, kStages, kBuffers, kResident>, product, x, splits, stream);
}

} // namespace kernels::cuda
