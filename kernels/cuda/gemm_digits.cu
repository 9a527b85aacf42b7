// Few rows for the tensor cores as int8 digits, and which variant of gemm_digits.cuh takes them.
//
// digitRows: RMSNorm (optional), then x = s (256 h + l) with s = amax / 32512 of 128 columns:
// |h| <= 127, -128 <= l <= 127. x fp32 or bf16 [rows][columns] -> [2][planeRows][columns padded to
// 128], padding zero. A thread holds four columns at a time, a warp one group. Precondition:
// strides are multiples of 4.
#include "kernels/cuda/digits.cuh"
#include "kernels/cuda/gemm_digits_launch.cuh"
#include "kernels/cuda/row_source.cuh"
#include <algorithm>

namespace kernels::cuda {

namespace {

__device__ float squaresOf(float4 v) {
    return v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
}

constexpr int kNormThreads = 1024;
constexpr int kPlainThreads = 256;

/// With a norm, a block a row: kHeld times 4 columns a thread stay in registers between norm and
/// rounding. The norm's weights depend on nothing before: asked for once the kernel ahead is done
/// they would queue behind the weights that the next product's blocks fill their rings with.
template<int kHeld>
__global__ void __launch_bounds__(kNormThreads)
    normDigitKernel(const RowSource from, const DigitRows out) {
    constexpr std::uint32_t kSpan = kNormThreads * 4;
    __shared__ float sums[kNormThreads / 32];
    letNextStart();
    const std::uint32_t first = threadIdx.x * 4;
    float4 weights[kHeld];
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
        weights[i] = normFour(from, first + i * kSpan, 1, make_float4(1, 1, 1, 1));
    waitForPrevious();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    float4 held[kHeld];
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        held[i] = readFour(from, row, first + i * kSpan);
        squares += squaresOf(held[i]);
    }
    for (std::uint32_t k = first + kHeld * kSpan; k < from.columns; k += kSpan)
        squares += squaresOf(readFour(from, row, k));
    const float inverse = inverseRms(blockSum<kNormThreads>(squares, sums), from);
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
        const std::uint32_t k = first + i * kSpan;
        const float4 v = held[i];
        const float4 w = weights[i];
        if (k < out.paddedColumns) // whole warps
            writeDigits(out, blockIdx.x, k,
                        make_float4(v.x * inverse * w.x, v.y * inverse * w.y, v.z * inverse * w.z,
                                    v.w * inverse * w.w));
    }
    for (std::uint32_t k = first + kHeld * kSpan; k < out.paddedColumns; k += kSpan)
        writeDigits(out, blockIdx.x, k, normFour(from, k, inverse, readFour(from, row, k)));
}

/// Rows as they are: blocks (columns / (kPlainThreads * 4), rows), small enough to start beside any
/// other.
__global__ void __launch_bounds__(kPlainThreads)
    plainDigitKernel(const RowSource from, const DigitRows out) {
    letNextStart();
    waitForPrevious();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.y] : blockIdx.y;
    const std::uint32_t k = (blockIdx.x * kPlainThreads + threadIdx.x) * 4;
    if (k < out.paddedColumns) // whole warps
        writeDigits(out, blockIdx.y, k, readFour(from, row, k));
}

/// Blocks that share K where one of them has a multiprocessor: clusters of four do not all find
/// room.
std::uint32_t digitSplits(const TensorProduct& product, const DeviceLimits& limits) {
    constexpr std::uint32_t kMost = 3;
    const std::uint32_t units = describeProduct(product, kMostDigitRows, 1).units;
    return std::max(1U, std::min(kMost, limits.multiprocessors / units));
}

} // namespace

cudaError_t digitRows(const RowSource& from, const DigitRows& out, cudaStream_t stream) {
    const auto launch = [&](auto kernel, dim3 grid, unsigned threads) {
        return launchKernel(kernel, grid, threads, 0, stream, true, from, out);
    };
    if (from.normWeight == nullptr)
        return launch(plainDigitKernel,
                      dim3(ceilDivide(out.paddedColumns, kPlainThreads * 4), from.rows),
                      kPlainThreads);
    return out.paddedColumns <= kNormThreads * 4
               ? launch(normDigitKernel<1>, dim3(from.rows), kNormThreads)
               : launch(normDigitKernel<2>, dim3(from.rows), kNormThreads);
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
    // One block a multiprocessor: what is under way before the kernel ahead ends counts most. Two
    // only of many rows where there are too many blocks for that.
    if (product.rows <= 8)
        return launchDigitGemm<8, 10, 1, 1>(product, x, splits, stream);
    if (product.rows <= 16)
        return launchDigitGemm<16, 10, 1, 1>(product, x, splits, stream);
    if (product.rows <= 32)
        return launchDigitGemm<32, 8, 1, 1>(product, x, splits, stream);
    if (describeProduct(product, kMostDigitRows, 1).units <= limits.multiprocessors)
        return launchDigitGemm<kMostDigitRows, 6, 1, 1>(product, x, splits, stream);
    return launchDigitGemm<kMostDigitRows, 3, 1, 2>(product, x, splits, stream);
}

} // namespace kernels::cuda
