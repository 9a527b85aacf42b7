// SwiGLU after a GEMM: out = gate / (1 + exp(-gate)) * up, fp32 [rows][columns]. Decode does this
// in the epilogue of its GEMV.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    swigluKernel(const float* gate, const float* up, float* out, std::uint32_t columns,
                 std::uint32_t stride) {
    const std::uint32_t column = blockIdx.x * kThreads + threadIdx.x;
    if (column >= columns)
        return;
    const std::size_t at = std::size_t{blockIdx.y} * stride + column;
    const float g = gate[at];
    out[at] = g / (1.0F + expf(-g)) * up[at];
}

} // namespace

cudaError_t swiglu(const float* gate, const float* up, float* out, std::uint32_t rows,
                   std::uint32_t columns, std::uint32_t stride, cudaStream_t stream) {
    const dim3 grid(ceilDivide(columns, kThreads), rows);
    swigluKernel<<<grid, kThreads, 0, stream>>>(gate, up, out, columns, stride);
    return cudaGetLastError();
}

} // namespace kernels::cuda
