// Int8 weights, a scale for 32 columns. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_run.cuh"

namespace kernels::cuda {

cudaError_t streamInt8G32(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.handed != nullptr)
        return gemvTakesHanded(task, limits) ? runHanded<HandedInt8<32>>(task, limits, stream)
                                             : cudaErrorNotSupported;
    return runStream<StreamInt8G32, SingleInt8<32>>(task, limits, stream);
}

} // namespace kernels::cuda
