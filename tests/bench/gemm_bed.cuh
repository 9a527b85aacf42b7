#pragma once
// What the GEMM check programs share: matrices of random weights and their products on the device.
#include "kernels/cuda/common.cuh"
#include "tests/bench/check_bed.cuh"

namespace tests {

using namespace kernels::cuda;

/// Near normal, standard deviation 1.
__device__ inline float normalOf(std::uint64_t at) {
    const std::uint32_t h = hashedLong(at * 2 + 1);
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
            m.values[i] = static_cast<std::byte>(hashedLong(i + seed));
        }
    }
    const std::size_t groups = std::size_t{m.groupsPerRow()} * m.rows;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < groups;
         i += std::size_t{gridDim.x} * blockDim.x) {
        const float s = 0.001F + static_cast<float>(hashedLong(i + seed + 77) % 1000) * 1e-6F;
        m.scales[i] = __half_as_ushort(__float2half_rn(s)); // of Int4Zero any zero point
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

/// Up to three matrices that multiply the same rows; with SwiGlu two (gate, up) of rows[0] each.
struct ProductShape {
    std::uint32_t rows[3]; // 0: no such matrix
    std::uint32_t columns;
    Epilogue epilogue;

    bool isGated() const { return epilogue == Epilogue::SwiGlu; }
    std::uint32_t matrixRows(std::uint32_t matrix) const {
        return isGated() ? (matrix < 2 ? rows[0] : 0) : rows[matrix];
    }
    std::uint32_t allRows() const { return matrixRows(0) + matrixRows(1) + matrixRows(2); }
};

struct NamedProduct {
    const char* name;
    ProductShape shape;
};

/// Random weights and room for the outputs of `tokens` rows; outputs that are added to are zero.
inline TensorProduct makeProduct(const ProductShape& shape, WeightKind kind, std::uint32_t group,
                                 std::uint32_t tokens, std::uint64_t seed) {
    TensorProduct product;
    product.matrixCount = 0;
    product.epilogue = shape.epilogue;
    product.rows = tokens;
    const bool gated = shape.isGated();
    for (std::uint32_t i = 0; i < 3 && shape.matrixRows(i) != 0; ++i) {
        const std::uint32_t rows = shape.matrixRows(i);
        std::byte* behind = gated && i == 1
                                ? product.matrices[0].values + product.matrices[0].rowBytes() * rows
                                : nullptr;
        product.matrices[i] =
            makeMatrix(kind, group, rows, shape.columns, seed + i, gated ? 2 : 1, behind);
        product.outStrides[i] = rows;
        ++product.matrixCount;
        if (gated)
            continue;
        const std::size_t count = std::size_t{tokens} * rows;
        product.outs[i] = allocate<float>(count);
        if (shape.epilogue == Epilogue::Add)
            CHECK(cudaMemset(product.outs[i], 0, count * sizeof(float)));
    }
    if (gated) {
        product.activatedStride = (shape.rows[0] + 127) / 128 * 128;
        product.activated = allocate<std::uint16_t>(std::size_t{tokens} * product.activatedStride);
    }
    return product;
}
inline void freeProduct(const TensorProduct& product) {
    const bool gated = product.epilogue == Epilogue::SwiGlu;
    for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
        freeMatrix(product.matrices[i], gated && i == 1);
        (void)cudaFree(product.outs[i]);
    }
    (void)cudaFree(product.activated);
}

} // namespace tests
