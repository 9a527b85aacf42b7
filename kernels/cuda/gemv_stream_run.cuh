#pragma once
// Which variant of gemv_stream.cuh multiplies one format.

#include "kernels/cuda/gemv_stream_launch.cuh"

namespace kernels::cuda {

template<class F, int kWarps, int kDepth>
cudaError_t runWith(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.epilogue == Epilogue::SwiGlu)
        return launchStream<F, true, false, kWarps, kDepth>(task, limits, stream);
    return task.splitInput ? launchStream<F, false, true, kWarps, kDepth>(task, limits, stream)
                           : launchStream<F, false, false, kWarps, kDepth>(task, limits, stream);
}
template<class F, int kDepth>
cudaError_t runSingle(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return task.epilogue == Epilogue::SwiGlu ? launchSingle<F, true, kDepth>(task, limits, stream)
                                             : launchSingle<F, false, kDepth>(task, limits, stream);
}

/// Whether a row is handed over, in or out; formats that take none have no kernel for it.
inline bool isHanded(const Gemv& task) {
    return task.handed != nullptr || task.handedOut != nullptr;
}
/// One row that was handed over to Handed, which stands for `Single` then.
template<class Handed>
cudaError_t runHanded(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    return limits.hopper ? launchSingle<Handed, false, 5>(task, limits, stream)
                         : launchSingle<Handed, false, 3>(task, limits, stream);
}

/// Many warps where a block may have the shared memory for their rings; int4 needs the registers.
/// Single: the format against a single row.
template<class F, class Single>
cudaError_t runStream(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    constexpr bool kInt4 = F::kColumns > kColumnPadding;
    if (streamsSingle(task)) {
        const cudaError_t error = limits.hopper ? runSingle<Single, 5>(task, limits, stream)
                                                : runSingle<Single, 3>(task, limits, stream);
        if (error != cudaErrorNotSupported)
            return error;
    }
    if (task.sum.ranks != 0 || isHanded(task))
        return cudaErrorNotSupported;
    if (!limits.hopper)
        return runWith<F, 8, 3>(task, limits, stream);
    return runWith < F, kInt4 ? 8 : 16, kInt4 ? 4 : 3 > (task, limits, stream);
}

} // namespace kernels::cuda
