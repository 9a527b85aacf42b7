// The GEMM of gemm_wgmma.cuh for int4 weights with a zero point.
#include "kernels/cuda/gemm_kinds.h"
#include "kernels/cuda/gemm_launch.cuh"

namespace kernels::cuda {

cudaError_t tensorGemmInt4Zero(const TensorProduct& product, const PreparedRows& x,
                               const DeviceLimits& limits, cudaStream_t stream) {
    return launchTensorKind<WeightKind::Int4Zero>(product, x, limits, stream);
}

} // namespace kernels::cuda
