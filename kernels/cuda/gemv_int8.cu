// GEMV over int8 weights, one fp16 scale per 128 or 32 columns. Body: gemv.cuh.
#include "kernels/cuda/gemv.cuh"

namespace kernels::cuda {

cudaError_t gemvInt8(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return runGemvAny<Int8Weights>(task, limits, stream);
}

} // namespace kernels::cuda
