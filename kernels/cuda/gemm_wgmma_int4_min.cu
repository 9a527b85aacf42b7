// The GEMM of gemm_wgmma.cuh for int4 weights with a minimum.
#include "kernels/cuda/gemm_kinds.h"
#include "kernels/cuda/gemm_launch.cuh"

namespace kernels::cuda {

cudaError_t tensorGemmInt4Min(const TensorProduct& product, const PreparedRows& x,
                              const DeviceLimits& limits, cudaStream_t stream) {
    return launchTensorKind<WeightKind::Int4Min>(product, x, limits, stream);
}

} // namespace kernels::cuda
