#pragma once
// What the GEMM check programs share: matrices of random weights on the device.
#include "kernels/cuda/common.cuh"

#include <cstdio>
#include <cstdlib>

namespace tests {

using namespace kernels::cuda;

#define CHECK(expression)                                                                          \
    do {                                                                                           \
        if (const cudaError_t e = (expression); e != cudaSuccess) {                                \
            std::printf("%s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(e));                  \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (false)

__device__ inline std::uint32_t hashOf(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return static_cast<std::uint32_t>(x >> 32);
}
/// Near normal, standard deviation 1.
__device__ inline float normalOf(std::uint64_t at) {
    const std::uint32_t h = hashOf(at * 2 + 1);
    const float sum = static_cast<float>((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24));
    return (sum - 510.0F) * (1.0F / 147.8F);
}
static __global__ void fillFloats(float* out, std::size_t count, std::uint64_t seed) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        out[i] = normalOf(i + seed);
}
static __global__ void fillWeights(const Matrix m, std::uint64_t seed) {
    const std::size_t bytes = m.rowBytes() * m.rows;
    const std::size_t padded = m.paddedColumns();
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < bytes;
         i += std::size_t{gridDim.x} * blockDim.x) {
        if (m.kind == WeightKind::Int8) {
            const float v = fminf(fmaxf(normalOf(i + seed) * 40.0F, -127.0F), 127.0F);
            reinterpret_cast<std::int8_t*>(m.values)[i] =
                i % padded < m.columns ? static_cast<std::int8_t>(rintf(v)) : 0;
        } else if (m.kind == WeightKind::BF16) {
            if (i % 2 == 0)
                reinterpret_cast<std::uint16_t*>(m.values)[i / 2] =
                    i / 2 % padded < m.columns
                        ? __bfloat16_as_ushort(__float2bfloat16_rn(normalOf(i + seed)))
                        : 0;
        } else {
            m.values[i] = static_cast<std::byte>(hashOf(i + seed));
        }
    }
    const std::size_t groups = std::size_t{m.groupsPerRow()} * m.rows;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < groups;
         i += std::size_t{gridDim.x} * blockDim.x) {
        const float s = 0.001F + static_cast<float>(hashOf(i + seed + 77) % 1000) * 1e-6F;
        m.scales[i] = __half_as_ushort(__float2half_rn(s));
        if (m.minima != nullptr)
            m.minima[i] = __half_as_ushort(__float2half_rn(s * -7.3F));
    }
}
template<typename T>
T* allocate(std::size_t count) {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, count * sizeof(T)));
    CHECK(cudaMemset(memory, 0xFF, count * sizeof(T)));
    return static_cast<T*>(memory);
}

/// `copies`: room for so many; `behind`: memory of an earlier one (up lies behind gate).
inline Matrix makeMatrix(WeightKind kind, std::uint32_t group, std::uint32_t rows,
                         std::uint32_t columns, std::uint64_t seed, std::uint32_t copies = 1,
                         std::byte* behind = nullptr) {
    Matrix m;
    m.kind = kind;
    m.group = group;
    m.rows = rows;
    m.columns = columns;
    m.values = behind != nullptr ? behind : allocate<std::byte>(m.rowBytes() * rows * copies);
    if (group != 0)
        m.scales = allocate<std::uint16_t>(std::size_t{m.groupsPerRow()} * rows);
    if (kind == WeightKind::Int4Min)
        m.minima = allocate<std::uint16_t>(std::size_t{m.groupsPerRow()} * rows);
    fillWeights<<<1024, 256>>>(m, seed * 1000003);
    CHECK(cudaGetLastError());
    return m;
}
inline void freeMatrix(const Matrix& m, bool shared) {
    if (!shared)
        (void)cudaFree(m.values);
    (void)cudaFree(m.scales);
    (void)cudaFree(m.minima);
}

} // namespace tests
