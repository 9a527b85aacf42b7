// The GEMM of gemm_wgmma.cuh for int8 weights.
#include "kernels/cuda/gemm_kinds.h"
#include "kernels/cuda/gemm_launch.cuh"

namespace kernels::cuda {

cudaError_t tensorGemmInt8(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream) {
    return launchTensorKind<WeightKind::Int8>(product, x, limits, stream);
}

} // namespace kernels::cuda
