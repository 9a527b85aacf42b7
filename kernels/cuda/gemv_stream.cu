// The fast GEMV over int8 and int4 weights. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"

#include "kernels/cuda/gemv_stream_launch.cuh"

namespace kernels::cuda {

namespace {

template<class F, int kWarps, int kDepth>
cudaError_t runWith(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (task.epilogue == Epilogue::SwiGlu)
        return launchStream<F, true, false, kWarps, kDepth>(task, limits, stream);
    return task.splitInput ? launchStream<F, false, true, kWarps, kDepth>(task, limits, stream)
                           : launchStream<F, false, false, kWarps, kDepth>(task, limits, stream);
}

/// Many warps where a block may have the shared memory for their rings; int4 needs the registers.
template<class F>
cudaError_t run(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (!limits.hopper)
        return runWith<F, 8, 3>(task, limits, stream);
    constexpr bool kInt4 = F::kColumns > kColumnPadding;
    return runWith < F, kInt4 ? 8 : 16, kInt4 ? 4 : 3 > (task, limits, stream);
}

} // namespace

bool gemvStreams(const Gemv& task) {
    const WeightKind kind = task.matrices[0].kind;
    const bool integers =
        kind == WeightKind::Int8 || kind == WeightKind::Int4 || kind == WeightKind::Int4Min;
    const bool plain = task.epilogue != Epilogue::SwiGlu || !task.splitInput;
    return integers && plain && (task.roundInput || task.splitInput || task.rounded != nullptr) &&
           task.rows >= 1 && task.rows <= kMostActivationRows;
}

cudaError_t gemvStream(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    switch (task.matrices[0].kind) {
    case WeightKind::Int8:
        return task.matrices[0].group == 128 ? run<StreamInt8>(task, limits, stream)
                                             : run<StreamInt8G32>(task, limits, stream);
    case WeightKind::Int4:
        return run<StreamInt4<false>>(task, limits, stream);
    case WeightKind::Int4Min:
        return run<StreamInt4<true>>(task, limits, stream);
    case WeightKind::F32:
    case WeightKind::BF16:
        break;
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
