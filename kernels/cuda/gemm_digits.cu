// Few rows for the tensor cores as int8 digits, and which variant of gemm_digits.cuh takes them.
//
// digitRows: RMSNorm (optional), then x = s (256 h + l) with s = amax / 32512 of 128 columns:
// |h| <= 127, -128 <= l <= 127. x fp32 or bf16 [rows][columns] -> [2][planeRows][columns padded to
// 128], padding zero. One block a row; a thread holds four columns at a time, a warp one group, and
// all of a row of up to 16,384 columns (4,096 with few threads) stays in registers between norm and
// rounding. Precondition: strides are multiples of 4.
#include "kernels/cuda/digits.cuh"
#include "kernels/cuda/gemm_digits_launch.cuh"
#include <algorithm>

namespace kernels::cuda {

namespace {

constexpr int kHeld = 4; // of four columns a thread

__device__ float4 readColumns(const RowSource& from, std::size_t row, std::uint32_t k) {
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

__device__ float4 normColumns(const RowSource& from, float4 v, std::uint32_t k, float inverse) {
    if (from.normWeight == nullptr || k >= from.columns)
        return v;
    const float* w = from.normWeight + k;
    v.x *= inverse * w[0];
    v.y = k + 1 < from.columns ? v.y * inverse * w[1] : 0;
    v.z = k + 2 < from.columns ? v.z * inverse * w[2] : 0;
    v.w = k + 3 < from.columns ? v.w * inverse * w[3] : 0;
    return v;
}

template<int kThreads>
__global__ void __launch_bounds__(kThreads) digitKernel(const RowSource from, const DigitRows out) {
    __shared__ float sums[kThreads / 32];
    letNextStart();
    waitForPrevious();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    const std::uint32_t first = threadIdx.x * 4;
    float4 held[kHeld];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        held[i] = readColumns(from, row, first + i * kThreads * 4);
        const float4 v = held[i];
        sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    }
    float inverse = 1;
    if (from.normWeight != nullptr) {
        for (std::uint32_t k = first + kHeld * kThreads * 4; k < from.columns; k += kThreads * 4) {
            const float4 v = readColumns(from, row, k);
            sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
        }
        sum = warpSum(sum);
        if (threadIdx.x % 32 == 0)
            sums[threadIdx.x / 32] = sum;
        __syncthreads();
        sum = warpSum(threadIdx.x % 32 < kThreads / 32 ? sums[threadIdx.x % 32] : 0.0F);
        inverse = 1.0F / sqrtf(sum / static_cast<float>(from.columns) + from.eps);
    }
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        const std::uint32_t k = first + i * kThreads * 4;
        if (k < out.paddedColumns)
            writeDigits(out, blockIdx.x, k, normColumns(from, held[i], k, inverse));
    }
    for (std::uint32_t k = first + kHeld * kThreads * 4; k < out.paddedColumns; k += kThreads * 4)
        writeDigits(out, blockIdx.x, k, normColumns(from, readColumns(from, row, k), k, inverse));
}

/// Blocks that share K where one of them has a multiprocessor: clusters of four do not all find
/// room, and short rows do not pay for three.
std::uint32_t digitSplits(const TensorProduct& product, const DeviceLimits& limits) {
    constexpr std::uint32_t kLongRow = 8192;
    const std::uint32_t most = product.matrices[0].columns < kLongRow ? 2 : 3;
    const std::uint32_t units = describeProduct(product, kMostDigitRows, 1).units;
    return std::max(1U, std::min(most, limits.multiprocessors / units));
}

/// Where two have: up to four, as long as no multiprocessor gets more.
std::uint32_t digitSplitsOfTwo(const TensorProduct& product, const DeviceLimits& limits) {
    const std::uint32_t units = describeProduct(product, kMostDigitRows, 1).units;
    std::uint32_t splits = 1;
    while (splits < 4 && units * splits * 2 <= limits.multiprocessors * 3 / 2)
        splits *= 2;
    return splits;
}

} // namespace

cudaError_t digitRows(const RowSource& from, const DigitRows& out, cudaStream_t stream) {
    // Few registers a block: the next product's blocks start beside it.
    if (out.paddedColumns <= 4096)
        return launchKernel(digitKernel<256>, dim3(from.rows), 256, 0, stream, true, from, out);
    return launchKernel(digitKernel<1024>, dim3(from.rows), 1024, 0, stream, true, from, out);
}

bool digitGemmTakes(const TensorProduct& product) {
    for (std::uint32_t i = 0; i < product.matrixCount; ++i)
        if (product.matrices[i].kind != WeightKind::Int8 || product.matrices[i].group != 128)
            return false;
    const Matrix& first = product.matrices[0];
    return (product.epilogue != Epilogue::SwiGlu ||
            (first.rows % 8 == 0 && first.values < product.matrices[1].values));
}

cudaError_t digitGemm(const TensorProduct& product, const DigitRows& x, const DeviceLimits& limits,
                      cudaStream_t stream) {
    const std::uint32_t splits = digitSplits(product, limits);
    // One block a multiprocessor: what is under way before the kernel ahead ends counts most.
    if (product.rows <= 8)
        return launchDigitGemm<8, 10, 1, 1>(product, x, splits, stream);
    if (product.rows <= 16)
        return launchDigitGemm<16, 10, 1, 1>(product, x, splits, stream);
    if (product.rows <= 32)
        return launchDigitGemm<32, 8, 1, 1>(product, x, splits, stream);
    return launchDigitGemm<kMostDigitRows, 3, 1, 2>(product, x, digitSplitsOfTwo(product, limits),
                                                    stream);
}

} // namespace kernels::cuda
