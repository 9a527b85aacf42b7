// Int8 weights, a scale for 128 columns. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_run.cuh"

namespace kernels::cuda {

cudaError_t streamInt8(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.handed != nullptr)
        return gemvTakesHanded(task, limits) ? runHanded<HandedInt8<128>>(task, limits, stream)
                                             : cudaErrorNotSupported;
    return runStream<StreamInt8, SingleInt8<128>>(task, limits, stream);
}

} // namespace kernels::cuda
