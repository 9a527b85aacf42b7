// Rows for the tensor cores: RMSNorm, then bf16 in prepared order (gemm_wgmma.cuh) or int8 with a
// scale for 128 columns (gemm_w8a8.cuh).
//
// x fp32 or bf16 [rows][columns] -> [rows][columns padded to 128], padding zero. One block a row; a
// thread takes four columns at a time, a warp 128, so that an int8 group is one warp's exchange.
// Precondition: strides are multiples of 4.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

/// Columns k..k+3, zero behind the last.
__device__ float4 readFour(const RowSource& from, std::size_t row, std::uint32_t k) {
    float4 v = make_float4(0, 0, 0, 0);
    if (k >= from.columns)
        return v;
    if (from.half != nullptr) {
        const uint2 pairs = *reinterpret_cast<const uint2*>(from.half + row * from.stride + k);
        v = make_float4(bf16Low(pairs.x), bf16High(pairs.x), bf16Low(pairs.y), bf16High(pairs.y));
    } else {
        v = *reinterpret_cast<const float4*>(from.x + row * from.stride + k);
    }
    if (k + 1 >= from.columns)
        v.y = 0;
    if (k + 2 >= from.columns)
        v.z = 0;
    if (k + 3 >= from.columns)
        v.w = 0;
    return v;
}

/// 1 / rms of the row, by the whole block; 1 without a norm.
__device__ float inverseOf(const RowSource& from, std::size_t row) {
    __shared__ float sums[kThreads / 32];
    if (from.normWeight == nullptr)
        return 1;
    float sum = 0;
    for (std::uint32_t k = threadIdx.x * 4; k < from.columns; k += kThreads * 4) {
        const float4 v = readFour(from, row, k);
        sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    }
    sum = warpSum(sum);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (const float part : sums)
        sum += part;
    return 1.0F / sqrtf(sum / static_cast<float>(from.columns) + from.eps);
}

/// Four columns after the norm.
__device__ float4 normed(const RowSource& from, std::size_t row, std::uint32_t k, float inverse) {
    float4 v = readFour(from, row, k);
    if (from.normWeight == nullptr || k >= from.columns)
        return v;
    const float* w = from.normWeight + k;
    v.x *= inverse * w[0];
    v.y = k + 1 < from.columns ? v.y * inverse * w[1] : 0;
    v.z = k + 2 < from.columns ? v.z * inverse * w[2] : 0;
    v.w = k + 3 < from.columns ? v.w * inverse * w[3] : 0;
    return v;
}

/// Where columns k, k + 1 of a row stand in prepared order; k + 2, k + 3 stand 8 behind.
__device__ std::uint32_t preparedPosition(std::uint32_t k) {
    return k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2;
}

__global__ void __launch_bounds__(kThreads) prepareKernel(const RowSource from, PreparedRows out) {
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    const float inverse = inverseOf(from, row);
    const std::size_t base = std::size_t{blockIdx.x} * out.paddedColumns;
    for (std::uint32_t k = threadIdx.x * 4; k < out.paddedColumns; k += kThreads * 4) {
        const float4 v = normed(from, row, k, inverse);
        const std::uint32_t first = packBf16(v.x, v.y);
        const std::uint32_t second = packBf16(v.z, v.w);
        const std::size_t at = base + preparedPosition(k);
        *reinterpret_cast<std::uint32_t*>(out.high + at) = first;
        *reinterpret_cast<std::uint32_t*>(out.high + at + 8) = second;
        if (out.low == nullptr)
            continue;
        *reinterpret_cast<std::uint32_t*>(out.low + at) =
            packBf16(v.x - bf16Low(first), v.y - bf16High(first));
        *reinterpret_cast<std::uint32_t*>(out.low + at + 8) =
            packBf16(v.z - bf16Low(second), v.w - bf16High(second));
    }
}

/// amax / 127, rounded up to 22 significant bits: 12582912 of it is exact.
__device__ float scaleOf(float largest) {
    const std::uint32_t bits = __float_as_uint(largest * (1.0F / 127.0F));
    return __uint_as_float((bits + 7) & ~3U);
}
__device__ std::uint32_t roundFour(float4 v, float inverse) {
    // On top of 1.5 x 2^23 the low byte is the integer, half to even.
    constexpr float kTop = 12582912.0F;
    const std::uint32_t a = __float_as_uint(fmaf(v.x, inverse, kTop));
    const std::uint32_t b = __float_as_uint(fmaf(v.y, inverse, kTop));
    const std::uint32_t c = __float_as_uint(fmaf(v.z, inverse, kTop));
    const std::uint32_t d = __float_as_uint(fmaf(v.w, inverse, kTop));
    return permute(permute(a, b, 0x0040), permute(c, d, 0x0040), 0x5410);
}

__global__ void __launch_bounds__(kThreads) quantizeKernel(const RowSource from, Int8Rows out) {
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    const float inverse = inverseOf(from, row);
    std::int8_t* to = out.values + std::size_t{blockIdx.x} * out.paddedColumns;
    for (std::uint32_t k = threadIdx.x * 4; k < out.paddedColumns; k += kThreads * 4) {
        const float4 v = normed(from, row, k, inverse);
        const float largest =
            warpMax(fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w))));
        const bool some = largest > 1e-30F;
        const float scale = some ? scaleOf(largest) : 0.0F;
        *reinterpret_cast<std::uint32_t*>(to + k) = roundFour(v, some ? 1.0F / scale : 0.0F);
        if (threadIdx.x % 32 == 0)
            out.scales[std::size_t{k / 128} * out.stride + int8ScalePlace(blockIdx.x)] = scale;
    }
}

} // namespace

cudaError_t prepareTensorRows(const RowSource& from, const PreparedRows& out, cudaStream_t stream) {
    prepareKernel<<<from.rows, kThreads, 0, stream>>>(from, out);
    return cudaGetLastError();
}

cudaError_t quantizeRows(const RowSource& from, const Int8Rows& out, cudaStream_t stream) {
    quantizeKernel<<<from.rows, kThreads, 0, stream>>>(from, out);
    return cudaGetLastError();
}

} // namespace kernels::cuda
