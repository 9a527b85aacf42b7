// Int4 weights with minima. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_run.cuh"

namespace kernels::cuda {

cudaError_t streamInt4Min(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.handed != nullptr)
        return gemvTakesHanded(task, limits)
                   ? runHanded<HandedInt4<WeightKind::Int4Min>>(task, limits, stream)
                   : cudaErrorNotSupported;
    return runStream<StreamInt4<WeightKind::Int4Min>, SingleInt4<WeightKind::Int4Min>>(task, limits,
                                                                                       stream);
}

} // namespace kernels::cuda
