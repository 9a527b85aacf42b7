#pragma once
// What one launch of the fast GEMV against a single row is about (gemv_stream_single.cuh), and what
// its lanes copy of a tile.
#include "kernels/cuda/gemv_stream.cuh"

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
    const std::byte* handed = nullptr;
    std::byte* handedOut = nullptr;
    std::uint32_t handedColumns = 0; // of handedOut, padded
};
/// One whose rows several GPUs add up; apart, so that the others' parameters stay short.
struct SummedTask : SingleTask {
    PartSum sum;
};

/// Which matrix a row lies in, rows counted through.
__device__ inline std::uint32_t matrixOf(const SingleTask& task, std::uint32_t row) {
    return (row >= task.ends[0] ? 1 : 0) + (row >= task.ends[1] ? 1 : 0);
}

/// Where a lane's copies of a tile begin: 16 bytes at 16 (lane % 8) of rows lane / 8 + 4 i, whole
/// lines of memory a warp; and of row lane / 2 the scales.
struct SingleSources {
    const std::byte* values[4];
    const std::byte* scales;
    const std::byte* minima;
    // Bit i: row lane / 8 + 4 i is the block's; bit 4: row lane / 2 is. The others are not fetched
    // (a last tile of 4 rows would bring 12 that nobody needs); what lies in their places of the
    // ring has sums of its own, which nobody reads.
    std::uint32_t present;
};
template<class F, bool kSwiGlu>
__device__ __forceinline__ void openSingle(const SingleTask& task, std::uint32_t tile,
                                           std::uint32_t lane, SingleSources& from) {
    // Gate and up of one output lie 8 rows apart, so that one lane has both.
    constexpr std::uint32_t kOutputs = kSwiGlu ? kStreamRows / 2 : kStreamRows;
    const std::uint32_t begin = blockIdx.x * task.blockRows;
    const std::uint32_t last = min(begin + task.blockRows, task.tileRows) - 1;
    const std::uint32_t first = begin + tile * kOutputs;
    from.present = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t wanted = first + lane / 8 + (kSwiGlu ? i % 2 : i) * 4;
        const std::uint32_t row = min(wanted, last);
        const std::uint32_t matrix = kSwiGlu ? i / 2 : matrixOf(task, row);
        from.values[i] = task.values[matrix] + std::size_t{row} * task.rowBytes;
        from.present |= (wanted <= last ? 1U : 0U) << i;
    }
    const std::uint32_t wanted = first + (kSwiGlu ? lane / 2 % 8 : lane / 2);
    const std::uint32_t row = min(wanted, last);
    const std::uint32_t matrix = kSwiGlu ? lane / 16 : matrixOf(task, row);
    const std::size_t at = std::size_t{row} * (task.groups * 2);
    from.scales = task.scales[matrix] + at;
    from.present |= (wanted <= last ? 1U : 0U) << 4;
    if constexpr (F::kMinima)
        from.minima = task.minima[matrix] + at;
}

// By addresses in shared memory: by pointer the compiler finds out anew each time where the block's
// shared memory begins, which takes as long as the load.
__device__ inline uint2 loadShared8(std::uint32_t shared) {
    uint2 v;
    asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(shared) : "memory");
    return v;
}
__device__ inline std::uint32_t loadShared4(std::uint32_t shared) {
    std::uint32_t v;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(shared) : "memory");
    return v;
}
__device__ inline std::uint16_t loadShared2(std::uint32_t shared) {
    std::uint16_t v;
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(shared) : "memory");
    return v;
}
__device__ inline void storeShared4(std::uint32_t shared, float v) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(shared), "f"(v) : "memory");
}

/// As copyAsync16(), of what nobody reads again: it leaves L2 first with a policy of evictFirst().
__device__ inline void copyAsyncOnce(std::uint32_t shared, const void* from, std::uint64_t policy) {
    asm volatile(
        "cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2;" ::"r"(shared),
        "l"(from), "l"(policy)
        : "memory");
}
/// Eight bytes of a row's scales; L2 brings the 256 around them, so that memory is not asked for
/// every unit's 16 bytes by themselves.
__device__ inline void copyScales8(std::uint32_t shared, const void* from) {
    asm volatile("cp.async.ca.shared.global.L2::256B [%0], [%1], 8;" ::"r"(shared), "l"(from)
                 : "memory");
}
__device__ inline std::uint64_t evictFirst() {
    std::uint64_t policy;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

/// Where a lane's copies of a unit go, from the slot's beginning, and which of its bytes they are.
template<class F>
struct FetchLane {
    std::uint32_t values;      // of row lane / 8; and row + 8 lies 8 rows behind
    std::uint32_t valuesFour;  // of row lane / 8 + 4
    std::uint32_t valueColumn; // in bytes
    std::uint32_t scales;
    std::uint32_t scaleColumn; // in bytes

    __device__ explicit FetchLane(std::uint32_t lane) {
        values = F::slotAt(lane / 8, lane % 8);
        valuesFour = F::slotAt(lane / 8 + 4, lane % 8);
        valueColumn = lane % 8 * 16;
        scaleColumn = F::kScaleBytes == 16 ? lane % 2 * 8 : 0;
        scales = F::kSlotBytes + lane / 2 * F::kScaleBytes + scaleColumn;
        hold(values), hold(valuesFour), hold(valueColumn), hold(scales), hold(scaleColumn);
    }
};

/// Puts one unit under way into the slot at `slot`. Columns behind the row's last are others of it
/// again: the digits there are zero. No lane leaves early: the warp stays together.
template<class F>
__device__ __forceinline__ void fetchSingle(const SingleTask& task, const SingleSources& from,
                                            const FetchLane<F>& to, std::uint32_t slice,
                                            std::uint32_t slot, std::uint64_t policy) {
    const std::uint32_t at = min(slice * kStreamBytes + to.valueColumn, task.rowBytes - 16);
    const std::uint32_t slots[2] = {slot + to.values, slot + to.valuesFour};
    const std::uint32_t scales = slot + to.scales;
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i)
        if ((from.present >> i & 1U) != 0)
            copyAsyncOnce(slots[i % 2] + i / 2 * 8 * kStreamBytes, from.values[i] + at, policy);
    const bool present = (from.present & 16U) != 0;
    if constexpr (F::kScaleBytes == 4) {
        // The aligned word that holds the scale.
        constexpr std::uintptr_t kAligned = ~std::uintptr_t{3};
        const auto scale = reinterpret_cast<std::uintptr_t>(from.scales + slice * 2) & kAligned;
        if (present && threadIdx.x % 2 == 0)
            copyAsyncSmall<4>(scales, reinterpret_cast<const void*>(scale));
    } else if (present && (F::kScaleBytes == 16 || threadIdx.x % 2 == 0)) {
        const std::uint32_t byte =
            min(slice * F::kScaleBytes + to.scaleColumn, task.groups * 2 - 8);
        copyScales8(scales, from.scales + byte);
        if constexpr (F::kMinima)
            copyScales8(scales + kStreamRows * F::kScaleBytes, from.minima + byte);
    }
}

/// Which half of an aligned word holds a scale of group 0, where rows have an odd number of them.
template<bool kSwiGlu>
__device__ __noinline__ std::uint32_t oddHalf(const SingleTask& task, std::uint32_t tile,
                                              std::uint32_t inTile) {
    const std::uint32_t row = blockIdx.x * task.blockRows +
                              (kSwiGlu ? tile * 8 + inTile % 8 : tile * kStreamRows + inTile);
    const std::uint32_t matrix = kSwiGlu ? inTile / 8 : matrixOf(task, row);
    const std::byte* scale = task.scales[matrix] + std::size_t{row} * task.groups * 2;
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(scale) >> 1 & 1U);
}

} // namespace kernels::cuda
