#include "tests/bench/cuda_kernels_bed.cuh"

namespace tests {

using namespace kernels::cuda;

namespace {

/// Bytes of any value but -128, halves of a small positive size, or floats around zero.
__global__ void fillBytes(std::int8_t* to, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        to[i] = static_cast<std::int8_t>(hashed(static_cast<std::uint32_t>(i) ^ seed) % 255 - 127);
}
__global__ void fillHalves(std::uint16_t* to, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        to[i] = static_cast<std::uint16_t>(0x1000 +
                                           hashed(static_cast<std::uint32_t>(i) ^ seed) % 1024);
}
__global__ void fillFloats(float* to, std::size_t count, std::uint32_t seed, float size) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL) {
        const std::uint32_t h = hashed(static_cast<std::uint32_t>(i) * 2654435761U ^ seed);
        to[i] = (static_cast<float>(h & 65535U) + static_cast<float>(h >> 16) - 65535.0F) /
                40000.0F * size;
    }
}

std::uint32_t g_seed = 1;
std::vector<void*> g_allocated;

} // namespace

DeviceLimits g_limits;

void* allocateBytes(std::size_t bytes) {
    void* memory = nullptr;
    constexpr std::size_t kBehind = 256; // read in whole words, as behind every tensor in an arena
    CHECK(cudaMalloc(&memory, bytes + kBehind));
    CHECK(cudaMemset(static_cast<std::byte*>(memory) + bytes, 0, kBehind));
    g_allocated.push_back(memory);
    return memory;
}

void freeAll() {
    CHECK(cudaDeviceSynchronize());
    for (void* memory : g_allocated)
        (void)cudaFree(memory);
    g_allocated.clear();
}

void fill(std::int8_t* to, std::size_t count, std::uint32_t seed) {
    fillBytes<<<1024, 256>>>(to, count, seed);
}
void fill(float* to, std::size_t count, std::uint32_t seed, float size) {
    fillFloats<<<512, 256>>>(to, count, seed, size);
}

float* floats(std::size_t count, float size) {
    float* memory = allocate<float>(count);
    fill(memory, count, g_seed++ * 7919U, size);
    return memory;
}

Matrix matrixOf(WeightKind kind, std::uint32_t group, std::uint32_t rows, std::uint32_t columns) {
    Matrix matrix;
    matrix.kind = kind;
    matrix.group = group;
    matrix.rows = rows;
    matrix.columns = columns;
    const std::size_t bytes = matrix.rowBytes() * rows;
    const std::size_t scales = std::size_t{rows} * matrix.groupsPerRow();
    matrix.values = reinterpret_cast<std::byte*>(allocate<std::int8_t>(bytes));
    matrix.scales = allocate<std::uint16_t>(scales);
    matrix.minima = allocate<std::uint16_t>(scales);
    fill(reinterpret_cast<std::int8_t*>(matrix.values), bytes, g_seed++ * 31U);
    fillHalves<<<256, 256>>>(matrix.scales, scales, g_seed++ * 131U);
    fillHalves<<<256, 256>>>(matrix.minima, scales, g_seed++ * 17U);
    return matrix;
}

cudaError_t plainGemv(const kernels::cuda::Gemv& task) {
    using kernels::cuda::WeightKind;
    switch (task.matrices[0].kind) {
    case WeightKind::Int8:
        return gemvInt8(task, g_limits, nullptr);
    case WeightKind::Int4:
        return gemvInt4(task, g_limits, nullptr);
    case WeightKind::Int4Min:
        return gemvInt4Min(task, g_limits, nullptr);
    case WeightKind::Int4Zero:
        return gemvInt4Zero(task, g_limits, nullptr);
    default:
        return cudaErrorInvalidValue;
    }
}

} // namespace tests
