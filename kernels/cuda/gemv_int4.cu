// GEMV over int4 weights, one fp16 scale (and minimum) per 32 columns. Body: gemv.cuh.
#include "kernels/cuda/gemv.cuh"

namespace kernels::cuda {

cudaError_t gemvInt4(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return runGemvAny<Int4Weights>(task, limits, stream);
}

} // namespace kernels::cuda
