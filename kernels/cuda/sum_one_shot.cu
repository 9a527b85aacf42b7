// One-shot sums over several GPUs (kernels/all_reduce_layout.h): one block a row, or a cluster of
// them where rows are long, so that the norm needs at most one exchange of shared memory. Every
// thread pushes its columns with 16-byte stores and then reads what the others pushed: the data is
// its own flag (kAbsent), a word is emptied by the thread that read it. The next kernel may start
// at once and fill its rings with weights meanwhile.
// Shapes: part and residual fp32 [rows][stride], bf16 rows [rows][stride]; stride a multiple of 4.
// Digits (DigitRows): stride a multiple of 128, the columns of a warp, which share a scale.
#include "kernels/cuda/digits.cuh"
#include "kernels/cuda/rank_memory.cuh"
#include "kernels/cuda/rank_rows.cuh"
#include "kernels/cuda/sum_methods.h"

#include <cooperative_groups.h>

namespace kernels::cuda {

namespace {

constexpr std::uint32_t kThreads = 1024;
constexpr std::uint32_t kMostVectors = 4; // of four columns, a thread

/// blockSum() over the blocks of a row, in their order. Ends with everybody done reading.
__device__ float clusterSum(float value, float* sums) {
    value = blockSum(value, sums);
#if __CUDA_ARCH__ >= 900
    if (gridDim.x > 1) {
        __shared__ float total;
        const auto cluster = cooperative_groups::this_cluster();
        if (threadIdx.x == 0)
            total = value;
        cluster.sync();
        value = 0;
        for (unsigned block = 0; block < gridDim.x; ++block)
            value += *cluster.map_shared_rank(&total, block);
        cluster.sync(); // nobody leaves while others read its memory
    }
#endif
    return value;
}

/// One cluster a row; kRanks >= the ranks there are. A thread's columns lie a cluster's threads
/// apart.
template<int kRanks, int kVectors>
__global__ void __launch_bounds__(kThreads) oneShotKernel(const __grid_constant__ ResidualSum task,
                                                          const __grid_constant__ RankLinks links) {
    __shared__ float sums[32];
    if (!links.sharesDevice)
        letNextStart();
    const ReduceLayout& layout = links.layout;
    const std::uint32_t row = blockIdx.y;
    const std::uint32_t vectors = layout.stride / 4;
    const std::uint32_t threads = gridDim.x * blockDim.x;
    const std::uint32_t first = blockIdx.x * blockDim.x + threadIdx.x;
    float4 weights[kVectors];
    if (task.normWeight != nullptr)
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            weights[v] = weightsAt(task.normWeight, (first + v * threads) * 4, task.columns);
    waitForPrevious();
    const std::size_t base = std::size_t{row} * layout.stride;
    uint4 own[kVectors];
    float4 total[kVectors];
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at < vectors)
            own[v] = present(reinterpret_cast<const float4*>(task.part + base)[at]);
    }
    stumble();
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at >= vectors)
            break;
#pragma unroll
        for (int other = 1; other < kRanks; ++other) { // everybody begins with another one
            if (other >= layout.ranks)
                break;
            const std::uint32_t peer = (links.rank + other) % layout.ranks;
            storeShared16(links.windows[peer] + layout.oneShot(task.parity, links.rank, row) +
                              at * 16,
                          own[v]);
        }
    }
    float4 residual[kVectors];
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at < vectors)
            residual[v] = reinterpret_cast<const float4*>(task.residual + base)[at];
    }
    stumble();
    Patience<RankLinks> patience(links);
    float square = 0;
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at >= vectors)
            break;
        const auto place = [&](int source) {
            return links.windows[links.rank] + layout.oneShot(task.parity, source, row) + at * 16;
        };
        uint4 got[kRanks];
#pragma unroll
        for (int source = 0; source < kRanks; ++source)
            if (source < layout.ranks)
                got[source] = source == links.rank ? own[v] : loadShared16(place(source));
#pragma unroll
        for (int source = 0; source < kRanks; ++source) {
            if (source >= layout.ranks)
                break;
            if (source != links.rank) {
                while (absent(got[source]) && !patience.ends())
                    got[source] = loadShared16(place(source));
                stumble();
                storeShared16(place(source), allAbsent());
            }
            total[v] = source == 0 ? floats(got[source]) : total[v] + floats(got[source]);
        }
        total[v] = residual[v] + total[v];
        square += squaresOf(total[v], at * 4, task.columns);
    }
    stumble();
    if (links.sharesDevice)
        letNextStart();
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at < vectors)
            reinterpret_cast<float4*>(task.residual + base)[at] = total[v];
    }
    if (task.normWeight == nullptr)
        return;
    const float mean = clusterSum(square, sums) / static_cast<float>(task.columns);
    const float inverse = 1.0F / sqrtf(mean + task.eps);
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const std::uint32_t at = first + v * threads;
        if (at >= vectors)
            break;
        const float4 w = weights[v];
        const float4 scaled = make_float4(total[v].x * inverse * w.x, total[v].y * inverse * w.y,
                                          total[v].z * inverse * w.z, total[v].w * inverse * w.w);
        if (task.digits.values != nullptr) // whole warps: groups of 128
            writeDigits(task.digits, row, at * 4, keptOf(scaled, at * 4, task.columns));
        else
            storeNormed(task.normed[links.rank] + base, at * 4, task.columns, scaled,
                        task.preparedOrder);
    }
}

template<int kRanks>
cudaError_t launchOneShot(const ResidualSum& task, const RankLinks& links,
                          const DeviceLimits& limits, cudaStream_t stream) {
    const std::uint32_t vectors = links.layout.stride / 4;
    const std::uint32_t blocks = oneShotBlocks(links.layout.stride, limits);
    const std::uint32_t each = ceilDivide(vectors, kThreads * blocks);
    const std::uint32_t threads = ceilDivide(ceilDivide(vectors, each * blocks), 32) * 32;
    const auto launch = [&](auto kernel) {
        cudaLaunchConfig_t config = {};
        config.gridDim = dim3(blocks, task.rows);
        config.blockDim = dim3(threads);
        config.stream = stream;
        cudaLaunchAttribute attributes[2] = {};
        if (!links.sharesDevice && limits.hopper) {
            attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
            attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
        }
        if (blocks > 1) {
            attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
            attributes[config.numAttrs].val.clusterDim.x = blocks;
            attributes[config.numAttrs].val.clusterDim.y = 1;
            attributes[config.numAttrs++].val.clusterDim.z = 1;
        }
        config.attrs = attributes;
        return cudaLaunchKernelEx(&config, kernel, task, links);
    };
    if (each == 1)
        return launch(oneShotKernel<kRanks, 1>);
    if (each == 2)
        return launch(oneShotKernel<kRanks, 2>);
    return each <= kMostVectors ? launch(oneShotKernel<kRanks, kMostVectors>)
                                : cudaErrorInvalidValue;
}

} // namespace

std::uint32_t oneShotBlocks(std::uint32_t stride, const DeviceLimits& limits) {
    // One takes 1024 vectors as fast as several, and without their meeting.
    return limits.hopper && stride / 4 > kThreads ? 8 : 1;
}

cudaError_t sumOneShot(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                       cudaStream_t stream) {
    if (links.layout.ranks <= 2)
        return launchOneShot<2>(task, links, limits, stream);
    return links.layout.ranks <= 4 ? launchOneShot<4>(task, links, limits, stream)
                                   : launchOneShot<8>(task, links, limits, stream);
}

cudaError_t loadOneShotKernels() {
    return loadKernels(oneShotKernel<2, 1>, oneShotKernel<2, 2>, oneShotKernel<2, kMostVectors>,
                       oneShotKernel<4, 1>, oneShotKernel<4, 2>, oneShotKernel<4, kMostVectors>,
                       oneShotKernel<8, 1>, oneShotKernel<8, 2>, oneShotKernel<8, kMostVectors>);
}

} // namespace kernels::cuda
