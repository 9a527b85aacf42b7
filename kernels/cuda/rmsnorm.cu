// RMSNorm and rounding of activation rows for the tensor cores.
//
// x fp32 [rows][columns] -> bf16 [rows][paddedColumns], padding zero; optionally what rounding lost
// as a second bf16. One block a row. Precondition: xStride >= columns.
#include "kernels/cuda/common.cuh"

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

} // namespace

cudaError_t prepareRows(const float* x, std::uint32_t xStride, const std::uint32_t* rowMap,
                        const float* normWeight, float eps, std::uint32_t rows,
                        std::uint32_t columns, const PreparedRows& out, cudaStream_t stream) {
    prepareKernel<<<rows, kThreads, 0, stream>>>(x, xStride, rowMap, normWeight, eps, columns, out);
    return cudaGetLastError();
}

} // namespace kernels::cuda
