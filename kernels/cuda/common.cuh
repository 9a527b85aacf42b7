#pragma once
// What every kernel file shares: reductions, bf16, bytes that become floats.

#include "kernels/cuda/ptx.cuh"
#include "kernels/cuda_kernels.h"

#include <cstdlib>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace kernels::cuda {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;

__device__ inline float warpSum(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(kAllLanes, value, offset);
    return value;
}

__device__ inline float warpMax(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
    return value;
}

__device__ inline float bf16Low(std::uint32_t pair) {
    return __uint_as_float(pair << 16);
}
__device__ inline float bf16High(std::uint32_t pair) {
    return __uint_as_float(pair & 0xFFFF0000U);
}
__device__ inline float roundBf16(float value) {
    return __bfloat162float(__float2bfloat16_rn(value));
}
__device__ inline std::uint32_t packBf16(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const std::uint32_t*>(&pair);
}
/// The zero point that a scale of Int4Zero carries: half of its five lowest bits.
__device__ inline float zeroPoint(std::uint16_t scale) {
    return static_cast<float>(scale & 31U) * 0.5F;
}
__device__ inline float halfToFloat(std::uint16_t bits) {
    return __half2float(__ushort_as_half(bits));
}

/// Byte `index` of `word` as an unsigned integer on top of 2^23: one PRMT, no conversion.
__device__ inline float byteOnMagic(std::uint32_t word, int index) {
    return __uint_as_float(permute(word, 0x4B000000U, 0x7440U + static_cast<unsigned>(index)));
}
constexpr float kMagic = 8388608.0F; // 2^23

/// Asks for more dynamic shared memory than a block has by default.
template<typename Kernel>
cudaError_t allowShared(Kernel kernel, std::size_t bytes) {
    if (bytes <= 40 * 1024) // what a kernel has of its own counts too
        return cudaSuccess;
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(bytes));
}
/// For kernels that run beside others: a multiprocessor changes its division into L1 and shared
/// memory only when it is empty, so all of them ask for the same one.
template<typename Kernel>
cudaError_t allowSharedBeside(Kernel kernel, std::size_t bytes) {
    const cudaError_t error = cudaFuncSetAttribute(
        kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
    return error != cudaSuccess ? error : allowShared(kernel, bytes);
}

/// Shared memory that keeps a second block off the multiprocessor. Kernels that start early ask for
/// it: beside a running block the scheduler would put two blocks of the next kernel on one
/// multiprocessor and none on another, and the step waits for the slowest.
inline std::size_t aloneOnMultiprocessor(const DeviceLimits& limits) {
    return limits.sharedBytes / 2 + 2048;
}
/// Launches; with `overlap` the kernel may start before the one ahead of it in the stream is done
/// and calls waitForPrevious() itself. More than one block a cluster (along x): sm_90.
template<typename... Parameters, typename... Arguments>
cudaError_t launchClusters(void (*kernel)(Parameters...), dim3 grid, unsigned cluster,
                           unsigned threads, std::size_t shared, cudaStream_t stream, bool overlap,
                           const Arguments&... arguments) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    cudaLaunchAttribute attributes[2] = {};
    config.attrs = attributes;
    if (overlap) {
        cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
        attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        attribute.val.programmaticStreamSerializationAllowed = 1;
    }
    if (cluster > 1) {
        cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
        attribute.id = cudaLaunchAttributeClusterDimension;
        attribute.val.clusterDim.x = cluster;
        attribute.val.clusterDim.y = 1;
        attribute.val.clusterDim.z = 1;
    }
    return cudaLaunchKernelEx(&config, kernel, arguments...);
}
template<typename... Parameters, typename... Arguments>
cudaError_t launchKernel(void (*kernel)(Parameters...), dim3 grid, unsigned threads,
                         std::size_t shared, cudaStream_t stream, bool overlap,
                         const Arguments&... arguments) {
    return launchClusters(kernel, grid, 1, threads, shared, stream, overlap, arguments...);
}

/// Whether kernels between those of so many rows start early (sm_90): their launches and beginnings
/// then stand beside the ends of those before them. Few rows choose for themselves.
inline bool startsEarly(std::uint32_t rows) {
    return rows > 128;
}

inline std::uint32_t ceilDivide(std::uint32_t a, std::uint32_t b) {
    return (a + b - 1) / b;
}

} // namespace kernels::cuda
