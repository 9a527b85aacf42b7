#pragma once
// The fast GEMV against a single activation row: gemv_stream.cuh with less around the stream.
//
// A block of the decode step runs for 2 to 40 us, and what it executes once, its multiprocessor
// fetches from L2 first: some six clocks an instruction. So there is one place for everything: one
// loop fills the ring and empties it, with the wait for the kernel ahead in its midst; the host
// says where every warp begins; nothing is unrolled that a loop can do.
// - Warps in groups of `side` go through an equal stretch of the block's tiles each, adjacent
//   slices side by side, so that a warp meets few tiles.
// - A multiprocessor has the registers for two blocks. The next kernel may start at once, so its
//   block's ring is full before this one ends. All blocks of one kernel have begun before the first
//   of the one ahead ends, hence each finds a place of its own; behind the attention, which leaves
//   some multiprocessors out, they do because two of them would not fit (launchSingle()).
// - Weights leave L2 first, so that instructions, parameters and tables stay there.
// Shapes: W [N][K padded to 128], x one row. Preconditions: streamsSingle().
// History: within gemv_stream.cuh, 16 warps and 2,900 instructions: GPU_NOTES.md.
#include "kernels/cuda/gemv_stream.cuh"
#include "kernels/cuda/gemv_stream_sum.cuh"

#include <type_traits>

namespace kernels::cuda {

constexpr std::uint32_t kSingleWarps = 8;

/// One launch, prepared by the host.
struct SingleTask {
    // Moved back so that rows count through all matrices (SwiGLU: gate, up).
    const std::byte* values[kGemvMatrices] = {};
    const std::byte* scales[kGemvMatrices] = {};
    const std::byte* minima[kGemvMatrices] = {};
    float* outs[kGemvMatrices] = {};        // moved back likewise
    std::uint32_t ends[kGemvMatrices] = {}; // first row behind each matrix
    std::uint32_t tileRows = 0;             // rows (SwiGLU: pairs of rows) of all matrices
    std::uint32_t blockRows = 0;            // of one block
    std::uint32_t sumRows = 0;              // whole tiles of them
    std::uint32_t slices = 0;               // units of one row
    std::uint32_t side = 1;
    std::uint32_t stepEnd = 0; // first slice behind a tile's units, some of which may not exist
    std::uint32_t tile[kSingleWarps] = {}; // where a group of warps begins
    std::uint32_t slice[kSingleWarps] = {};
    std::uint32_t units[kSingleWarps] = {};
    std::uint32_t rowBytes = 0;
    std::uint32_t groups = 0; // scales of a row
    std::uint32_t columns = 0;
    const float* x = nullptr;
    const std::uint16_t* rounded = nullptr;
    const std::uint32_t* rowMap = nullptr;
    std::uint32_t xStride = 0;
    const float* normWeight = nullptr;
    float eps = 0;
    bool adds = false;
    std::uint16_t* roundedOut = nullptr;
};
/// One whose rows several GPUs add up; apart, so that the others' parameters stay short.
struct SummedTask : SingleTask {
    PartSum sum;
};

/// What a lane reads of a single row: activations of its groups and what they begin at, or zeros.
struct GroupLane {
    const uint4* x;
    const uint4* low;
    const float2* sums;
    std::uint32_t xMask, sumMask; // of what moves on with the units
};
template<class F>
__device__ GroupLane groupLane(const std::byte* activations, std::uint32_t pitch, bool split,
                               std::uint32_t lane) {
    const std::byte* zeros = activations + (split ? 2U : 1U) * pitch;
    const std::uint32_t quarter = lane % 4;
    const bool own = lane / 4 == quarter;
    const bool first = quarter < 2;
    GroupLane result;
    result.x = reinterpret_cast<const uint4*>(own ? activations + quarter * 16 : zeros);
    result.low = reinterpret_cast<const uint4*>(own ? activations + pitch + quarter * 16 : zeros);
    result.sums = reinterpret_cast<const float2*>(first ? zeros + kZeroBytes + quarter * 8 : zeros);
    result.xMask = own ? 0xFFFFFFFFU : 0U;
    result.sumMask = first ? 0xFFFFFFFFU : 0U;
    return result;
}

/// addUnit() of a format whose groups come as columns of the product. Lanes of quarters 0 and 1
/// have a part of the rows' totals each.
template<class F>
__device__ __forceinline__ void addGroups(const std::byte* slot, const GroupLane& at,
                                          std::uint32_t unit, bool split, std::uint32_t lane,
                                          float (&total)[2][2]) {
    typename F::Raw raw;
    F::read(slot, lane, raw);
    const uint4* x = at.x + (unit * (F::kPieces * 4) & at.xMask);
    const uint4* low = at.low + (unit * (F::kPieces * 4) & at.xMask);
    const float2* begin = at.sums + (unit * (F::kGroups / 2) & at.sumMask);
    const std::byte* scales =
        slot + F::kSlotBytes + lane / 4 * F::kScaleBytes + lane % 2 * sizeof(float);
#pragma unroll
    for (int b = 0; b < 2; ++b) {
        const float2 start = begin[b * 2];
        float sums[2][4] = {{start.x, start.y, start.x, start.y}, {}};
#pragma unroll
        for (int w = 0; w < 4; ++w) {
            std::uint32_t a[2][4];
            F::operands(raw, b * 4 + w, a);
            const uint4 v = x[(b * 4 + w) * 4];
            mmaBf16(sums[0], a[0], v.x, v.y);
            mmaBf16(sums[1], a[1], v.z, v.w);
            if (split) {
                const uint4 rest = low[(b * 4 + w) * 4];
                mmaBf16(sums[0], a[0], rest.x, rest.y);
                mmaBf16(sums[1], a[1], rest.z, rest.w);
            }
        }
#pragma unroll
        for (int high = 0; high < 2; ++high) {
            const std::byte* from = scales + high * 8 * F::kScaleBytes + b * 8;
            const float2 scale = __half22float2(*reinterpret_cast<const __half2*>(from));
            float& to = total[high][0];
            to = fmaf(scale.x, sums[0][high * 2] + sums[1][high * 2], to);
            to = fmaf(scale.y, sums[0][high * 2 + 1] + sums[1][high * 2 + 1], to);
            if constexpr (F::kMinima) {
                const float2 least = __half22float2(
                    *reinterpret_cast<const __half2*>(from + kStreamRows * F::kScaleBytes));
                to = fmaf(least.x, start.x * (-1 / F::kOffset), to);
                to = fmaf(least.y, start.y * (-1 / F::kOffset), to);
            }
        }
    }
}

/// Which matrix a row lies in, rows counted through.
__device__ inline std::uint32_t matrixOf(const SingleTask& task, std::uint32_t row) {
    return (row >= task.ends[0] ? 1 : 0) + (row >= task.ends[1] ? 1 : 0);
}
template<class T>
__device__ inline T* ofMatrix(T* const (&of)[kGemvMatrices], std::uint32_t matrix) {
    return matrix == 0 ? of[0] : matrix == 1 ? of[1] : of[2];
}

/// What a lane copies of a tile: 16 bytes at 16 (lane % 8) of rows lane / 8 + 4 i, whole lines of
/// memory a warp; and, of row lane / 2, one half of the scales.
template<class F, bool kSwiGlu>
__device__ __forceinline__ void openSingle(const SingleTask& task, std::uint32_t tile,
                                           std::uint32_t lane, StreamSources& from) {
    // Gate and up of one output lie 8 rows apart, so that one lane has both.
    constexpr std::uint32_t kOutputs = kSwiGlu ? kStreamRows / 2 : kStreamRows;
    const std::uint32_t begin = blockIdx.x * task.blockRows;
    const std::uint32_t end = min(begin + task.blockRows, task.tileRows);
    const std::uint32_t first = begin + tile * kOutputs;
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t row = first + lane / 8 + (kSwiGlu ? i % 2 : i) * 4;
        const std::uint32_t there = row < end ? row : 0;
        const std::byte* matrix =
            kSwiGlu ? task.values[i / 2] : ofMatrix(task.values, matrixOf(task, there));
        from.values[i] = matrix + std::size_t{there} * task.rowBytes + lane % 8 * 16;
        from.bytes[i] = row < end ? 16 : 0;
    }
    const std::uint32_t row = first + (kSwiGlu ? lane / 2 % 8 : lane / 2);
    const std::uint32_t there = row < end ? row : 0;
    const std::uint32_t matrix = kSwiGlu ? lane / 16 : matrixOf(task, there);
    const std::size_t at = std::size_t{there} * task.groups * 2;
    from.scales = ofMatrix(task.scales, matrix) + at;
    if constexpr (F::kMinima)
        from.minima = ofMatrix(task.minima, matrix) + at;
    from.scaleBytes = row < end ? 1 : 0;
}

/// Which half of an aligned word holds a scale, where rows have an odd number of them.
template<bool kSwiGlu>
__device__ __noinline__ std::uint32_t oddHalf(const SingleTask& task, std::uint32_t tile,
                                              std::uint32_t inTile) {
    const std::uint32_t row = blockIdx.x * task.blockRows +
                              (kSwiGlu ? tile * 8 + inTile % 8 : tile * kStreamRows + inTile);
    const std::uint32_t matrix = kSwiGlu ? inTile / 8 : matrixOf(task, row);
    const std::byte* scale = ofMatrix(task.scales, matrix) + std::size_t{row} * task.groups * 2;
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(scale) >> 1 & 1U);
}

__device__ __forceinline__ float sumPairs(uint4 v) {
    return ((bf16Low(v.x) + bf16High(v.x)) + (bf16Low(v.y) + bf16High(v.y))) +
           ((bf16Low(v.z) + bf16High(v.z)) + (bf16Low(v.w) + bf16High(v.w)));
}
/// What the sums of a group of 32 columns begin at, of which `mine` is the sum of this thread's
/// eight. Four threads have a group.
template<class F>
__device__ __forceinline__ void storeGroup(std::byte* groups, std::uint32_t item, float mine) {
    mine += __shfl_xor_sync(kAllLanes, mine, 1);
    mine += __shfl_xor_sync(kAllLanes, mine, 2);
    if (item % 4 == 0)
        reinterpret_cast<float*>(groups + kZeroBytes)[item / 4] = -F::kOffset * mine;
}

/// The row where it is bf16 already.
template<class F>
__device__ __forceinline__ void prepareRounded(const SingleTask& task, std::byte* activations,
                                               std::byte* groups) {
    constexpr std::uint32_t kThreads = kSingleWarps * 32;
    constexpr std::uint32_t kBatch = 4; // loads under way at once
    const std::uint32_t items = task.columns / 8;
    const std::uint32_t padded = task.slices * F::kColumns / 8;
    const auto* from = reinterpret_cast<const uint4*>(task.rounded);
#pragma unroll 1
    for (std::uint32_t first = threadIdx.x; first / 32 * 32 < padded; first += kThreads * kBatch) {
        uint4 v[kBatch];
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t item = first + i * kThreads;
            v[i] = item < items ? __ldcg(from + item) : make_uint4(0, 0, 0, 0);
        }
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t item = first + i * kThreads;
            if (item < padded)
                storeEight<F>(activations + placeOfEight<F>(item * 8), pairColumns(v[i]));
            if constexpr (F::kGrouped)
                if (item / 32 * 32 < padded) // all lanes of a warp
                    storeGroup<F>(groups, item, sumPairs(v[i]));
        }
    }
}

/// The row normed and rounded, every value read once: kItems times eight columns a thread.
template<class F, bool kSplit, int kItems>
__device__ __forceinline__ void prepareNormed(const SingleTask& task, std::byte* activations,
                                              std::byte* groups, float* rms, std::uint32_t pitch) {
    constexpr std::uint32_t kThreads = kSingleWarps * 32;
    const std::uint32_t items = task.columns / 8;
    const std::uint32_t padded = task.slices * F::kColumns / 8;
    const std::uint32_t source = task.rowMap != nullptr ? task.rowMap[0] : 0;
    const auto* x = reinterpret_cast<const float4*>(task.x + std::size_t{source} * task.xStride);
    const auto* weights = reinterpret_cast<const float4*>(task.normWeight);
    float4 v[kItems][2] = {};
    float4 w[kItems][2] = {};
#pragma unroll
    for (std::uint32_t i = 0; i < kItems; ++i) {
        const std::uint32_t item = threadIdx.x + i * kThreads;
        if (item < items) {
            v[i][0] = __ldcg(x + item * 2), v[i][1] = __ldcg(x + item * 2 + 1);
            w[i][0] = weights[item * 2], w[i][1] = weights[item * 2 + 1];
        }
    }
    float sum = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < kItems; ++i)
        sum += squares(v[i][0]) + squares(v[i][1]);
    sum = warpSum(sum);
    if (threadIdx.x % 32 == 0)
        rms[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleWarps / 4; ++i) {
        const float4 four = reinterpret_cast<const float4*>(rms)[i];
        sum += four.x + four.y + four.z + four.w;
    }
    const float inverse = rsqrtf(__fdividef(sum, static_cast<float>(task.columns)) + task.eps);
#pragma unroll
    for (std::uint32_t i = 0; i < kItems; ++i) {
        const std::uint32_t item = threadIdx.x + i * kThreads;
        if (item / 32 * 32 >= padded)
            break;
        const float4 a = scaled(v[i][0], inverse, w[i][0]);
        const float4 b = scaled(v[i][1], inverse, w[i][1]);
        std::byte* to = activations + placeOfEight<F>(item * 8);
        const uint4 high = make_uint4(packBf16(a.x, a.z), packBf16(a.y, a.w), packBf16(b.x, b.z),
                                      packBf16(b.y, b.w));
        if (item < padded)
            storeEight<F>(to, high);
        uint4 low = make_uint4(0, 0, 0, 0);
        if (kSplit) {
            low = make_uint4(packBf16(a.x - bf16Low(high.x), a.z - bf16High(high.x)),
                             packBf16(a.y - bf16Low(high.y), a.w - bf16High(high.y)),
                             packBf16(b.x - bf16Low(high.z), b.z - bf16High(high.z)),
                             packBf16(b.y - bf16Low(high.w), b.w - bf16High(high.w)));
            if (item < padded)
                storeEight<F>(to + pitch, low);
        }
        if constexpr (F::kGrouped)
            storeGroup<F>(groups, item, sumPairs(high) + (kSplit ? sumPairs(low) : 0.0F));
    }
}
constexpr std::uint32_t kSingleItems = 4;

/// Activations in the order in which lanes read them; for formats with groups also their sums, and
/// zeros. Ends with a barrier.
template<class F, bool kSplit>
__device__ __forceinline__ void prepareSingle(const SingleTask& task, std::byte* activations,
                                              float* rms, std::uint32_t pitch) {
    constexpr std::uint32_t kThreads = kSingleWarps * 32;
    std::byte* groups = activations + (kSplit ? 2U : 1U) * pitch;
    if constexpr (F::kGrouped)
        for (std::uint32_t i = threadIdx.x; i < kZeroBytes / 4; i += kThreads)
            reinterpret_cast<float*>(groups)[i] = 0;
    if (!kSplit && task.rounded != nullptr)
        prepareRounded<F>(task, activations, groups);
    else if (task.slices * F::kColumns <= kThreads * 8)
        prepareNormed<F, kSplit, 1>(task, activations, groups, rms, pitch);
    else if (task.slices * F::kColumns <= kThreads * 16)
        prepareNormed<F, kSplit, 2>(task, activations, groups, rms, pitch);
    else
        prepareNormed<F, kSplit, kSingleItems>(task, activations, groups, rms, pitch);
    __syncthreads();
}

/// Adds the warps' sums and writes them out.
template<bool kSwiGlu>
__device__ __forceinline__ void writeSingle(const SingleTask& task, const float* sums,
                                            float before) {
    const std::uint32_t first = blockIdx.x * task.blockRows;
    const std::uint32_t end = min(first + task.blockRows, task.tileRows);
    const auto sumOf = [&](std::uint32_t at) {
        float sum = 0;
#pragma unroll
        for (std::uint32_t w = 0; w < kSingleWarps; ++w)
            sum += sums[w * task.sumRows + at];
        return sum;
    };
#pragma unroll 1
    for (std::uint32_t at = threadIdx.x; first + at < end; at += kSingleWarps * 32) {
        const std::uint32_t row = first + at;
        if (kSwiGlu) {
            const std::uint32_t at0 = at / 8 * kStreamRows + at % 8;
            const float gate = sumOf(at0);
            const float value = gate / (1.0F + expf(-gate)) * sumOf(at0 + 8);
            if (task.roundedOut != nullptr)
                task.roundedOut[row] = __bfloat16_as_ushort(__float2bfloat16_rn(value));
            else
                task.outs[0][row] = value;
            continue;
        }
        float* to = ofMatrix(task.outs, matrixOf(task, row)) + row;
        const float sum = sumOf(at);
        *to = task.adds ? (at == threadIdx.x ? before : *to) + sum : sum;
    }
}

template<class F, bool kSwiGlu, bool kSplit, int kDepth, class Task>
__global__ void __launch_bounds__(kSingleWarps * 32, 2)
    singleKernel(const __grid_constant__ Task task) {
    extern __shared__ __align__(16) std::byte shared[];
    __shared__ __align__(16) float rms[kSingleWarps];
    constexpr bool kSums = std::is_same_v<Task, SummedTask>;
    bool starts = true;
    if constexpr (kSums)
        starts = !task.sum.sharesDevice; // else another rank's kernels would lack the room
    if (starts)
        letNextStart();
    constexpr std::uint32_t kSlot = kRingSlot<F>;
    constexpr std::uint32_t kRing = kDepth * kSlot;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint64_t policy = evictFirst();
    std::byte* ring = shared + warp * kRing;
    std::byte* activations = shared + kSingleWarps * kRing;
    const std::uint32_t pitch = task.slices * F::kColumns * 2 + 64;
    auto* sums = reinterpret_cast<float*>(activations + (kSplit ? 2U : 1U) * pitch +
                                          groupBytes<F>(task.slices));
    float* mine = sums + warp * task.sumRows;
    const std::uint32_t group = warp / task.side;
    const std::uint32_t begin = warp % task.side; // the warp's first slice of a tile
    struct Cursor {
        std::uint32_t tile, slice, left;
    };
    Cursor at{task.tile[group], task.slice[group] + begin, task.units[group]};
    Cursor ahead = at;
    const auto move = [&](Cursor& cursor) {
        --cursor.left;
        cursor.slice += task.side;
        if (cursor.slice >= task.stepEnd) {
            cursor.slice = begin;
            ++cursor.tile;
        }
    };
    StreamSources sources;
    std::uint32_t opened = 0xFFFFFFFFU;
    std::uint32_t fetched = 0;
    std::uint32_t used = 0;
    const auto moveSlot = [](std::uint32_t& slot) {
        slot = slot == kRing - kSlot ? 0 : slot + kSlot;
    };
    float before = 0; // what this thread's first sum is added to
    GroupLane grouped;
    float total[2][2] = {};
#pragma unroll 1
    for (std::uint32_t turn = 0;; ++turn) {
        if (turn == kDepth - 1) { // the ring is full
            for (std::uint32_t i = lane; i < task.sumRows; i += 32)
                mine[i] = 0; // the warp may meet no unit of a row
            if (task.normWeight != nullptr && threadIdx.x == 0)
                prefetchL2(task.normWeight, task.columns / 4 * 16);
            waitForPrevious();
            const std::uint32_t row = blockIdx.x * task.blockRows + threadIdx.x;
            if (!kSwiGlu && task.adds && threadIdx.x < task.blockRows && row < task.tileRows)
                before = __ldcg(task.outs[0] + row);
            prepareSingle<F, kSplit>(task, activations, rms, pitch);
            if constexpr (F::kGrouped)
                grouped = groupLane<F>(activations, pitch, kSplit, lane);
        }
        const bool uses = turn >= kDepth - 1;
        if (uses) {
            if (at.left == 0)
                break;
            waitAsync<kDepth - 2>();
            __syncwarp();
        }
        if (ahead.left != 0) {
            if (ahead.tile != opened) {
                opened = ahead.tile;
                openSingle<F, kSwiGlu>(task, opened, lane, sources);
            }
            fetchUnit<F, true>(task, sources, ahead.slice, sharedAddress(ring) + fetched, lane,
                               policy);
            move(ahead);
            moveSlot(fetched);
        }
        commitAsync();
        if (!uses)
            continue;
        if (at.slice < task.slices) {
            if constexpr (F::kGrouped) {
                addGroups<F>(ring + used, grouped, at.slice, kSplit, lane, total);
            } else {
                std::uint32_t half[2] = {at.slice & 1U, at.slice & 1U};
                if (F::kScaleBytes == 4 && task.groups % 2 != 0) {
                    half[0] ^= oddHalf<kSwiGlu>(task, at.tile, lane / 4);
                    half[1] ^= oddHalf<kSwiGlu>(task, at.tile, lane / 4 + 8);
                }
                const auto* x = reinterpret_cast<const uint4*>(activations) + lane % 4 +
                                at.slice * (F::kPieces * 4);
                addUnit<F, true>(ring + used, x, x + pitch / 16, kSplit, true, lane, half, total);
            }
        }
        moveSlot(used);
        const std::uint32_t tile = at.tile;
        move(at);
        if (at.tile == tile && at.left != 0)
            continue;
        if constexpr (F::kGrouped) {
            total[0][0] += __shfl_xor_sync(kAllLanes, total[0][0], 1);
            total[1][0] += __shfl_xor_sync(kAllLanes, total[1][0], 1);
        }
        if (lane % 4 == 0) {
            mine[tile * kStreamRows + lane / 4] = total[0][0];
            mine[tile * kStreamRows + lane / 4 + 8] = total[1][0];
        }
        total[0][0] = total[1][0] = 0;
    }
    __syncthreads();
    if constexpr (kSums)
        sumOverRanks<kSingleWarps>(task.sum, sums, task.sumRows, blockIdx.x * task.blockRows,
                                   min((blockIdx.x + 1) * task.blockRows, task.tileRows),
                                   task.outs[0]);
    else
        writeSingle<kSwiGlu>(task, sums, before);
}

} // namespace kernels::cuda
