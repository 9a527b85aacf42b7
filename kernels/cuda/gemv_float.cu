// GEMV over f32 and bf16 weights, and the choice among all kinds. Body: gemv.cuh.
#include "kernels/cuda/gemv.cuh"
#include "kernels/cuda/gemv_stream.h"

namespace kernels::cuda {

cudaError_t gemvFloat(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.matrices[0].kind == WeightKind::F32)
        return runGemvAny<F32Weights>(task, limits, stream);
    return runGemvAny<Bf16Weights>(task, limits, stream);
}

cudaError_t gemv(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (gemvStreams(task))
        return gemvStream(task, limits, stream);
    if (task.sum.ranks != 0)
        return cudaErrorNotSupported;
    switch (task.matrices[0].kind) {
    case WeightKind::F32:
    case WeightKind::BF16:
        return gemvFloat(task, limits, stream);
    case WeightKind::Int8:
        return gemvInt8(task, limits, stream);
    case WeightKind::Int4:
        return gemvInt4(task, limits, stream);
    case WeightKind::Int4Min:
        return gemvInt4Min(task, limits, stream);
    case WeightKind::Int4Zero:
        return gemvInt4Zero(task, limits, stream);
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
