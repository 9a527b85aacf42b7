// The fast GEMV over int8 and int4 weights: which it takes, and the choice. Body: gemv_stream.cuh.
#include "kernels/cuda/gemv_stream.h"
#include "kernels/cuda/gemv_stream_launch.cuh"

namespace kernels::cuda {

bool gemvStreams(const Gemv& task) {
    const WeightKind kind = task.matrices[0].kind;
    const bool integers = kind != WeightKind::F32 && kind != WeightKind::BF16;
    const bool plain = task.epilogue != Epilogue::SwiGlu || !task.splitInput;
    return integers && plain &&
           (task.roundInput || task.splitInput || task.rounded != nullptr ||
            task.handed != nullptr) &&
           task.rows >= 1 && task.rows <= kGemvRows;
}

bool gemvTakesDigits(const Gemv& task) {
    return gemvStreams(task) && streamsSingle(task);
}

namespace {

/// Whether a block has room for such a row.
bool rowFits(const Gemv& task, const DeviceLimits& limits) {
    const SingleTask dealt = dealSingle(task, limits).task;
    const Matrix& matrix = task.matrices[0];
    switch (matrix.kind) {
    case WeightKind::Int8:
        return matrix.group == 128 ? fitsSingle<SingleInt8<128>, kLeastDepth>(task, dealt, limits)
                                   : fitsSingle<SingleInt8<32>, kLeastDepth>(task, dealt, limits);
    case WeightKind::Int4:
    case WeightKind::Int4Zero: // of the same bytes
        return fitsSingle<HandedInt4<WeightKind::Int4>, kLeastDepth>(task, dealt, limits);
    case WeightKind::Int4Min:
        return fitsSingle<HandedInt4<WeightKind::Int4Min>, kLeastDepth>(task, dealt, limits);
    case WeightKind::F32:
    case WeightKind::BF16:
        break;
    }
    return false;
}

} // namespace

HandedOrder handedOrderOf(WeightKind kind) {
    return kind == WeightKind::Int8 ? HandedOrder::Bytes : HandedOrder::Nibbles;
}

bool gemvTakesHanded(const Gemv& task, const DeviceLimits& limits) {
    const Matrix& matrix = task.matrices[0];
    // Int4 rows come in units of 256 columns, and what a row has ends with one.
    const std::uint32_t unit =
        handedOrderOf(matrix.kind) == HandedOrder::Bytes ? kHandedGroup : 2 * kHandedUnit;
    return task.rows == 1 && matrix.columns % unit == 0 && task.epilogue != Epilogue::SwiGlu &&
           rowFits(task, limits);
}

bool gemvHands(const Gemv& task, HandedOrder order, const DeviceLimits& limits) {
    const Matrix& matrix = task.matrices[0];
    return gemvTakesDigits(task) && task.epilogue == Epilogue::SwiGlu &&
           matrix.rows % kHandedGroup == 0 && handedOrderOf(matrix.kind) == order &&
           rowFits(task, limits);
}

Ahead aheadOf(const Gemv& task, const DeviceLimits& limits, std::size_t most) {
    Ahead ahead;
    if (!limits.hopper || task.epilogue != Epilogue::SwiGlu || !gemvTakesDigits(task) ||
        !rowFits(task, limits))
        return ahead;
    constexpr std::uint32_t kTileRows = kStreamRows / 2; // of each matrix
    const auto [dealt, blocks] = dealSingle(task, limits);
    const std::uint32_t places = kSingleWarps / dealt.side;
    if (dealt.sumRows / kStreamRows < 2 * places) // a group's second tile is the next one's first
        return ahead;
    for (std::uint32_t i = 0; i < places; ++i)
        ahead.places[i] = (dealt.tile[i] + 1) * kTileRows * dealt.rowBytes;
    ahead.from[0] = task.matrices[0].values;
    ahead.from[1] = task.matrices[1].values;
    ahead.end = std::uint64_t{dealt.rowBytes} * dealt.tileRows;
    ahead.blocks = blocks;
    ahead.blockBytes = dealt.blockRows * dealt.rowBytes;
    ahead.placeCount = places;
    const std::size_t each = most / (std::size_t{blocks} * places * 2) / 128 * 128;
    ahead.pieceBytes = static_cast<std::uint32_t>(
        std::min<std::size_t>(each, std::size_t{kTileRows} * dealt.rowBytes));
    return ahead;
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
    case WeightKind::Int4Zero:
        return streamInt4Zero(task, limits, stream);
    case WeightKind::F32:
    case WeightKind::BF16:
        break;
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
