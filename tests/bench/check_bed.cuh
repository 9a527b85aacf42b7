#pragma once
// What the check programs of single kernels share: CUDA calls that must succeed, the device,
// numbers that look random, the words of the command line.

#include "kernels/cuda_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime_api.h>
#include <initializer_list>
#include <string>
#include <vector>

namespace tests {

/// Ends the program with 3 where a call failed.
inline void must(cudaError_t error, const char* file, int line) {
    if (error == cudaSuccess)
        return;
    std::printf("%s:%d %s\n", file, line, cudaGetErrorString(error));
    std::exit(3);
}
#define CHECK(expression) ::tests::must((expression), __FILE__, __LINE__)

inline kernels::cuda::DeviceLimits deviceLimits(int device = 0) {
    cudaDeviceProp properties;
    CHECK(cudaGetDeviceProperties(&properties, device));
    kernels::cuda::DeviceLimits limits;
    limits.multiprocessors = static_cast<std::uint32_t>(properties.multiProcessorCount);
    limits.sharedBytes = static_cast<std::uint32_t>(properties.sharedMemPerBlockOptin);
    limits.hopper = properties.major == 9;
    return limits;
}

__device__ inline std::uint32_t hashed(std::uint32_t v) {
    v ^= v >> 16, v *= 0x7FEB352DU, v ^= v >> 15, v *= 0x846CA68BU, v ^= v >> 16;
    return v;
}
/// Of more than 2^32 places.
__device__ inline std::uint32_t hashedLong(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return static_cast<std::uint32_t>(x >> 32);
}

/// ||a - b|| / ||b||
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        norm += double{b[i]} * b[i];
    }
    return std::sqrt(difference / norm);
}

/// A part of a program, which the command line may name: how many of its cases failed.
struct CheckPart {
    const char* name;
    int (*run)();
};
/// The parts named, in that order, or all of them: the program's exit code.
inline int runParts(int argc, char** argv, std::initializer_list<CheckPart> parts) {
    int failures = 0;
    for (int i = 1; i < argc || i == 1; ++i) {
        bool isKnown = false;
        for (const CheckPart& part : parts)
            if (argc == 1 || std::string(argv[i]) == part.name) {
                isKnown = true;
                failures += part.run();
            }
        if (!isKnown) {
            std::fprintf(stderr, "%s is no part of this program\n", argv[i]);
            return 2;
        }
    }
    return failures == 0 ? 0 : 1;
}

} // namespace tests
