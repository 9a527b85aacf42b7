// LayerNorm and GELU with all that stands beside them, each in one pass over memory: the residual
// sum with the bias of the product before, the norm, and the rounding for the product behind; the
// bias of a product, GELU, and the same rounding.
//
// Rows fp32 [rows][columns]. A norm takes one block a row; rows of up to kCachedSteps steps stay in
// registers between the sum, the mean, the variance and the result, wider rows are read again by
// the threads that wrote them. The variance is of differences from the mean: a sum of squares would
// lose them where the mean is large. Columns may be any number; strides are multiples of 4.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda_layernorm.h"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kStep = kThreads * 4; // columns that a block takes at once
constexpr int kCachedSteps = 4;

/// Columns k..k+3, zero behind the last.
__device__ float4 readFour(const float* row, std::uint32_t k, std::uint32_t columns) {
    float4 v = make_float4(0, 0, 0, 0);
    if (k < columns)
        v = *reinterpret_cast<const float4*>(row + k); // a stride has room for whole fours
    v.y = k + 1 < columns ? v.y : 0;
    v.z = k + 2 < columns ? v.z : 0;
    v.w = k + 3 < columns ? v.w : 0;
    return v;
}
/// The same of a vector that ends with its last column.
__device__ float4 readVector(const float* vector, std::uint32_t k, std::uint32_t columns) {
    if (vector == nullptr || k >= columns)
        return make_float4(0, 0, 0, 0);
    return make_float4(vector[k], k + 1 < columns ? vector[k + 1] : 0,
                       k + 2 < columns ? vector[k + 2] : 0, k + 3 < columns ? vector[k + 3] : 0);
}
__device__ float4 plus(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

/// Columns k..k+3 of a finished row; what lies behind the last column is zero already.
__device__ void writeFour(const RowTarget& out, std::size_t row, std::uint32_t k,
                          std::uint32_t columns, float4 v) {
    if (out.rounded == nullptr) {
        if (k < columns)
            *reinterpret_cast<float4*>(out.values + row * out.stride + k) = v;
        return;
    }
    const std::uint32_t first = packBf16(v.x, v.y);
    const std::uint32_t second = packBf16(v.z, v.w);
    std::uint16_t* to = out.rounded + row * out.stride;
    if (!out.prepared) {
        *reinterpret_cast<uint2*>(to + k) = make_uint2(first, second);
        return;
    }
    const std::uint32_t at = k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2; // prepared order
    *reinterpret_cast<std::uint32_t*>(to + at) = first;
    *reinterpret_cast<std::uint32_t*>(to + at + 8) = second;
}
/// Columns that are written: rounded rows have padding.
__device__ std::uint32_t writtenColumns(const RowTarget& out, std::uint32_t columns) {
    return out.rounded != nullptr ? out.stride : columns;
}

/// Sum over the block, the same in every thread. `sums` may be used again at once.
__device__ float blockSum(float value, float* sums) {
    value = warpSum(value);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kThreads / 32; ++i)
        sum += sums[i];
    return sum;
}

/// residual + added + bias, columns k..k+3, kept in the residual.
__device__ float4 addFour(const AddLayerNorm& task, float* residual, const float* added,
                          std::uint32_t k) {
    float4 v = readFour(residual, k, task.columns);
    if (added == nullptr || k >= task.columns)
        return v;
    v = plus(v,
             plus(readFour(added, k, task.columns), readVector(task.addedBias, k, task.columns)));
    *reinterpret_cast<float4*>(residual + k) = v;
    return v;
}
__device__ float squaresFrom(float4 v, float mean, std::uint32_t k, std::uint32_t columns) {
    const float a = k < columns ? v.x - mean : 0;
    const float b = k + 1 < columns ? v.y - mean : 0;
    const float c = k + 2 < columns ? v.z - mean : 0;
    const float d = k + 3 < columns ? v.w - mean : 0;
    return a * a + b * b + c * c + d * d;
}
__device__ float4 normFour(const AddLayerNorm& task, float4 v, float mean, float factor,
                           std::uint32_t k) {
    const float4 w = readVector(task.weight, k, task.columns); // zero behind the last column
    const float4 b = readVector(task.bias, k, task.columns);
    return make_float4((v.x - mean) * factor * w.x + b.x, (v.y - mean) * factor * w.y + b.y,
                       (v.z - mean) * factor * w.z + b.z, (v.w - mean) * factor * w.w + b.w);
}

/// kCached: the row stays in registers.
template<bool kCached>
__global__ void __launch_bounds__(kThreads) addLayerNormKernel(const AddLayerNorm task) {
    __shared__ float sums[kThreads / 32];
    const std::size_t row = task.rowMap != nullptr ? task.rowMap[blockIdx.x] : blockIdx.x;
    float* residual = task.residual + row * task.stride;
    const float* added = task.added != nullptr ? task.added + row * task.addedStride : nullptr;
    const std::uint32_t columns = task.columns;
    const std::uint32_t first = threadIdx.x * 4;
    float4 cached[kCachedSteps];
    float sum = 0;
    if constexpr (kCached) {
#pragma unroll
        for (int i = 0; i < kCachedSteps; ++i) {
            cached[i] = addFour(task, residual, added, first + i * kStep);
            sum += cached[i].x + cached[i].y + cached[i].z + cached[i].w;
        }
    } else {
        for (std::uint32_t k = first; k < columns; k += kStep) {
            const float4 v = addFour(task, residual, added, k);
            sum += v.x + v.y + v.z + v.w;
        }
    }
    const float mean = blockSum(sum, sums) / static_cast<float>(columns);
    float squares = 0;
    if constexpr (kCached) {
#pragma unroll
        for (int i = 0; i < kCachedSteps; ++i)
            squares += squaresFrom(cached[i], mean, first + i * kStep, columns);
    } else {
        for (std::uint32_t k = first; k < columns; k += kStep)
            squares += squaresFrom(readFour(residual, k, columns), mean, k, columns);
    }
    const float variance = blockSum(squares, sums) / static_cast<float>(columns);
    const float factor = 1.0F / sqrtf(variance + task.eps);
    const std::uint32_t written = writtenColumns(task.out, columns);
    if constexpr (kCached) {
#pragma unroll
        for (int i = 0; i < kCachedSteps; ++i)
            if (const std::uint32_t k = first + i * kStep; k < written)
                writeFour(task.out, blockIdx.x, k, columns,
                          normFour(task, cached[i], mean, factor, k));
    } else {
        for (std::uint32_t k = first; k < written; k += kStep)
            writeFour(task.out, blockIdx.x, k, columns,
                      normFour(task, readFour(residual, k, columns), mean, factor, k));
    }
}

__device__ float gelu(float y) {                      // (1 + tanh(u)) / 2 = 1 / (1 + e^-2u)
    constexpr float kSlope = 1.59576912160573071176F; // 2 sqrt(2 / pi)
    return y / (1.0F + expf(-kSlope * y * fmaf(0.044715F * y, y, 1.0F)));
}

__global__ void __launch_bounds__(kThreads) biasGeluKernel(const BiasGelu task) {
    const std::uint32_t k = (blockIdx.x * kThreads + threadIdx.x) * 4;
    if (k >= writtenColumns(task.out, task.columns))
        return;
    const float* row = task.x + std::size_t{blockIdx.y} * task.stride;
    const float4 v = plus(readFour(row, k, task.columns), readVector(task.bias, k, task.columns));
    writeFour(task.out, blockIdx.y, k, task.columns,
              make_float4(gelu(v.x), gelu(v.y), gelu(v.z), gelu(v.w)));
}

__global__ void __launch_bounds__(kThreads)
    addPositionsKernel(const float* table, std::uint32_t columns, const Row* rows, float* x,
                       std::uint32_t stride) {
    const std::uint32_t k = blockIdx.y * kThreads + threadIdx.x;
    if (k < columns)
        x[std::size_t{blockIdx.x} * stride + k] +=
            table[std::size_t{rows[blockIdx.x].position} * columns + k];
}

} // namespace

cudaError_t addLayerNorm(const AddLayerNorm& task, cudaStream_t stream) {
    const std::uint32_t widest = task.out.rounded != nullptr ? task.out.stride : task.columns;
    if (widest <= kCachedSteps * kStep)
        addLayerNormKernel<true><<<task.rows, kThreads, 0, stream>>>(task);
    else
        addLayerNormKernel<false><<<task.rows, kThreads, 0, stream>>>(task);
    return cudaGetLastError();
}

cudaError_t biasGelu(const BiasGelu& task, cudaStream_t stream) {
    const std::uint32_t widest = task.out.rounded != nullptr ? task.out.stride : task.columns;
    const dim3 grid(ceilDivide(widest, kStep), task.rows);
    biasGeluKernel<<<grid, kThreads, 0, stream>>>(task);
    return cudaGetLastError();
}

cudaError_t addPositions(const float* table, std::uint32_t columns, const Row* rows,
                         std::uint32_t count, float* x, std::uint32_t stride, cudaStream_t stream) {
    const dim3 grid(count, ceilDivide(columns, kThreads));
    addPositionsKernel<<<grid, kThreads, 0, stream>>>(table, columns, rows, x, stride);
    return cudaGetLastError();
}

} // namespace kernels::cuda
