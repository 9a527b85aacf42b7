// Copied sums over several GPUs (kernels/all_reduce_layout.h): the copy engines carry stretches of
// rows to their owners and back, between meetings; a kernel of the owner adds and norms.
// Shapes: part and residual fp32 [rows][stride], bf16 rows [rows][stride]; stride a multiple of 4.
#include "kernels/cuda/rank_memory.cuh"
#include "kernels/cuda/rank_rows.cuh"
#include "kernels/cuda/sum_methods.h"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

/// Rows [first, first + count) belong to the rank; parts of the others lie in the window.
__global__ void __launch_bounds__(kThreads)
    ownRowsKernel(const __grid_constant__ ResidualSum task, const __grid_constant__ RankLinks links,
                  std::uint32_t first) {
    __shared__ float sums[32];
    const ReduceLayout& layout = links.layout;
    const std::size_t base = std::size_t{first + blockIdx.x} * layout.stride;
    const std::byte* window = links.windows[links.rank];
    auto* residual = reinterpret_cast<float4*>(task.residual + base);
    float square = 0;
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kThreads) {
        float4 total = make_float4(0, 0, 0, 0);
        for (std::uint32_t source = 0; source < layout.ranks; ++source) {
            const std::byte* part = source == links.rank
                                        ? reinterpret_cast<const std::byte*>(task.part + base)
                                        : window + layout.copied(source, blockIdx.x);
            const float4 one = reinterpret_cast<const float4*>(part)[at];
            total = source == 0 ? one : total + one;
        }
        total = residual[at] + total;
        residual[at] = total;
        square += squaresOf(total, at * 4, task.columns);
    }
    if (task.normWeight == nullptr)
        return;
    const float mean = blockSum(square, sums) / static_cast<float>(task.columns);
    const float inverse = 1.0F / sqrtf(mean + task.eps);
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kThreads) {
        const float4 v = residual[at]; // this thread's own
        const float4 w = weightsAt(task.normWeight, at * 4, task.columns);
        storeNormed(task.normed[links.rank] + base, at * 4, task.columns,
                    make_float4(v.x * inverse * w.x, v.y * inverse * w.y, v.z * inverse * w.z,
                                v.w * inverse * w.w),
                    task.preparedOrder);
    }
}

cudaError_t meet(const RankLinks& links, std::uint32_t slot, cudaStream_t stream) {
    RowGather nothing;
    nothing.slot = slot;
    return gatherRows(nothing, links, stream);
}

} // namespace

cudaError_t sumCopied(const ResidualSum& task, const RankLinks& links, cudaStream_t stream) {
    const ReduceLayout& layout = links.layout;
    cudaError_t error = cudaSuccess;
    const auto copy = [&](void* to, const void* from, std::size_t bytes) {
        if (error == cudaSuccess && bytes > 0)
            error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
    };
    for (std::uint32_t other = 1; other < layout.ranks; ++other) {
        const std::uint32_t peer = (links.rank + other) % layout.ranks;
        const std::uint32_t first = layout.firstRow(peer, task.rows);
        const std::uint32_t count = layout.firstRow(peer + 1, task.rows) - first;
        copy(links.windows[peer] + layout.copied(links.rank, 0),
             task.part + std::size_t{first} * layout.stride, count * layout.rowBytes());
    }
    if (error == cudaSuccess)
        error = meet(links, 0, stream);
    const std::uint32_t first = layout.firstRow(links.rank, task.rows);
    const std::uint32_t count = layout.firstRow(links.rank + 1, task.rows) - first;
    if (error == cudaSuccess) {
        ownRowsKernel<<<count, kThreads, 0, stream>>>(task, links, first);
        error = cudaGetLastError();
    }
    const std::size_t base = std::size_t{first} * layout.stride;
    const std::size_t floats = std::size_t{count} * layout.stride;
    for (std::uint32_t other = 1; other < layout.ranks; ++other) {
        const std::uint32_t peer = (links.rank + other) % layout.ranks;
        if (task.normWeight != nullptr)
            copy(task.normed[peer] + base, task.normed[links.rank] + base, floats * 2);
        if (task.spread)
            copy(task.residuals[peer] + base, task.residual + base, floats * 4);
    }
    return error == cudaSuccess ? meet(links, 1, stream) : error;
}

cudaError_t loadCopiedKernels() {
    return loadKernels(ownRowsKernel);
}

} // namespace kernels::cuda
