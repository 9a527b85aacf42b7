// Holds every multiprocessor of device 0 for a while: tests/bench/cuda_hang.cpp.
#include <cuda_runtime_api.h>

namespace {

__global__ void holdKernel(unsigned long long duration_ns) {
    unsigned long long begin = 0;
    unsigned long long now = 0;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin));
    do {
        __nanosleep(1000);
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    } while (now - begin < duration_ns);
}

} // namespace

/// Two waves of blocks that fill the multiprocessors, `duration_ns` each: nothing gets between.
extern "C" bool holdGpu(unsigned long long duration_ns) {
    constexpr int kThreads = 1024;
    cudaStream_t stream = nullptr;
    cudaDeviceProp properties;
    if (cudaSetDevice(0) != cudaSuccess || cudaGetDeviceProperties(&properties, 0) != cudaSuccess ||
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess)
        return false;
    const int blocks = properties.multiProcessorCount * 2 * properties.maxThreadsPerMultiProcessor;
    holdKernel<<<blocks / kThreads, kThreads, 0, stream>>>(duration_ns);
    return cudaGetLastError() == cudaSuccess;
}
