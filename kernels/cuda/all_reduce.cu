// Sums over several GPUs with residual and RMSNorm, and the exchange of logits.
//
// One-shot (sumOneShot): one block a row, or a cluster of them where rows are long, so that the
// norm needs at most one exchange of shared memory. Every thread pushes its columns with 16-byte
// stores and then reads what the others pushed: the data is its own flag (kAbsent), a word is
// emptied by the thread that read it. The next kernel may start at once and fill its rings with
// weights meanwhile.
// Two-shot (sumTwoShot): a grid that fits the device at once goes through three phases: push the
// rows of other owners; add, norm and spread the own ones; wait for the others' rows. Rows are
// dealt out in turn, so that links carry both directions from the start.
// Copied (sumCopied): the copy engines carry stretches of rows to their owners and back, between
// meetings; a kernel of its own adds and norms.
// Order of memory: a block's stores, __syncthreads(), a fence over the system by one thread, then
// its flag; the reader acquires the flag and the block's barrier passes that on.
// Shapes: parts and residual fp32 [rows][stride], bf16 rows [rows][stride]; stride a multiple of 4.
// Digits (DigitRows): stride a multiple of 128, the columns of a warp, which share a scale.
#include "kernels/cuda_all_reduce.h"

#include "kernels/cuda/digits.cuh"
#include "kernels/cuda/rank_memory.cuh"

#include <algorithm>
#include <cooperative_groups.h>
#include <type_traits>

namespace kernels::cuda {

namespace {

constexpr std::uint32_t kOneShotThreads = 1024;
constexpr std::uint32_t kOneShotVectors = 4; // of four columns, a thread
constexpr int kTwoShotThreads = 256;
constexpr std::uint32_t kTwoShotBlocks = 4; // a multiprocessor
constexpr int kGatherThreads = 256;
constexpr std::uint32_t kGatherBatch = 4; // loads under way, a thread

__device__ std::uint32_t loadFlag(const std::uint32_t* flag) {
    std::uint32_t v;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(flag) : "memory");
    return v;
}
__device__ void raiseFlag(std::uint32_t* flag) {
    stumble();
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(flag), "r"(1U) : "memory");
}
/// Waits for a flag and puts it down.
__device__ void awaitFlag(std::byte* window, std::size_t offset, const RankLinks& links) {
    auto* flag = reinterpret_cast<std::uint32_t*>(window + offset);
    stumble();
    Patience<RankLinks> patience(links);
    while (loadFlag(flag) == 0)
        if (patience.ends())
            return;
    *static_cast<volatile std::uint32_t*>(flag) = 0;
}

/// Squares of columns k..k+3 that exist.
__device__ float squaresOf(float4 v, std::uint32_t k, std::uint32_t columns) {
    return (k < columns ? v.x * v.x : 0.0F) + (k + 1 < columns ? v.y * v.y : 0.0F) +
           (k + 2 < columns ? v.z * v.z : 0.0F) + (k + 3 < columns ? v.w * v.w : 0.0F);
}
__device__ float4 weightsAt(const float* weights, std::uint32_t k, std::uint32_t columns) {
    return make_float4(k < columns ? weights[k] : 0.0F, k + 1 < columns ? weights[k + 1] : 0.0F,
                       k + 2 < columns ? weights[k + 2] : 0.0F,
                       k + 3 < columns ? weights[k + 3] : 0.0F);
}
/// Columns k..k+3 of a row, zero behind the last.
__device__ float4 keptOf(float4 v, std::uint32_t k, std::uint32_t columns) {
    return make_float4(k < columns ? v.x : 0.0F, k + 1 < columns ? v.y : 0.0F,
                       k + 2 < columns ? v.z : 0.0F, k + 3 < columns ? v.w : 0.0F);
}
/// Columns k..k+3 of a normed row, zero behind the last, where the next product reads them.
__device__ void storeNormed(std::uint16_t* row, std::uint32_t k, std::uint32_t columns, float4 v,
                            bool preparedOrder) {
    v = keptOf(v, k, columns);
    const std::uint32_t low = packBf16(v.x, v.y);
    const std::uint32_t high = packBf16(v.z, v.w);
    if (!preparedOrder) {
        *reinterpret_cast<uint2*>(row + k) = make_uint2(low, high);
        return;
    }
    const std::uint32_t at = k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2; // quantize.cu
    *reinterpret_cast<std::uint32_t*>(row + at) = low;
    *reinterpret_cast<std::uint32_t*>(row + at + 8) = high;
}

/// The block's sum, the same bits in every thread. One barrier; `sums` must not be in use.
__device__ float blockSum(float value, float* sums) {
    value = warpSum(value);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    value = threadIdx.x % 32 < blockDim.x / 32 ? sums[threadIdx.x % 32] : 0.0F;
    return warpSum(value);
}

/// The same over the blocks of a row, in their order. Ends with everybody done reading.
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
__global__ void __launch_bounds__(kOneShotThreads)
    oneShotKernel(const __grid_constant__ ResidualSum task,
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

/// Adds the parts of an own row into the residual; returns the sum of squares of this thread.
__device__ float addParts(const ResidualSum& task, const RankLinks& links, std::uint32_t row) {
    const ReduceLayout& layout = links.layout;
    const std::size_t base = std::size_t{row} * layout.stride;
    float square = 0;
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kTwoShotThreads) {
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
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kTwoShotThreads) {
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
    for (std::uint32_t first = threadIdx.x; first < vectors; first += kBatch * kTwoShotThreads) {
        uint4 v[kBatch];
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
            if (first + i * kTwoShotThreads < vectors)
                v[i] = reinterpret_cast<const uint4*>(from)[first + i * kTwoShotThreads];
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
            if (first + i * kTwoShotThreads < vectors)
                reinterpret_cast<uint4*>(to)[first + i * kTwoShotThreads] = v[i];
    }
}

__global__ void __launch_bounds__(kTwoShotThreads, kTwoShotBlocks)
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
    for (std::uint32_t row = blockIdx.x * kTwoShotThreads + threadIdx.x; row < task.rows;
         row += gridDim.x * kTwoShotThreads)
        if (layout.owner(row) != links.rank)
            awaitFlag(own, layout.rowFlag(row), links);
}

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

/// Blocks of a row. One takes 1024 vectors as fast as several, and without their meeting.
std::uint32_t blocksOfRow(std::uint32_t vectors, const DeviceLimits& limits) {
    return limits.hopper && vectors > kOneShotThreads ? 8 : 1;
}

template<int kRanks>
cudaError_t sumOneShot(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                       cudaStream_t stream) {
    const std::uint32_t vectors = links.layout.stride / 4;
    const std::uint32_t blocks = blocksOfRow(vectors, limits);
    const std::uint32_t each = ceilDivide(vectors, kOneShotThreads * blocks);
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
    return each <= kOneShotVectors ? launch(oneShotKernel<kRanks, kOneShotVectors>)
                                   : cudaErrorInvalidValue;
}

/// Rows [first, first + count) belong to the rank; parts of the others lie in the window.
__global__ void __launch_bounds__(kTwoShotThreads)
    ownRowsKernel(const __grid_constant__ ResidualSum task, const __grid_constant__ RankLinks links,
                  std::uint32_t first) {
    __shared__ float sums[32];
    const ReduceLayout& layout = links.layout;
    const std::size_t base = std::size_t{first + blockIdx.x} * layout.stride;
    const std::byte* window = links.windows[links.rank];
    auto* residual = reinterpret_cast<float4*>(task.residual + base);
    float square = 0;
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kTwoShotThreads) {
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
    for (std::uint32_t at = threadIdx.x; at < layout.stride / 4; at += kTwoShotThreads) {
        const float4 v = residual[at]; // this thread's own
        const float4 w = weightsAt(task.normWeight, at * 4, task.columns);
        storeNormed(task.normed[links.rank] + base, at * 4, task.columns,
                    make_float4(v.x * inverse * w.x, v.y * inverse * w.y, v.z * inverse * w.z,
                                v.w * inverse * w.w),
                    task.preparedOrder);
    }
}

/// Ranks on one GPU: blocks that wait hold half of its multiprocessors at most. Some of what
/// another rank does before it comes here takes a whole one, or a cluster of them, and would
/// otherwise never start.
std::uint32_t roomOfShared(const RankLinks& links, const DeviceLimits& limits) {
    return std::max(1U, limits.multiprocessors / 2 / links.layout.ranks);
}

cudaError_t meet(const RankLinks& links, std::uint32_t slot, cudaStream_t stream) {
    RowGather nothing;
    nothing.slot = slot;
    return gatherRows(nothing, links, stream);
}

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
        ownRowsKernel<<<count, kTwoShotThreads, 0, stream>>>(task, links, first);
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

} // namespace

SumMethod sumMethod(std::uint32_t rows, const RankLinks& links, const DeviceLimits& limits) {
    const std::uint32_t blocks = rows * blocksOfRow(links.layout.stride / 4, limits);
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
    if (method == SumMethod::OneShot) {
        if (links.layout.ranks <= 2)
            return sumOneShot<2>(task, links, limits, stream);
        return links.layout.ranks <= 4 ? sumOneShot<4>(task, links, limits, stream)
                                       : sumOneShot<8>(task, links, limits, stream);
    }
    if (method == SumMethod::Copied)
        return sumCopied(task, links, stream);
    // All blocks must be on the device at once.
    const std::uint32_t most =
        links.sharesDevice ? roomOfShared(links, limits) : limits.multiprocessors * kTwoShotBlocks;
    twoShotKernel<<<std::min(task.rows, most), kTwoShotThreads, 0, stream>>>(task, links);
    return cudaGetLastError();
}

cudaError_t gatherRows(const RowGather& task, const RankLinks& links, cudaStream_t stream) {
    const std::uint32_t blocks = links.layout.gatherBlocks(task.rows, task.stride);
    gatherKernel<<<blocks, kGatherThreads, 0, stream>>>(task, links);
    return cudaGetLastError();
}

cudaError_t loadRankKernels() {
    cudaFuncAttributes attributes;
    cudaError_t error = cudaSuccess;
    const auto load = [&](auto kernel) { // asking for a kernel's attributes loads it
        if (error == cudaSuccess)
            error = cudaFuncGetAttributes(&attributes, kernel);
    };
    const auto loadOneShot = [&](auto most) {
        constexpr int kRanks = decltype(most)::value;
        load(oneShotKernel<kRanks, 1>);
        load(oneShotKernel<kRanks, 2>);
        load(oneShotKernel<kRanks, kOneShotVectors>);
    };
    loadOneShot(std::integral_constant<int, 2>());
    loadOneShot(std::integral_constant<int, 4>());
    loadOneShot(std::integral_constant<int, 8>());
    load(twoShotKernel);
    load(ownRowsKernel);
    load(gatherKernel);
    return error;
}

cudaError_t clearWindow(std::byte* window, const ReduceLayout& layout, cudaStream_t stream) {
    clearKernel<<<1024, 256, 0, stream>>>(reinterpret_cast<std::uint32_t*>(window),
                                          layout.oneShotBytes() / 4, layout.bytes() / 4);
    return cudaGetLastError();
}

} // namespace kernels::cuda
