// GEMV over int4 weights with scale and minimum per 32 columns (Q4_1, Q4_K). Body: gemv.cuh.
#include "kernels/cuda/gemv.cuh"

namespace kernels::cuda {

cudaError_t gemvInt4Min(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return runGemvAny<Int4MinWeights>(task, limits, stream);
}

} // namespace kernels::cuda
