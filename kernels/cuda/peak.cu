// What the units of a GPU multiply and add when they wait for no memory: the ceiling of a roofline.
//
// Operands are small random numbers (zeros would draw less power and run faster), bf16 and int8
// through mma.sync on every GPU, through wgmma with weights in shared memory on Hopper. Every
// warp keeps sums enough that one product never waits for another.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/wgmma.cuh"
#include "kernels/cuda_reference.h"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kSums = 8; // independent sums of a warp or thread

__device__ std::uint32_t noise(std::uint32_t v) {
    v ^= v >> 16, v *= 0x7FEB352DU, v ^= v >> 15, v *= 0x846CA68BU, v ^= v >> 16;
    return v;
}
/// Two bf16 between 1 and 2 or -1 and -2.
__device__ std::uint32_t noiseBf16(std::uint32_t seed) {
    return (noise(seed) & 0x807F807FU) | 0x3F803F80U;
}

__global__ void __launch_bounds__(kThreads) spinFloatKernel(std::uint32_t rounds, float* sink) {
    float sums[kSums];
    const float a = 1.0F + 1e-7F * static_cast<float>(threadIdx.x);
    const float b = 1e-3F * static_cast<float>(noise(threadIdx.x) & 1023U);
#pragma unroll
    for (int i = 0; i < kSums; ++i)
        sums[i] = static_cast<float>(i);
    for (std::uint32_t round = 0; round < rounds; ++round)
#pragma unroll
        for (int step = 0; step < 8; ++step)
#pragma unroll
            for (int i = 0; i < kSums; ++i)
                sums[i] = fmaf(sums[i], a, b);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kSums; ++i)
        sum += sums[i];
    if (sum == 0.125F) // practically never: keeps the sums
        *sink = sum;
}

__global__ void __launch_bounds__(kThreads) spinMmaKernel(std::uint32_t rounds, float* sink) {
    float sums[kSums][4] = {};
    std::uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
        a[i] = noiseBf16(threadIdx.x * 4 + i);
    const std::uint32_t b0 = noiseBf16(threadIdx.x + 7777);
    const std::uint32_t b1 = noiseBf16(threadIdx.x + 9999);
    for (std::uint32_t round = 0; round < rounds; ++round)
#pragma unroll
        for (int i = 0; i < kSums; ++i)
            mmaBf16(sums[i], a, b0, b1);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kSums; ++i)
        sum += sums[i][0] + sums[i][3];
    if (sum == 0.125F)
        *sink = sum;
}

constexpr int kWarpgroups = 2;
constexpr int kTileRows = 256; // tokens of a wgmma
constexpr int kTileBytes = kTileRows * 128;

/// bf16: a 64 x 16 from registers, b 256 x 16 in shared memory; int8: both in shared memory,
/// 64 x 32 and 192 x 32.
template<bool kInt8>
__global__ void __launch_bounds__(kWarpgroups * 128, 1)
    spinWgmmaKernel(std::uint32_t rounds, float* sink) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) std::uint32_t tile[]; // b, then a
    for (int i = static_cast<int>(threadIdx.x); i < 2 * kTileBytes / 4; i += kWarpgroups * 128)
        tile[i] = kInt8 ? noise(i) : noiseBf16(i);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    const std::uint32_t base = sharedAddress(tile);
    float sum = 0;
    if constexpr (kInt8) {
        std::int32_t d[96] = {};
        for (std::uint32_t round = 0; round < rounds; ++round) {
            fenceProducts();
#pragma unroll
            for (int k = 0; k < 4; ++k)
                productInt8<true>(d, sharedTile(base + kTileBytes + k * 32),
                                  sharedTile(base + k * 32));
            commitProducts();
            waitProducts<0>();
        }
        sum = static_cast<float>(d[0] + d[95]);
    } else {
        float d[128] = {};
        std::uint32_t a[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            a[i] = noiseBf16(threadIdx.x * 4 + i);
        for (std::uint32_t round = 0; round < rounds; ++round) {
            fenceProducts();
#pragma unroll
            for (int k = 0; k < 4; ++k)
                productBf16(d, a, sharedTile(base + k * 32));
            commitProducts();
            waitProducts<0>();
        }
        sum = d[0] + d[127];
    }
    if (sum == 0.125F)
        *sink = sum;
#endif
}

cudaError_t launchWgmma(void (*kernel)(std::uint32_t, float*), std::uint32_t rounds, float* sink,
                        const DeviceLimits& limits, cudaStream_t stream) {
    constexpr std::size_t kShared = 2 * kTileBytes;
    if (const cudaError_t error = allowShared(kernel, kShared); error != cudaSuccess)
        return error;
    kernel<<<limits.multiprocessors, kWarpgroups * 128, kShared, stream>>>(rounds, sink);
    return cudaGetLastError();
}

} // namespace

cudaError_t spin(Peak peak, std::uint32_t rounds, std::uint64_t& operations, float* sink,
                 const DeviceLimits& limits, cudaStream_t stream) {
    const std::uint64_t blocks = limits.multiprocessors;
    if (peak == Peak::F32) {
        operations = blocks * 4 * kThreads * rounds * 8 * kSums * 2;
        spinFloatKernel<<<limits.multiprocessors * 4, kThreads, 0, stream>>>(rounds, sink);
        return cudaGetLastError();
    }
    if (limits.hopper) {
        const std::uint64_t products = blocks * kWarpgroups * rounds * 4;
        operations = products * 2 * (peak == Peak::Int8 ? 64 * 192 * 32 : 64 * 256 * 16);
        return launchWgmma(peak == Peak::Int8 ? spinWgmmaKernel<true> : spinWgmmaKernel<false>,
                           rounds, sink, limits, stream);
    }
    // The portable path multiplies in bf16 whatever the activations are.
    operations = blocks * 2 * (kThreads / 32) * rounds * kSums * 2 * 16 * 8 * 16;
    spinMmaKernel<<<limits.multiprocessors * 2, kThreads, 0, stream>>>(rounds, sink);
    return cudaGetLastError();
}

} // namespace kernels::cuda
