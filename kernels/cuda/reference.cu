// Slow twins: products as plain sums in double over weights that are read one by one, in every
// format. Nothing here is shared with the fast kernels but the layout of Matrix.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda_reference.h"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 128;

/// s q + m in bf16: scale and minimum as two numbers each, high and low parts added up.
__device__ float roundedSum(float scale, float minimum, float q) {
    const float scaleHigh = roundBf16(scale);
    const float minimumHigh = roundBf16(minimum);
    const float high = roundBf16(fmaf(q, scaleHigh, minimumHigh));
    const float low =
        roundBf16(fmaf(q, roundBf16(scale - scaleHigh), roundBf16(minimum - minimumHigh)));
    return roundBf16(high + low);
}

/// Weight (row, k) as its format defines it; `rounded`: as bf16 tensor cores see it.
__device__ float weightAt(const Matrix& m, std::size_t row, std::uint32_t k, bool rounded) {
    const std::byte* values = m.values + m.rowBytes() * row;
    if (m.kind == WeightKind::F32)
        return reinterpret_cast<const float*>(values)[k];
    if (m.kind == WeightKind::BF16)
        return bf16Low(reinterpret_cast<const std::uint16_t*>(values)[k]);
    const std::size_t at = row * m.groupsPerRow() + k / m.group;
    const float scale = halfToFloat(m.scales[at]);
    float weight = 0;
    if (m.kind == WeightKind::Int8) {
        weight = scale * static_cast<float>(reinterpret_cast<const std::int8_t*>(values)[k]);
    } else {
        const auto byte = static_cast<std::uint32_t>(values[k / 32 * 16 + k % 16]);
        const auto q = static_cast<float>(k % 32 < 16 ? byte & 15U : byte >> 4);
        if (m.kind == WeightKind::Int4Min && rounded)
            return roundedSum(scale, halfToFloat(m.minima[at]), q);
        if (m.kind == WeightKind::Int4Min)
            weight = scale * q + halfToFloat(m.minima[at]);
        else // half of the scale's five lowest bits is its zero point
            weight = scale *
                     (q - (m.kind == WeightKind::Int4 ? 8.0F
                                                      : static_cast<float>(m.scales[at] % 32) / 2));
    }
    return rounded ? roundBf16(weight) : weight;
}

__global__ void __launch_bounds__(kThreads)
    productKernel(const Matrix weights, bool rounded, const float* x, float* out) {
    const std::uint32_t n = blockIdx.x * (kThreads / 32) + threadIdx.x / 32;
    if (n >= weights.rows)
        return;
    const float* row = x + std::size_t{blockIdx.y} * weights.columns;
    double sum = 0;
    for (std::uint32_t k = threadIdx.x % 32; k < weights.columns; k += 32)
        sum += static_cast<double>(row[k]) * weightAt(weights, n, k, rounded);
    for (int offset = 16; offset > 0; offset /= 2)
        sum += __shfl_xor_sync(kAllLanes, sum, offset);
    if (threadIdx.x % 32 == 0)
        out[std::size_t{blockIdx.y} * weights.rows + n] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(kThreads)
    rowsKernel(const Matrix weights, const std::int32_t* ids, float* out) {
    const auto row = static_cast<std::uint32_t>(ids[blockIdx.x]);
    for (std::uint32_t k = threadIdx.x; k < weights.columns; k += kThreads)
        out[std::size_t{blockIdx.x} * weights.columns + k] = weightAt(weights, row, k, false);
}

} // namespace

cudaError_t referenceProduct(const Matrix& weights, bool roundWeights, const float* x,
                             std::uint32_t rows, float* out, cudaStream_t stream) {
    const dim3 grid(ceilDivide(weights.rows, kThreads / 32), rows);
    productKernel<<<grid, kThreads, 0, stream>>>(weights, roundWeights, x, out);
    return cudaGetLastError();
}

cudaError_t referenceRows(const Matrix& weights, const std::int32_t* ids, std::uint32_t count,
                          float* out, cudaStream_t stream) {
    rowsKernel<<<count, kThreads, 0, stream>>>(weights, ids, out);
    return cudaGetLastError();
}

} // namespace kernels::cuda
