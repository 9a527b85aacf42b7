// The fast GEMV over int8 and int4 weights: which it takes, and the choice. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_launch.cuh"

namespace kernels::cuda {

bool gemvStreams(const Gemv& task) {
    const WeightKind kind = task.matrices[0].kind;
    const bool integers =
        kind == WeightKind::Int8 || kind == WeightKind::Int4 || kind == WeightKind::Int4Min;
    const bool plain = task.epilogue != Epilogue::SwiGlu || !task.splitInput;
    return integers && plain &&
           (task.roundInput || task.splitInput || task.rounded != nullptr ||
            task.handed != nullptr) &&
           task.rows >= 1 && task.rows <= kGemvRows;
}

bool gemvTakesDigits(const Gemv& task) {
    return gemvStreams(task) && streamsSingle(task);
}

bool gemvTakesHanded(const Gemv& task) {
    return task.matrices[0].kind == WeightKind::Int8 && task.rows == 1 &&
           task.matrices[0].columns % kHandedGroup == 0 && task.epilogue != Epilogue::SwiGlu;
}

bool gemvHands(const Gemv& task) {
    return gemvTakesDigits(task) && task.epilogue == Epilogue::SwiGlu &&
           task.matrices[0].rows % kHandedGroup == 0;
}

cudaError_t gemvStream(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    switch (task.matrices[0].kind) {
    case WeightKind::Int8:
        return task.matrices[0].group == 128 ? streamInt8(task, limits, stream)
                                             : streamInt8G32(task, limits, stream);
    case WeightKind::Int4:
        return streamInt4(task, limits, stream);
    case WeightKind::Int4Min:
        return streamInt4Min(task, limits, stream);
    case WeightKind::F32:
    case WeightKind::BF16:
        break;
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
