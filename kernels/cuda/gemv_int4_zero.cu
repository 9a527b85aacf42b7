// GEMV over int4 weights with a zero point in the scale of 32 columns. Body: gemv.cuh.
#include "kernels/cuda/gemv.cuh"

namespace kernels::cuda {

cudaError_t gemvInt4Zero(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return runGemvAny<Int4ZeroWeights>(task, limits, stream);
}

} // namespace kernels::cuda
