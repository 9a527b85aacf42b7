// The GEMM of gemm_wgmma.cuh for bf16 weights.
#include "kernels/cuda/gemm_kinds.h"
#include "kernels/cuda/gemm_launch.cuh"

namespace kernels::cuda {

cudaError_t tensorGemmBF16(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream) {
    return launchTensorKind<WeightKind::BF16>(product, x, limits, stream);
}

} // namespace kernels::cuda
