#pragma once
// The launcher of gemv_stream.cuh.

#include "kernels/cuda/gemv_stream.cuh"

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

/// Deals the rows out and finds what fits into shared memory beside kWarps rings of kDepth units.
template<class F, bool kSwiGlu, bool kSplit, int kWarps, int kDepth>
cudaError_t launchStream(const Gemv& gemv, const DeviceLimits& limits, cudaStream_t stream) {
    StreamTask task = describeStream(gemv);
    constexpr std::uint32_t kOutputs = kSwiGlu ? kStreamRows / 2 : kStreamRows;
    task.blockRows = ceilDivide(task.tileRows, limits.multiprocessors);
    const std::uint32_t tiles = ceilDivide(task.blockRows, kOutputs);
    const std::uint32_t mostTiles = task.rows == 1 ? 64 : 8;
    task.chunkTiles = tiles < mostTiles ? tiles : mostTiles;

    // What is left beside the rings and the sums holds activations.
    constexpr std::size_t kRings = std::size_t{kWarps} * kDepth * kRingSlot<F>;
    const std::size_t sums =
        std::size_t{kWarps} * task.rows * task.chunkTiles * kStreamRows * sizeof(float);
    const std::size_t planes = std::size_t{task.rows} * (kSplit ? 2 : 1);
    const auto sharedFor = [&](std::uint32_t slices) {
        return kRings + sums + planes * (std::size_t{slices} * F::kColumns * 2 + 64);
    };
    const std::size_t most = limits.sharedBytes - 1024;
    std::uint32_t passes = 1;
    while (sharedFor(ceilDivide(task.slices, passes)) > most)
        if (++passes > task.slices)
            return cudaErrorInvalidValue;
    const std::uint32_t slices = ceilDivide(task.slices, passes);
    task.passSlices = slices;
    const auto kernel = streamKernel<F, kSwiGlu, kSplit, kWarps, kDepth>;
    std::size_t shared = sharedFor(slices);
    if (limits.hopper)
        shared = std::max(shared, aloneOnMultiprocessor(limits));
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(
        kernel,
        dim3(limits.hopper ? limits.multiprocessors : ceilDivide(task.tileRows, task.blockRows)),
        kWarps * 32, shared, stream, limits.hopper, task);
}

} // namespace kernels::cuda
