// Int4 weights. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_run.cuh"

namespace kernels::cuda {

cudaError_t streamInt4(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.handed != nullptr)
        return gemvTakesHanded(task, limits)
                   ? runHanded<HandedInt4<WeightKind::Int4>>(task, limits, stream)
                   : cudaErrorNotSupported;
    return runStream<StreamInt4<WeightKind::Int4>, SingleInt4<WeightKind::Int4>>(task, limits,
                                                                                 stream);
}

} // namespace kernels::cuda
