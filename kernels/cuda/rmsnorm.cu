// RMSNorm and rounding of activation rows for the tensor cores: in plain order, or in prepared
// order (gemm_wgmma.cuh).
//
// x fp32 [rows][columns] -> bf16 [rows][paddedColumns], padding zero; optionally what rounding lost
// as a second bf16. One block a row. Precondition: xStride >= columns. In prepared order a thread
// takes four times four columns of 64, which stand side by side there, and keeps them from the sum
// of squares to the rounding.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/row_source.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    prepareKernel(const float* x, std::uint32_t xStride, const std::uint32_t* rowMap,
                  const float* normWeight, float eps, std::uint32_t columns, PreparedRows out) {
    __shared__ float sums[kThreads / 32];
    const std::uint32_t row = rowMap != nullptr ? rowMap[blockIdx.x] : blockIdx.x;
    const float* values = x + std::size_t{row} * xStride;
    float inverse = 1;
    if (normWeight != nullptr) {
        float sum = 0;
        for (std::uint32_t k = threadIdx.x; k < columns; k += kThreads)
            sum += values[k] * values[k];
        sum = warpSum(sum);
        if (threadIdx.x % 32 == 0)
            sums[threadIdx.x / 32] = sum;
        __syncthreads();
        sum = 0;
        for (const float part : sums)
            sum += part;
        inverse = 1.0F / sqrtf(sum / static_cast<float>(columns) + eps);
    }
    const std::size_t base = std::size_t{blockIdx.x} * out.paddedColumns;
    for (std::uint32_t k = threadIdx.x; k < out.paddedColumns; k += kThreads) {
        float v = 0;
        if (k < columns)
            v = normWeight != nullptr ? values[k] * inverse * normWeight[k] : values[k];
        const __nv_bfloat16 high = __float2bfloat16_rn(v);
        out.high[base + k] = __bfloat16_as_ushort(high);
        if (out.low != nullptr)
            out.low[base + k] =
                __bfloat16_as_ushort(__float2bfloat16_rn(v - __bfloat162float(high)));
    }
}

/// What a thread keeps: columns 16 c + 4 j + {0, 1, 2, 3} of 64.
struct Piece {
    float4 v[4]; // [c]

    __device__ void read(const RowSource& from, std::size_t row, std::uint32_t piece) {
#pragma unroll
        for (std::uint32_t c = 0; c < 4; ++c)
            v[c] = readFour(from, row, columnOf(piece) + c * 16);
    }
    __device__ float squares() const {
        float sum = 0;
#pragma unroll
        for (const float4& four : v)
            sum += four.x * four.x + four.y * four.y + four.z * four.z + four.w * four.w;
        return sum;
    }
    __device__ void readWeights(const RowSource& from, std::uint32_t piece) {
#pragma unroll
        for (std::uint32_t c = 0; c < 4; ++c)
            v[c] = normFour(from, columnOf(piece) + c * 16, 1, make_float4(1, 1, 1, 1));
    }
    __device__ void scale(const Piece& weights, float inverse) {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            const float4 w = weights.v[c];
            v[c] = make_float4(v[c].x * inverse * w.x, v[c].y * inverse * w.y,
                               v[c].z * inverse * w.z, v[c].w * inverse * w.w);
        }
    }
    __device__ void write(const PreparedRows& out, std::size_t base, std::uint32_t piece) const {
        std::uint32_t high[8];
        std::uint32_t low[8];
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            high[c] = packBf16(v[c].x, v[c].y);
            high[4 + c] = packBf16(v[c].z, v[c].w);
            low[c] = packBf16(v[c].x - bf16Low(high[c]), v[c].y - bf16High(high[c]));
            low[4 + c] = packBf16(v[c].z - bf16Low(high[4 + c]), v[c].w - bf16High(high[4 + c]));
        }
        const std::size_t at = base + std::size_t{piece} * 16;
        store(out.high + at, high);
        if (out.low != nullptr)
            store(out.low + at, low);
    }

  private:
    static __device__ std::uint32_t columnOf(std::uint32_t piece) {
        return piece / 4 * 64 + piece % 4 * 4;
    }
    static __device__ void store(std::uint16_t* to, const std::uint32_t (&words)[8]) {
        auto* at = reinterpret_cast<uint4*>(to);
        at[0] = make_uint4(words[0], words[1], words[2], words[3]);
        at[1] = make_uint4(words[4], words[5], words[6], words[7]);
    }
};

/// Up to kPieces pieces a thread.
template<int kPieces>
__global__ void __launch_bounds__(kThreads)
    prepareTensorKernel(const RowSource from, PreparedRows out) {
    __shared__ float sums[kThreads / 32];
    letNextStart();
    waitForPrevious();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    const std::uint32_t pieces = out.paddedColumns / 16;
    Piece mine[kPieces];
    Piece weights[kPieces]; // fetched before the row's sum is known
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const std::uint32_t piece = threadIdx.x + static_cast<std::uint32_t>(i) * kThreads;
        if (piece >= pieces)
            break;
        mine[i].read(from, row, piece);
        if (from.normWeight != nullptr)
            weights[i].readWeights(from, piece);
    }
    float inverse = 1;
    if (from.normWeight != nullptr) {
#pragma unroll
        for (int i = 0; i < kPieces; ++i)
            if (threadIdx.x + static_cast<std::uint32_t>(i) * kThreads < pieces)
                sum += mine[i].squares();
        inverse = inverseRms(blockSum<kThreads>(sum, sums), from);
    }
    const std::size_t base = std::size_t{blockIdx.x} * out.paddedColumns;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const std::uint32_t piece = threadIdx.x + static_cast<std::uint32_t>(i) * kThreads;
        if (piece >= pieces)
            break;
        if (from.normWeight != nullptr)
            mine[i].scale(weights[i], inverse);
        mine[i].write(out, base, piece);
    }
}

/// Rows of any length: read twice.
__global__ void __launch_bounds__(kThreads)
    prepareLongKernel(const RowSource from, PreparedRows out) {
    __shared__ float sums[kThreads / 32];
    letNextStart();
    waitForPrevious();
    const std::size_t row = from.rowMap != nullptr ? from.rowMap[blockIdx.x] : blockIdx.x;
    const std::uint32_t pieces = out.paddedColumns / 16;
    Piece mine;
    float sum = 0;
    if (from.normWeight != nullptr)
        for (std::uint32_t piece = threadIdx.x; piece < pieces; piece += kThreads) {
            mine.read(from, row, piece);
            sum += mine.squares();
        }
    const float inverse =
        from.normWeight != nullptr ? inverseRms(blockSum<kThreads>(sum, sums), from) : 1.0F;
    for (std::uint32_t piece = threadIdx.x; piece < pieces; piece += kThreads) {
        mine.read(from, row, piece);
        if (from.normWeight != nullptr) {
            Piece weights;
            weights.readWeights(from, piece);
            mine.scale(weights, inverse);
        }
        mine.write(out, std::size_t{blockIdx.x} * out.paddedColumns, piece);
    }
}

} // namespace

cudaError_t prepareTensorRows(const RowSource& from, const PreparedRows& out, cudaStream_t stream) {
    const std::uint32_t perThread = ceilDivide(out.paddedColumns / 16, kThreads);
    const auto kernel = perThread == 1   ? prepareTensorKernel<1>
                        : perThread == 2 ? prepareTensorKernel<2>
                                         : prepareLongKernel;
    return launchKernel(kernel, dim3(from.rows), kThreads, 0, stream, true, from, out);
}

cudaError_t prepareRows(const float* x, std::uint32_t xStride, const std::uint32_t* rowMap,
                        const float* normWeight, float eps, std::uint32_t rows,
                        std::uint32_t columns, const PreparedRows& out, cudaStream_t stream) {
    prepareKernel<<<rows, kThreads, 0, stream>>>(x, xStride, rowMap, normWeight, eps, columns, out);
    return cudaGetLastError();
}

} // namespace kernels::cuda
