// Rows for the tensor cores: RMSNorm, then int8 with a scale for 512 columns (gemm_w8a8.cuh).
//
// x fp32 or bf16 [rows][columns] -> [rows][columns padded to 128], padding zero. One block a row; a
// thread takes four columns at a time, a warp 128. A row is read once and waits in registers for
// the sum of its squares, up to 8192 columns of it. Precondition: strides are multiples of 4.
#include "kernels/cuda/largest.cuh"
#include "kernels/cuda/row_source.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;
/// Columns of a row that a block holds with kHeld times four a thread.
template<int kHeld>
constexpr std::uint32_t kSpan = kThreads * 4 * kHeld;

/// A thread's columns of a row: 4 (threadIdx.x + kThreads i) from `base` on.
template<int kHeld>
struct HeldRow {
    float4 v[kHeld];

    __device__ void read(const RowSource& from, std::size_t row, std::uint32_t base) {
#pragma unroll
        for (int i = 0; i < kHeld; ++i)
            v[i] = readFour(from, row, base + (threadIdx.x + i * kThreads) * 4);
    }
    __device__ float squares() const {
        float sum = 0;
#pragma unroll
        for (const float4& four : v)
            sum += four.x * four.x + four.y * four.y + four.z * four.z + four.w * four.w;
        return sum;
    }
};

/// take(k, four columns from k on, i) for every k of this thread, after the norm; whole warps call
/// it. Before that, for every kSpan columns, look(their HeldRow): all threads of the block.
template<int kHeld, class Look, class Take>
__device__ void forRow(const RowSource& from, std::size_t row, std::uint32_t padded, Look look,
                       Take take) {
    __shared__ float sums[kThreads / 32];
    HeldRow<kHeld> held;
    held.read(from, row, 0);
    float inverse = 1;
    if (from.normWeight != nullptr) {
        float squares = held.squares();
        for (std::uint32_t base = kSpan<kHeld>; base < padded; base += kSpan<kHeld>) {
            held.read(from, row, base);
            squares += held.squares();
        }
        inverse = inverseRms(blockSum<kThreads>(squares, sums), from);
        if (padded > kSpan<kHeld>)
            held.read(from, row, 0);
    }
    for (std::uint32_t base = 0; base < padded; base += kSpan<kHeld>) {
        if (base > 0)
            held.read(from, row, base);
#pragma unroll
        for (int i = 0; i < kHeld; ++i)
            held.v[i] = normFour(from, base + (threadIdx.x + i * kThreads) * 4, inverse, held.v[i]);
        look(held);
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            const std::uint32_t k = base + (threadIdx.x + i * kThreads) * 4;
            if (k >= padded) // a whole warp
                break;
            take(k, held.v[i], i);
        }
    }
}

/// amax / 127, rounded up to 22 significant bits, so that no integer exceeds 127. Not a number
/// where amax is not finite.
__device__ float scaleOf(float largest) {
    constexpr std::uint32_t kNotANumber = 0x7FFFFFF0U; // stays one when it is rounded up
    const std::uint32_t bits = __float_as_uint(largest * (1.0F / 127.0F));
    return __uint_as_float((min(bits, kNotANumber) + 7) & ~3U);
}

// On top of 1.5 x 2^23 the low byte is the integer, half to even.
constexpr float kTop = 12582912.0F;

/// v times `inverse` of the scale as four integers.
__device__ std::uint32_t roundFour(float4 v, float inverse) {
    const float a = fmaf(v.x, inverse, kTop);
    const float b = fmaf(v.y, inverse, kTop);
    const float c = fmaf(v.z, inverse, kTop);
    const float d = fmaf(v.w, inverse, kTop);
    return permute(permute(__float_as_uint(a), __float_as_uint(b), 0x0040),
                   permute(__float_as_uint(c), __float_as_uint(d), 0x0040), 0x5410);
}

template<int kHeld>
__global__ void __launch_bounds__(kThreads) quantizeKernel(const RowSource from, Int8Rows out) {
    constexpr int kWarps = kThreads / 32;
    static_assert(kWarps * 128 % kInt8RunColumns == 0);
    __shared__ float largests[kHeld][kWarps];
    waitForPrevious();
    letNextStart();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    std::int8_t* const to = out.values + std::size_t{blockIdx.x} * out.paddedColumns;
    float* const scales = out.scales + int8ScalePlace(blockIdx.x);
    constexpr std::uint32_t kSharing = kInt8RunColumns / 128; // warps whose columns have one scale
    const std::uint32_t warp = threadIdx.x / 32;
    const auto look = [&](const HeldRow<kHeld>& held) {
        __syncthreads(); // those of the columns before have been read
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            const float largest = warpLargest(largestOf(held.v[i]));
            if (threadIdx.x % 32 == 0)
                largests[i][warp] = largest;
        }
        __syncthreads();
    };
    const auto take = [&](std::uint32_t k, float4 v, int i) {
        float largest = 0;
#pragma unroll
        for (std::uint32_t other = 0; other < kSharing; ++other)
            largest = largerOf(largest, largests[i][warp / kSharing * kSharing + other]);
        const bool some = !(largest <= kInt8Least); // or not a number
        const float scale = some ? scaleOf(largest) : 0.0F;
        *reinterpret_cast<std::uint32_t*>(to + k) = roundFour(v, some ? 1.0F / scale : 0.0F);
        if (k % kInt8RunColumns == 0)
            scales[std::size_t{k / kInt8RunColumns} * out.stride] = scale;
    };
    forRow<kHeld>(from, row, out.paddedColumns, look, take);
}

/// Whether half the registers hold what has to wait.
bool takesShortRows(const RowSource& from) {
    return from.normWeight == nullptr || from.columns <= kSpan<4>;
}

} // namespace

cudaError_t quantizeRows(const RowSource& from, const Int8Rows& out, cudaStream_t stream) {
    const auto kernel = takesShortRows(from) ? quantizeKernel<4> : quantizeKernel<8>;
    return launchKernel(kernel, dim3(from.rows), kThreads, 0, stream, startsEarly(from.rows), from,
                        out);
}

} // namespace kernels::cuda
