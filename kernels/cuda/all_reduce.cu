// Sums over several GPUs with residual and RMSNorm: the choice of their method. The methods:
// sum_one_shot.cu, sum_two_shot.cu, sum_copied.cu. And the exchange of logits, meetings of all
// ranks, and windows made ready.
#include "kernels/cuda/rank_flags.cuh"
#include "kernels/cuda/sum_methods.h"

namespace kernels::cuda {

namespace {

constexpr int kGatherThreads = 256;
constexpr std::uint32_t kGatherBatch = 4; // loads under way, a thread

__global__ void __launch_bounds__(kGatherThreads)
    gatherKernel(const __grid_constant__ RowGather task, const __grid_constant__ RankLinks links) {
    const ReduceLayout& layout = links.layout;
    const float* own = task.memories[links.rank];
    const std::uint32_t threads = gridDim.x * kGatherThreads;
    const std::uint32_t first = blockIdx.x * kGatherThreads + threadIdx.x;
    const bool wide = (task.stride | task.first | task.count) % 4 == 0;
    const std::uint32_t width = wide ? 4 : 1;
    const std::uint32_t perRow = task.count / width;
    const auto place = [&](std::uint32_t i) {
        return std::size_t{i / perRow} * task.stride + task.first + i % perRow * width;
    };
    const std::uint32_t count = perRow * task.rows;
    for (std::uint32_t i = first; wide && i < count; i += threads * kGatherBatch) {
        float4 v[kGatherBatch];
#pragma unroll
        for (std::uint32_t batch = 0; batch < kGatherBatch; ++batch)
            if (i + batch * threads < count)
                v[batch] = *reinterpret_cast<const float4*>(own + place(i + batch * threads));
        for (std::uint32_t other = 1; other < layout.ranks; ++other) {
            float* to = task.memories[(links.rank + other) % layout.ranks];
#pragma unroll
            for (std::uint32_t batch = 0; batch < kGatherBatch; ++batch)
                if (i + batch * threads < count)
                    *reinterpret_cast<float4*>(to + place(i + batch * threads)) = v[batch];
        }
    }
    for (std::uint32_t i = first; !wide && i < count; i += threads)
        for (std::uint32_t other = 1; other < layout.ranks; ++other)
            task.memories[(links.rank + other) % layout.ranks][place(i)] = own[place(i)];
    __syncthreads();
    if (threadIdx.x == 0)
        __threadfence_system();
    __syncthreads();
    if (threadIdx.x >= layout.ranks || threadIdx.x == links.rank)
        return;
    raiseFlag(reinterpret_cast<std::uint32_t*>(
        links.windows[threadIdx.x] + layout.gatherFlag(task.slot, links.rank, blockIdx.x)));
    awaitFlag(links.windows[links.rank], layout.gatherFlag(task.slot, threadIdx.x, blockIdx.x),
              links);
}

__global__ void clearKernel(std::uint32_t* window, std::size_t absentWords, std::size_t words) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < words;
         i += std::size_t{gridDim.x} * blockDim.x)
        window[i] = i < absentWords ? kAbsent : 0U;
}

} // namespace

SumMethod sumMethod(std::uint32_t rows, const RankLinks& links, const DeviceLimits& limits) {
    const std::uint32_t blocks = rows * oneShotBlocks(links.layout.stride, limits);
    if (links.layout.takesOneShot(rows) &&
        (!links.sharesDevice || rows == 1 || blocks <= roomOfShared(links, limits)))
        return SumMethod::OneShot;
    // Ranks on one GPU take no copies: those of one would stand in the queue of the copy engine
    // behind those of another that wait for it.
    return links.layout.takesCopies(rows) && !links.sharesDevice ? SumMethod::Copied
                                                                 : SumMethod::TwoShot;
}

cudaError_t sumResidual(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                        cudaStream_t stream) {
    const SumMethod method = sumMethod(task.rows, links, limits);
    if (task.digits.values != nullptr &&
        (method != SumMethod::OneShot || links.layout.stride % 128 != 0))
        return cudaErrorInvalidValue;
    switch (method) {
    case SumMethod::OneShot:
        return sumOneShot(task, links, limits, stream);
    case SumMethod::TwoShot:
        return sumTwoShot(task, links, limits, stream);
    case SumMethod::Copied:
        return sumCopied(task, links, stream);
    }
    return cudaErrorInvalidValue;
}

cudaError_t gatherRows(const RowGather& task, const RankLinks& links, cudaStream_t stream) {
    const std::uint32_t blocks = links.layout.gatherBlocks(task.rows, task.stride);
    gatherKernel<<<blocks, kGatherThreads, 0, stream>>>(task, links);
    return cudaGetLastError();
}

cudaError_t loadRankKernels() {
    for (const auto load : {loadOneShotKernels, loadTwoShotKernels, loadCopiedKernels})
        if (const cudaError_t error = load(); error != cudaSuccess)
            return error;
    return loadKernels(gatherKernel);
}

cudaError_t clearWindow(std::byte* window, const ReduceLayout& layout, cudaStream_t stream) {
    clearKernel<<<1024, 256, 0, stream>>>(reinterpret_cast<std::uint32_t*>(window),
                                          layout.oneShotBytes() / 4, layout.bytes() / 4);
    return cudaGetLastError();
}

} // namespace kernels::cuda
