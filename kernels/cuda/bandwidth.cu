// Reads memory once and keeps nothing: the read bandwidth that decoding is compared with.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 512;
constexpr int kLoads = 8;

__global__ void __launch_bounds__(kThreads)
    readKernel(const uint4* memory, std::size_t count, std::uint32_t* sink) {
    std::uint32_t sum = 0;
    const std::size_t stride = std::size_t{gridDim.x} * kThreads;
    std::size_t at = std::size_t{blockIdx.x} * kThreads + threadIdx.x;
    for (; at + (kLoads - 1) * stride < count; at += kLoads * stride) {
        uint4 v[kLoads];
#pragma unroll
        for (int i = 0; i < kLoads; ++i)
            v[i] = loadStream(memory + at + i * stride);
#pragma unroll
        for (int i = 0; i < kLoads; ++i)
            sum += v[i].x ^ v[i].y ^ v[i].z ^ v[i].w;
    }
    for (; at < count; at += stride)
        sum += memory[at].x;
    if (sum == 0x9E3779B9U) // practically never: keeps the reads
        *sink = sum;
}

} // namespace

cudaError_t readOnce(const void* memory, std::size_t bytes, std::uint32_t* sink,
                     const DeviceLimits& limits, cudaStream_t stream) {
    readKernel<<<limits.multiprocessors * 4, kThreads, 0, stream>>>(
        static_cast<const uint4*>(memory), bytes / sizeof(uint4), sink);
    return cudaGetLastError();
}

} // namespace kernels::cuda
