// Int4 weights with zero points. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_run.cuh"

namespace kernels::cuda {

cudaError_t streamInt4Zero(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.handed != nullptr)
        return gemvTakesHanded(task, limits)
                   ? runHanded<HandedInt4<WeightKind::Int4Zero>>(task, limits, stream)
                   : cudaErrorNotSupported;
    return runStream<StreamInt4<WeightKind::Int4Zero>, SingleInt4<WeightKind::Int4Zero>>(
        task, limits, stream);
}

} // namespace kernels::cuda
