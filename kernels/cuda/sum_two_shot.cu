// Two-shot sums over several GPUs (kernels/all_reduce_layout.h): a grid that fits the device at
// once goes through three phases: push the rows of other owners; add, norm and spread the own ones;
// wait for the others' rows. Rows are dealt out in turn, so that links carry both directions from
// the start. Shapes: part and residual fp32 [rows][stride], bf16 rows [rows][stride]; stride a
// multiple of 4.
#include "kernels/cuda/rank_flags.cuh"
#include "kernels/cuda/rank_rows.cuh"
#include "kernels/cuda/sum_methods.h"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;
constexpr std::uint32_t kBlocks = 4; // a multiprocessor

/// Adds the parts of an own row into the residual; returns the sum of squares of this thread.
__device__ float addParts(const ResidualSum& task, const RankLinks& links, std::uint32_t row) {
    const ReduceLayout& layout = links.layout;
    const std::size_t base = std::size_t{row} * layout.stride;
    float square = 0;
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kThreads) {
        float4 total = make_float4(0, 0, 0, 0);
        for (std::uint32_t source = 0; source < layout.ranks; ++source) {
            const float4 one = source == links.rank
                                   ? reinterpret_cast<const float4*>(task.part + base)[at]
                                   : floats(loadShared16(links.windows[links.rank] +
                                                         layout.twoShot(source, row) + at * 16));
            total = source == 0 ? one : total + one;
        }
        float4* residual = reinterpret_cast<float4*>(task.residual + base) + at;
        stumble();
        total = *residual + total;
        *residual = total;
        if (task.spread)
            for (std::uint32_t other = 1; other < layout.ranks; ++other) {
                const std::uint32_t peer = (links.rank + other) % layout.ranks;
                reinterpret_cast<float4*>(task.residuals[peer] + base)[at] = total;
            }
        square += squaresOf(total, at * 4, task.columns);
    }
    return square;
}

/// The normed row into everybody's rows. A thread reads the columns it wrote.
__device__ void spreadNormed(const ResidualSum& task, const RankLinks& links, std::uint32_t row,
                             float inverse) {
    const ReduceLayout& layout = links.layout;
    const std::size_t base = std::size_t{row} * layout.stride;
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kThreads) {
        const float4 v = reinterpret_cast<const float4*>(task.residual + base)[at];
        const float4 w = weightsAt(task.normWeight, at * 4, task.columns);
        const float4 scaled = make_float4(v.x * inverse * w.x, v.y * inverse * w.y,
                                          v.z * inverse * w.z, v.w * inverse * w.w);
        stumble();
        for (std::uint32_t other = 0; other < layout.ranks; ++other) {
            const std::uint32_t peer = (links.rank + other) % layout.ranks;
            storeNormed(task.normed[peer] + base, at * 4, task.columns, scaled, task.preparedOrder);
        }
    }
}

/// A row of vectors; all loads of a batch are under way before the first is stored.
__device__ void copyRow(std::byte* to, const float* from, std::uint32_t vectors) {
    constexpr int kBatch = 4;
    for (std::uint32_t first = threadIdx.x; first < vectors; first += kBatch * kThreads) {
        uint4 v[kBatch];
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
            if (first + i * kThreads < vectors)
                v[i] = reinterpret_cast<const uint4*>(from)[first + i * kThreads];
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
            if (first + i * kThreads < vectors)
                reinterpret_cast<uint4*>(to)[first + i * kThreads] = v[i];
    }
}

__global__ void __launch_bounds__(kThreads, kBlocks)
    twoShotKernel(const __grid_constant__ ResidualSum task,
                  const __grid_constant__ RankLinks links) {
    __shared__ float sums[32];
    const ReduceLayout& layout = links.layout;
    std::byte* own = links.windows[links.rank];
    const std::uint32_t others = layout.ranks - 1;
    for (std::uint32_t i = blockIdx.x; others > 0; i += gridDim.x) { // rows of other owners
        const std::uint32_t row =
            i / others * layout.ranks + (links.rank + 1 + i % others) % layout.ranks;
        if (i / others * layout.ranks >= task.rows)
            break;
        if (row >= task.rows)
            continue;
        const std::uint32_t owner = layout.owner(row);
        std::byte* to = links.windows[owner] + layout.twoShot(links.rank, row);
        copyRow(to, task.part + std::size_t{row} * layout.stride, layout.stride / 4);
        __syncthreads();
        if (threadIdx.x == 0) {
            __threadfence_system();
            raiseFlag(reinterpret_cast<std::uint32_t*>(links.windows[owner] +
                                                       layout.partFlag(links.rank, row)));
        }
    }
    for (std::uint32_t i = blockIdx.x; i * layout.ranks + links.rank < task.rows; i += gridDim.x) {
        const std::uint32_t row = i * layout.ranks + links.rank;
        if (threadIdx.x < layout.ranks && threadIdx.x != links.rank)
            awaitFlag(own, layout.partFlag(threadIdx.x, row), links);
        __syncthreads();
        const float square = addParts(task, links, row);
        if (task.normWeight != nullptr) {
            const float mean = blockSum(square, sums) / static_cast<float>(task.columns);
            spreadNormed(task, links, row, 1.0F / sqrtf(mean + task.eps));
        }
        __syncthreads();
        if (threadIdx.x == 0)
            __threadfence_system();
        __syncthreads();
        if (threadIdx.x < layout.ranks && threadIdx.x != links.rank)
            raiseFlag(
                reinterpret_cast<std::uint32_t*>(links.windows[threadIdx.x] + layout.rowFlag(row)));
    }
    for (std::uint32_t row = blockIdx.x * kThreads + threadIdx.x; row < task.rows;
         row += gridDim.x * kThreads)
        if (layout.owner(row) != links.rank)
            awaitFlag(own, layout.rowFlag(row), links);
}

} // namespace

cudaError_t sumTwoShot(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                       cudaStream_t stream) {
    // All blocks must be on the device at once.
    const std::uint32_t most =
        links.sharesDevice ? roomOfShared(links, limits) : limits.multiprocessors * kBlocks;
    twoShotKernel<<<std::min(task.rows, most), kThreads, 0, stream>>>(task, links);
    return cudaGetLastError();
}

cudaError_t loadTwoShotKernels() {
    return loadKernels(twoShotKernel);
}

} // namespace kernels::cuda
