#pragma once
// Attention of many rows over paged KV on Hopper's warpgroup tensor cores: prefill.
//
// A unit of work is one KV head and 128 (token, query head) pairs of it, as in
// attention_prefill.cu. Blocks stay (one a multiprocessor) and take units in turn, longest first
// and to and fro, so that all end together. One warpgroup brings queries, keys and values into
// shared memory as bf16 or fp16; two of 64 pairs each multiply: the scores of a tile of 128 keys
// run on the tensor cores beside the values of the tile before, its exponentials beside the
// products of the other group. Int8 KV becomes fp16 with its scale (one rounding to 11 bits), bf16
// KV stays as it is; queries and weights take the same type. Keys with a bias are sums of two fp16
// (attention_widen.cu): two products, queries rounded once. Scores and sums are fp32; a maximum
// that grows by less than 2^kSlack changes nothing. Shapes: query fp32 [rows][heads * kDim]; out
// fp32 the same, or bf16 rows in prepared order. Preconditions: kDim 64 or 128, at most 128 query
// heads a KV head; rows of a sequence stand together in order of position; positions behind the
// last may hold NaN. The method: FlashAttention-3.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/gemm_tiles.cuh"
#include "kernels/cuda/wgmma_attention.cuh"

#include <type_traits>

namespace kernels::cuda {

constexpr int kBringers = 128; // threads of a warpgroup that brings
constexpr int kUnitPairs = 128;
constexpr int kTileKeys = 128;
constexpr int kTileStages = 2;
constexpr int kHalfBytes = 128 * 128; // 64 dimensions of 128 rows
constexpr std::uint32_t kMostSorted = 512;
constexpr float kSlack = 6;
constexpr float kLog2OfE = 1.44269504088896340736F;

/// Two warpgroups compute; int8 keys and values are brought by one each.
template<typename T>
struct Crew {
    static constexpr bool kInt8 = std::is_same_v<T, std::int8_t>;
    static constexpr int kThreads = kInt8 ? 512 : 384;
    static constexpr int kComputing = kInt8 ? 192 : 200; // registers of a thread
    static constexpr int kBringing = kInt8 ? 64 : 104;
};

/// What the block knows of a unit's rows.
struct UnitRows {
    std::uint32_t positions[kUnitPairs];
    std::uint32_t pageOffsets[kUnitPairs];
};
struct AttendTail {
    UnitRows rows[2];
    std::uint16_t order[kMostSorted]; // row blocks, longest first
    std::uint32_t lengths[kMostSorted];
    std::uint64_t barriers[4 * kTileStages + 4];
};
template<int kDim>
constexpr std::size_t attendBytes() {
    return 1024 + kDim / 64 * kHalfBytes * (2 + 2 * kTileStages) + sizeof(AttendTail);
}

/// Addresses in shared memory. kTwice: keys are sums of two tiles, and there is one stage of them.
template<int kDim, bool kTwice>
struct AttendPlaces {
    static constexpr std::uint32_t kTile = kDim / 64 * kHalfBytes;
    std::uint32_t base;     // queries of two units, keys, values
    std::uint32_t barriers; // keys full, empty; values full, empty; queries full, empty

    __device__ std::uint32_t query(std::uint32_t buffer) const { return base + buffer * kTile; }
    __device__ std::uint32_t keys(RingPlace place) const {
        return base + (2 + (kTwice ? 0 : place.stage)) * kTile;
    }
    /// Of the barriers of keys; of one stage the second round is the second stage's first.
    static __device__ std::uint32_t keysParity(RingPlace place) {
        return kTwice ? place.stage : place.parity;
    }
    __device__ std::uint32_t values(std::uint32_t stage) const {
        return base + (2 + kTileStages + stage) * kTile;
    }
    __device__ std::uint32_t keysFull(RingPlace place) const {
        return barriers + (kTwice ? 0 : place.stage * 8);
    }
    __device__ std::uint32_t keysEmpty(RingPlace place) const {
        return barriers + 16 + (kTwice ? 0 : place.stage * 8);
    }
    __device__ std::uint32_t valuesFull(std::uint32_t stage) const {
        return barriers + 32 + stage * 8;
    }
    __device__ std::uint32_t valuesEmpty(std::uint32_t stage) const {
        return barriers + 48 + stage * 8;
    }
    __device__ std::uint32_t queryFull(std::uint32_t buffer) const {
        return barriers + 64 + buffer * 8;
    }
    __device__ std::uint32_t queryEmpty(std::uint32_t buffer) const {
        return barriers + 80 + buffer * 8;
    }
};

/// Which units a block takes.
struct AttendPlan {
    std::uint32_t headsPerKv;
    std::uint32_t rowsAtOnce;
    std::uint32_t blocks; // of rows
    std::uint32_t units;

    __host__ __device__ explicit AttendPlan(const Attention& task)
        : headsPerKv(task.heads / task.kv.kvHeads),
          rowsAtOnce(kUnitPairs / headsPerKv),
          blocks((task.count + rowsAtOnce - 1) / rowsAtOnce),
          units(blocks * task.kv.kvHeads) {}
    /// The unit of a block's round `round`; units or more when there is none.
    __device__ std::uint32_t unitOf(std::uint32_t round) const {
        const std::uint32_t place = round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x;
        return round * gridDim.x + place;
    }
    __device__ std::uint32_t rowBlock(const AttendTail& tail, std::uint32_t unit,
                                      std::uint32_t kvHeads) const {
        const std::uint32_t at = unit / kvHeads;
        return blocks <= kMostSorted ? tail.order[at] : blocks - 1 - at;
    }
};

/// A unit of work.
struct Unit {
    std::uint32_t kvHead;
    std::uint32_t firstRow;
    std::uint32_t count; // of rows
    std::uint32_t pairs;

    /// The block's of this round; false when there is none.
    __device__ bool find(const Attention& task, const AttendPlan& plan, const AttendTail& tail,
                         std::uint32_t round) {
        const std::uint32_t unit = plan.unitOf(round);
        if (unit >= plan.units)
            return false;
        kvHead = unit % task.kv.kvHeads;
        firstRow = plan.rowBlock(tail, unit, task.kv.kvHeads) * plan.rowsAtOnce;
        const std::uint32_t left = task.count - firstRow;
        count = left < plan.rowsAtOnce ? left : plan.rowsAtOnce;
        pairs = count * plan.headsPerKv;
        return true;
    }
};

/// Row blocks by the keys they see. By all threads of the block.
__device__ inline void sortRowBlocks(const Attention& task, const AttendPlan& plan,
                                     AttendTail& tail) {
    if (plan.blocks > kMostSorted)
        return;
    for (std::uint32_t i = threadIdx.x; i < plan.blocks; i += blockDim.x) {
        const std::uint32_t first = i * plan.rowsAtOnce;
        const std::uint32_t behind = first + plan.rowsAtOnce;
        const Row last = task.rows[(behind < task.count ? behind : task.count) - 1];
        const Row begin = task.rows[first];
        tail.lengths[i] =
            last.position + (begin.pageOffset != last.pageOffset ? begin.position : 0U);
    }
    __syncthreads();
    for (std::uint32_t i = threadIdx.x; i < plan.blocks; i += blockDim.x) {
        const std::uint32_t length = tail.lengths[i];
        std::uint32_t rank = 0;
        for (std::uint32_t j = 0; j < plan.blocks; ++j) {
            const std::uint32_t other = tail.lengths[j];
            rank += other > length || (other == length && j < i) ? 1U : 0U;
        }
        tail.order[rank] = static_cast<std::uint16_t>(i);
    }
}

/// Tiles of keys of a unit: those of its first sequence, then of the next.
struct KeyWalk {
    std::uint32_t begin = 0; // rows of the sequence within the unit
    std::uint32_t end = 0;
    std::uint32_t pageOffset = 0;
    std::uint32_t length = 0; // positions that its last row sees
    std::uint32_t first = 0;  // key of the tile

    __device__ void enter(const UnitRows& rows, std::uint32_t row, std::uint32_t count) {
        begin = row;
        pageOffset = rows.pageOffsets[row];
        end = count;
        if (rows.pageOffsets[count - 1] != pageOffset) {
            end = row + 1;
            while (rows.pageOffsets[end] == pageOffset)
                ++end;
        }
        length = rows.positions[end - 1] + 1;
        first = 0;
    }
    /// 0: no tile is left; 1: the next of the sequence; 2: the first of another.
    __device__ int advance(const UnitRows& rows, std::uint32_t count) {
        first += kTileKeys;
        if (first < length)
            return 1;
        if (end == count)
            return 0;
        enter(rows, end, count);
        return 2;
    }
};

template<typename E>
__device__ std::uint32_t packPair(float low, float high) {
    if constexpr (std::is_same_v<E, __half>) {
        const __half2 pair = __floats2half2_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    } else {
        return packBf16(low, high);
    }
}
/// All of the warp have written: one arrival.
__device__ inline void arriveWarp(std::uint32_t barrier) {
    __syncwarp();
    if (threadIdx.x % 32 == 0)
        arrive(barrier);
}

} // namespace kernels::cuda
