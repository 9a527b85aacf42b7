#pragma once
// The fast GEMV against a single activation row: gemv_stream.cuh with less around the stream, and
// without a conversion in it: the row becomes int8 digits (gemv_stream_single_digits.cuh), and the
// bytes of the ring are operands of the tensor cores as they are (gemv_stream_single_formats.cuh);
// or the row comes as digits already (gemv_stream_single_handed.cuh).
//
// A block of the decode step runs for 2 to 40 us, and what it executes once, its multiprocessor
// fetches from L2 first: some six clocks an instruction. So there is one place for everything: one
// loop fills the ring and empties it, with the wait for the kernel ahead in its midst; the host
// says where every warp begins; nothing is unrolled that a loop can do.
// - A warp has one other beside it on its scheduler, so its turn is short: what a product needs
//   goes under way before the lanes fetch the next unit, sums that need not wait for each other
//   do not, addresses in shared memory stay in registers, counters with the warp (uniform ones).
// - Warps in groups of `side` go through an equal stretch of the block's tiles each, adjacent
//   slices side by side, so that a warp meets few tiles.
// - A multiprocessor has the registers for two blocks. The next kernel may start at once, so its
//   block's ring is full before this one ends. All blocks of one kernel have begun before the first
//   of the one ahead ends, hence each finds a place of its own; behind the attention, which leaves
//   some multiprocessors out, they do because two of them would not fit (launchSingle()).
// - Weights leave L2 first, so that instructions, parameters and tables stay there.
// Shapes: W [N][K padded to 128], x one row. Preconditions: streamsSingle().
// History: within gemv_stream.cuh, 16 warps and 2,900 instructions; then bytes to bf16 for
// m16n8k16, 138 instructions a KiB of weights; then a turn's steps behind each other: GPU_NOTES.md.
#include "kernels/cuda/gemv_stream_single_handed.cuh"
#include "kernels/cuda/gemv_stream_sum.cuh"

#include <type_traits>

namespace kernels::cuda {

/// Adds the warps' sums and writes them out.
template<class F, bool kSwiGlu>
__device__ __forceinline__ void writeSingle(const SingleTask& task, const float* sums,
                                            const float* rms, float before) {
    const std::uint32_t first = blockIdx.x * task.blockRows;
    const std::uint32_t end = min(first + task.blockRows, task.tileRows);
    const float factor = F::kHanded ? 1.0F : rmsFactor(task, rms);
    const auto sumOf = [&](std::uint32_t at) {
        float sum = 0;
#pragma unroll
        for (std::uint32_t w = 0; w < kSingleWarps; ++w)
            sum += sums[w * task.sumRows + at];
        return sum * factor;
    };
#pragma unroll 1
    for (std::uint32_t at = threadIdx.x; first + at < end; at += kSingleWarps * 32) {
        const std::uint32_t row = first + at;
        if (kSwiGlu) {
            const std::uint32_t at0 = at / 8 * kStreamRows + at % 8;
            const float gate = sumOf(at0);
            // By the fast functions: what stands here is met once, when everybody waits for it.
            const float value = __fdividef(gate, 1.0F + __expf(-gate)) * sumOf(at0 + 8);
            if (task.handedOut != nullptr) {
                handColumn(F::kOrder, task.handedOut, task.handedColumns, row, value);
                continue;
            }
            if (task.roundedOut != nullptr)
                task.roundedOut[row] = __bfloat16_as_ushort(__float2bfloat16_rn(value));
            else
                task.outs[0][row] = value;
            continue;
        }
        float* to = task.outs[matrixOf(task, row)] + row;
        const float sum = sumOf(at);
        *to = task.adds ? (at == threadIdx.x ? before : *to) + sum : sum;
    }
}

/// A tile's sums over the groups of four lanes, to [16 rows] at `to`; `total` is zero then.
__device__ __forceinline__ void leaveSums(float (&total)[2], std::uint32_t to, std::uint32_t lane) {
#pragma unroll
    for (std::uint32_t i = 0; i < 2; ++i) {
        total[i] += __shfl_xor_sync(kAllLanes, total[i], 1);
        total[i] += __shfl_xor_sync(kAllLanes, total[i], 2);
        if (lane % 4 == 0)
            storeShared4(to + (lane / 4 + i * 8) * 4, total[i]);
        total[i] = 0;
    }
}

/// Which unit of its stretch a warp has come to.
struct UnitCursor {
    std::uint32_t tile, slice;

    /// `first`: the warp's first slice of a tile.
    __device__ void move(const SingleTask& task, std::uint32_t first) {
        slice += task.side;
        if (slice >= task.slices) {
            slice = first;
            ++tile;
        }
    }
};

template<class F, bool kSwiGlu, int kDepth, int kItems, class Task>
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
    // Asked of a lane, so that the compiler knows that all have the same.
    const std::uint32_t warp = __shfl_sync(kAllLanes, threadIdx.x / 32, 0);
    const std::uint64_t policy = evictFirst();
    std::byte* digits = shared + kSingleWarps * kRing;
    const std::uint32_t behind =
        F::kHanded ? handedDigitBytes(task.slices * F::kColumns) : digitBytes<F>(task.slices);
    [[maybe_unused]] auto* groups = reinterpret_cast<DigitGroup*>(digits + behind);
    auto* sums = reinterpret_cast<float*>(digits + rowBytes<F>(task.slices));
    // By a lane's own number, as ptxas (13.0) writes copies to R + UR that are no instructions.
    const std::uint32_t ring = sharedAddress(shared) + threadIdx.x / 32 * kRing;
    std::uint32_t mine = sharedAddress(sums + warp * task.sumRows);
    hold(mine);
    const std::uint32_t group = warp / task.side;
    const std::uint32_t begin = warp % task.side; // the warp's first slice of a tile
    // Blocks without rows are only here to keep the grid at one block a multiprocessor.
    const std::uint32_t units = blockIdx.x * task.blockRows < task.tileRows ? task.units[group] : 0;
    UnitCursor at{task.tile[group], task.slice[group] + begin};
    UnitCursor ahead = at;
    SingleSources sources;
    const FetchLane<F> to(lane);
    std::uint32_t opened = 0xFFFFFFFFU;
    std::uint32_t slot = ring; // to fetch into; the unit to use lies in the next
    float before = 0;          // what this thread's first sum is added to
    typename F::Lane weights =
        F::laneOf({sharedAddress(digits), sharedAddress(digits) + behind,
                   sharedAddress(digits) + handedBytes(task.slices * F::kColumns)},
                  lane);
    const bool isOdd = F::kScaleBytes == 4 && task.groups % 2 != 0;
    float total[2] = {};
#pragma unroll 1
    for (std::uint32_t turn = 0;; ++turn) {
        if (turn == kDepth - 1) { // the ring is full
#pragma unroll 1
            for (std::uint32_t i = lane; i < task.sumRows; i += 32)
                storeShared4(mine + i * 4, 0); // the warp may meet no unit of a row
            // Here and not in a function of its own, which costs wide rows registers they lack.
            float norm[kFewItems][8];
            if (!F::kHanded && task.normWeight != nullptr)
                for (int i = 0; i < kFewItems; ++i) // not after the wait: they come from memory
                    loadNorm(task, threadIdx.x + i * kSingleThreads, norm[i]);
            waitForPrevious();
            const std::uint32_t row = blockIdx.x * task.blockRows + threadIdx.x;
            if (!kSwiGlu && task.adds && threadIdx.x < task.blockRows && row < task.tileRows)
                before = __ldcg(task.outs[0] + row);
            if constexpr (F::kHanded)
                copyHanded<F>(task, digits);
            else if (task.rounded != nullptr)
                roundedDigits<F>(task, digits, groups);
            else
                normDigits<F, kItems>(task, norm, digits, groups, rms);
            __syncthreads();
            if constexpr (F::kSumsHanded) {
                sumHanded<F>(task, digits);
                __syncthreads();
            }
            weights.clear();
        }
        const bool uses = turn >= kDepth - 1;
        const std::uint32_t next = slot == ring + kRing - kSlot ? ring : slot + kSlot;
        // What a product needs goes under way first, and arrives while the lanes fetch.
        typename F::Raw raw;
        if (uses) {
            if (turn == units + kDepth - 1)
                break;
            std::uint32_t half[2] = {at.slice & 1U, at.slice & 1U};
            if (isOdd) {
                half[0] ^= oddHalf<kSwiGlu>(task, at.tile, lane / 4);
                half[1] ^= oddHalf<kSwiGlu>(task, at.tile, lane / 4 + 8);
            }
            waitAsync<kDepth - 2>();
            __syncwarp();
            F::load(weights, raw, next, at.slice, lane, half);
        }
        if (turn < units) {
            if (ahead.tile != opened) {
                opened = ahead.tile;
                openSingle<F, kSwiGlu>(task, opened, lane, sources);
            }
            fetchSingle<F>(task, sources, to, ahead.slice, slot, policy);
            ahead.move(task, begin);
        }
        commitAsync();
        slot = next;
        if (!uses)
            continue;
        F::add(weights, raw, total);
        const std::uint32_t tile = at.tile;
        at.move(task, begin);
        if (at.tile == tile && turn + 1 != units + kDepth - 1)
            continue;
        leaveSums(total, mine + tile * kStreamRows * 4, lane);
    }
    __syncthreads();
    if constexpr (kSums)
        sumOverRanks<kSingleWarps>(task.sum, sums, task.sumRows, blockIdx.x * task.blockRows,
                                   min((blockIdx.x + 1) * task.blockRows, task.tileRows),
                                   task.outs[0]);
    else
        writeSingle<F, kSwiGlu>(task, sums, rms, before);
}

} // namespace kernels::cuda
