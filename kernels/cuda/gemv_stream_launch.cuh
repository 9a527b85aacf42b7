#pragma once
// The launcher of gemv_stream.cuh.

#include "kernels/cuda/gemv_stream_single.cuh"

#include <algorithm>

namespace kernels::cuda {

inline StreamTask describeStream(const Gemv& task) {
    StreamTask stream;
    const Matrix& first = task.matrices[0];
    std::uint32_t rows = 0;
    for (std::uint32_t i = 0; i < kGemvMatrices; ++i) {
        const bool there = i < task.matrixCount;
        const Matrix& matrix = task.matrices[there ? i : 0];
        stream.values[i] = matrix.values;
        stream.scales[i] = matrix.scales;
        stream.minima[i] = matrix.minima;
        stream.outs[i] = task.outs[i];
        stream.outStrides[i] = task.outStrides[i];
        rows += there ? matrix.rows : 0;
        stream.ends[i] = rows;
    }
    stream.tileRows = task.epilogue == Epilogue::SwiGlu ? first.rows : rows;
    stream.rowBytes = static_cast<std::uint32_t>(first.rowBytes());
    stream.groups = first.groupsPerRow();
    stream.columns = first.columns;
    stream.slices = ceilDivide(stream.rowBytes, kStreamBytes);
    stream.rows = task.rows;
    stream.x = task.x;
    stream.rounded = task.rounded;
    stream.xStride = task.xStride;
    stream.rowMap = task.rowMap;
    stream.normWeight = task.normWeight;
    stream.eps = task.eps;
    stream.adds = task.epilogue == Epilogue::Add;
    stream.roundedOut = task.roundedOut;
    return stream;
}

/// Deals the rows out over `blocks` and finds what fits into `most` bytes of shared memory beside
/// the rings. Returns the bytes, 0 when nothing fits.
template<class F>
std::size_t dealStream(StreamTask& task, bool swiGlu, bool split, std::uint32_t warps,
                       std::uint32_t blocks, std::size_t most) {
    const std::uint32_t outputs = swiGlu ? kStreamRows / 2 : kStreamRows;
    task.blockRows = ceilDivide(task.tileRows, blocks);
    task.tiles = ceilDivide(task.blockRows, outputs);
    const std::uint32_t mostTiles = task.rows == 1 ? 64 : 8;
    task.chunkTiles = task.tiles < mostTiles ? task.tiles : mostTiles;
    const std::size_t sums =
        std::size_t{warps} * task.rows * task.chunkTiles * kStreamRows * sizeof(float);
    const std::size_t planes = std::size_t{task.rows} * (split ? 2 : 1);
    const auto bytesFor = [&](std::uint32_t slices) {
        return sums + planes * (std::size_t{slices} * F::kColumns * 2 + 64);
    };
    task.passes = 1;
    while (bytesFor(ceilDivide(task.slices, task.passes)) > most)
        if (++task.passes > task.slices)
            return 0;
    task.passSlices = ceilDivide(task.slices, task.passes);
    task.passes = ceilDivide(task.slices, task.passSlices);
    task.parts = ceilDivide(task.tiles, task.chunkTiles) * task.passes;
    return bytesFor(task.passSlices);
}

/// Two rows or more, or one that has no kernel of its own.
template<class F, bool kSwiGlu, bool kSplit, int kWarps, int kDepth>
cudaError_t launchStream(const Gemv& gemv, const DeviceLimits& limits, cudaStream_t stream) {
    StreamTask task = describeStream(gemv);
    constexpr std::size_t kRings = std::size_t{kWarps} * kDepth * kRingSlot<F>;
    const std::size_t behind = dealStream<F>(task, kSwiGlu, kSplit, kWarps, limits.multiprocessors,
                                             limits.sharedBytes - 1024 - kRings);
    if (behind == 0)
        return cudaErrorInvalidValue;
    const auto kernel = streamKernel<F, kSwiGlu, kSplit, kWarps, kDepth>;
    std::size_t shared = kRings + behind;
    if (limits.hopper)
        shared = std::max(shared, aloneOnMultiprocessor(limits));
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(
        kernel,
        dim3(limits.hopper ? limits.multiprocessors : ceilDivide(task.tileRows, task.blockRows)),
        kWarps * 32, shared, stream, limits.hopper, task);
}

/// Shared memory that a block of a single row's product may have, so that one of attention fits
/// beside it.
inline std::size_t besideAttention(const DeviceLimits& limits) {
    constexpr std::size_t kAttention = 107 * 1024;
    return limits.hopper ? limits.sharedBytes - kAttention : limits.sharedBytes;
}

/// One row that singleKernel takes.
inline bool streamsSingle(const Gemv& gemv) {
    const std::uint32_t columns = gemv.matrices[0].columns;
    const bool normed = gemv.rounded == nullptr && gemv.normWeight != nullptr &&
                        gemv.xStride % 4 == 0 &&
                        (columns + 255) / 256 * 256 <= kSingleThreads * 8 * kMostItems;
    const bool rounded = gemv.rounded != nullptr || gemv.handed != nullptr;
    if (gemv.sum.ranks != 0 && (gemv.matrixCount != 1 || gemv.matrices[0].rows % 4 != 0 ||
                                gemv.epilogue != Epilogue::Store || gemv.roundedOut != nullptr))
        return false;
    return gemv.rows == 1 && columns % 8 == 0 && (normed || rounded);
}

/// `from`: dealt to blocks.
inline SingleTask describeSingle(const Gemv& gemv, const StreamTask& from) {
    SingleTask task;
    const bool swiGlu = gemv.epilogue == Epilogue::SwiGlu;
    for (std::uint32_t i = 0; i < kGemvMatrices; ++i) {
        const std::size_t back = swiGlu || i == 0 ? 0 : from.ends[i - 1];
        task.values[i] = from.values[i] - back * from.rowBytes;
        task.scales[i] =
            reinterpret_cast<const std::byte*>(from.scales[i]) - back * from.groups * 2;
        task.minima[i] =
            reinterpret_cast<const std::byte*>(from.minima[i]) - back * from.groups * 2;
        task.outs[i] = from.outs[i] - back;
        task.ends[i] = from.ends[i];
    }
    task.tileRows = from.tileRows;
    task.blockRows = from.blockRows;
    task.sumRows = from.tiles * kStreamRows;
    task.slices = from.slices;
    task.rowBytes = from.rowBytes;
    task.groups = from.groups;
    task.columns = from.columns;
    task.x = from.x;
    task.rounded = from.rounded;
    task.rowMap = from.rowMap;
    task.xStride = from.xStride;
    task.normWeight = from.normWeight;
    task.eps = from.eps;
    task.adds = from.adds;
    task.roundedOut = from.roundedOut;
    task.handed = gemv.handed;
    task.handedOut = gemv.handedOut;
    task.handedColumns = ceilDivide(from.tileRows, kHandedUnit) * kHandedUnit;
    // Every group of warps goes through an equal stretch of the tiles.
    task.side = from.slices % 2 == 0 ? 2 : 1;
    const std::uint32_t steps = from.slices / task.side;
    const std::uint32_t groups = kSingleWarps / task.side;
    for (std::uint32_t group = 0; group < groups; ++group) {
        const std::uint32_t first = group * steps * from.tiles / groups;
        task.tile[group] = first / steps;
        task.slice[group] = first % steps * task.side;
        task.units[group] = (group + 1) * steps * from.tiles / groups - first;
    }
    return task;
}

/// Shared memory of a block's digits and sums.
template<class F>
std::size_t behindRings(const SingleTask& task) {
    return rowBytes<F>(task.slices) + std::size_t{kSingleWarps} * task.sumRows * sizeof(float);
}

/// A row dealt out: a block for every place.
struct DealtRow {
    SingleTask task;
    std::uint32_t places = 0;
};
inline DealtRow dealSingle(const Gemv& gemv, const DeviceLimits& limits) {
    const bool sums = gemv.sum.ranks != 0;
    StreamTask described = describeStream(gemv);
    // Blocks that wait for another rank on the same GPU leave it room for all it does before.
    const std::uint32_t places = sums && gemv.sum.sharesDevice
                                     ? std::max(1U, limits.multiprocessors / 2 / gemv.sum.ranks)
                                     : limits.multiprocessors;
    described.blockRows = ceilDivide(described.tileRows, places);
    if (sums)
        described.blockRows = ceilDivide(described.blockRows, kSumRows) * kSumRows;
    if (gemv.handedOut != nullptr) // no group of two blocks
        described.blockRows = ceilDivide(described.blockRows, kHandedGroup) * kHandedGroup;
    const bool swiGlu = gemv.epilogue == Epilogue::SwiGlu;
    described.tiles = ceilDivide(described.blockRows, swiGlu ? kStreamRows / 2 : kStreamRows);
    return {describeSingle(gemv, described), places};
}

template<class F, int kDepth>
std::size_t singleBytes(const SingleTask& task) {
    return std::size_t{kSingleWarps} * kDepth * kRingSlot<F> + behindRings<F>(task);
}

/// Of several matrices, or of one behind attention: what a block may have, so that the kernel
/// before or behind it fits beside it.
template<class F, int kDepth>
bool fitsSingle(const Gemv& gemv, const SingleTask& task, const DeviceLimits& limits) {
    constexpr std::size_t kStatic = 256;
    const std::size_t most = limits.hopper && gemv.matrixCount > 1
                                 ? limits.sharedBytes - aloneOnMultiprocessor(limits) - 2048
                                 : besideAttention(limits);
    return singleBytes<F, kDepth>(task) + kStatic <= most;
}

constexpr int kLeastDepth = 3;

/// One row; without room for kDepth units, with fewer. cudaErrorNotSupported: it does not fit.
template<class F, bool kSwiGlu, int kDepth>
cudaError_t launchSingle(const Gemv& gemv, const DeviceLimits& limits, cudaStream_t stream) {
    const bool sums = gemv.sum.ranks != 0;
    if (sums && (!limits.hopper || kSwiGlu))
        return cudaErrorNotSupported;
    const auto [task, places] = dealSingle(gemv, limits);
    if (!fitsSingle<F, kDepth>(gemv, task, limits)) {
        if constexpr (kDepth > kLeastDepth)
            return launchSingle<F, kSwiGlu, kDepth - 1>(gemv, limits, stream);
        else
            return cudaErrorNotSupported;
    }
    // One of two kernels behind each other has blocks of which two do not fit a multiprocessor
    // (those that follow the attention, or the kernel of a sum); the others, which norm, leave room
    // for one of them.
    std::size_t shared = singleBytes<F, kDepth>(task);
    if (limits.hopper && gemv.normWeight == nullptr)
        shared = std::max(shared, aloneOnMultiprocessor(limits));
    const std::uint32_t blocks = limits.hopper ? places : ceilDivide(task.tileRows, task.blockRows);
    const auto launch = [&](auto kernel, const auto& parameters) {
        const cudaError_t error = allowSharedBeside(kernel, shared);
        return error != cudaSuccess ? error
                                    : launchKernel(kernel, dim3(blocks), kSingleWarps * 32, shared,
                                                   stream, limits.hopper, parameters);
    };
    if constexpr (!kSwiGlu)
        if (sums)
            return launch(singleKernel<F, kSwiGlu, kDepth, kFewItems, SummedTask>,
                          SummedTask{task, gemv.sum});
    if constexpr (!F::kHanded)
        if (gemv.normWeight != nullptr && task.columns > kSingleThreads * 8 * kFewItems)
            return launch(singleKernel<F, kSwiGlu, kDepth, kMostItems, SingleTask>, task);
    return launch(singleKernel<F, kSwiGlu, kDepth, kFewItems, SingleTask>, task);
}

} // namespace kernels::cuda
