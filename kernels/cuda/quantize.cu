// Rows for the tensor cores: RMSNorm, then int8 with a scale for 128 columns (gemm_w8a8.cuh).
//
// x fp32 or bf16 [rows][columns] -> [rows][columns padded to 128], padding zero. One block a row; a
// thread takes four columns at a time, a warp 128, so that an int8 group is one warp's exchange.
// Precondition: strides are multiples of 4.
#include "kernels/cuda/row_source.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

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
    return normFour(from, k, inverse, readFour(from, row, k));
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

cudaError_t quantizeRows(const RowSource& from, const Int8Rows& out, cudaStream_t stream) {
    quantizeKernel<<<from.rows, kThreads, 0, stream>>>(from, out);
    return cudaGetLastError();
}

} // namespace kernels::cuda
