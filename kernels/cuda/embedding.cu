// Embedding lookup: one weight row, any kind, as fp32. A block takes kThreads columns of a
// batch row.
//
// A row whose token is kLastSampledToken takes what its slot sampled last. A token outside the
// vocabulary gives NaN, which no later stage hides.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

__device__ float weightAt(const Matrix& matrix, std::size_t rowBytes, std::uint32_t groups,
                          std::uint32_t row, std::uint32_t k) {
    const std::byte* values = matrix.values + row * rowBytes;
    const std::size_t scaleAt = groups == 0 ? 0 : std::size_t{row} * groups + k / matrix.group;
    switch (matrix.kind) {
    case WeightKind::F32:
        return reinterpret_cast<const float*>(values)[k];
    case WeightKind::BF16:
        return bf16Low(reinterpret_cast<const std::uint16_t*>(values)[k]);
    case WeightKind::Int8:
        return halfToFloat(matrix.scales[scaleAt]) *
               static_cast<float>(reinterpret_cast<const std::int8_t*>(values)[k]);
    case WeightKind::Int4:
    case WeightKind::Int4Min:
    case WeightKind::Int4Zero: {
        const auto byte = static_cast<std::uint32_t>(values[k / 32 * 16 + k % 16]);
        const auto q = static_cast<float>(k % 32 < 16 ? byte & 15U : byte >> 4);
        const float scale = halfToFloat(matrix.scales[scaleAt]);
        if (matrix.kind == WeightKind::Int4Min)
            return scale * q + halfToFloat(matrix.minima[scaleAt]);
        return scale *
               (q - (matrix.kind == WeightKind::Int4 ? 8.0F : zeroPoint(matrix.scales[scaleAt])));
    }
    }
    return 0;
}

__global__ void __launch_bounds__(kThreads)
    embedKernel(Matrix matrix, std::size_t rowBytes, std::uint32_t groups, const Row* rows,
                const std::int32_t* lastTokens, float* out, std::uint32_t outStride) {
    letNextStart();
    const Row row = rows[blockIdx.x];
    const std::int32_t token = row.token == kLastSampledToken ? lastTokens[row.slot] : row.token;
    const bool known = token >= 0 && static_cast<std::uint32_t>(token) < matrix.rows;
    float* to = out + std::size_t{blockIdx.x} * outStride;
    const std::uint32_t k = blockIdx.y * kThreads + threadIdx.x;
    if (k < matrix.columns)
        to[k] = known ? weightAt(matrix, rowBytes, groups, static_cast<std::uint32_t>(token), k)
                      : __int_as_float(0x7FFFFFFF);
}

} // namespace

cudaError_t embed(const Matrix& embedding, const Row* rows, std::uint32_t count,
                  const std::int32_t* lastTokens, float* out, std::uint32_t outStride,
                  cudaStream_t stream) {
    if (const cudaError_t error = allowSharedBeside(embedKernel, 0); error != cudaSuccess)
        return error;
    const dim3 grid(count, ceilDivide(embedding.columns, kThreads));
    embedKernel<<<grid, kThreads, 0, stream>>>(embedding, embedding.rowBytes(),
                                               embedding.groupsPerRow(), rows, lastTokens, out,
                                               outStride);
    return cudaGetLastError();
}

} // namespace kernels::cuda
