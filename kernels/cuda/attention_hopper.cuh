#pragma once
// Attention of many rows over paged KV on Hopper's warpgroup tensor cores: prefill.
//
// A unit of work is one KV head and 128 (token, query head) pairs of it, as in
// attention_prefill.cu. Blocks stay (one a multiprocessor) and take units in turn, longest first
// and to and fro, so that all end together. One warpgroup brings queries, keys and values into
// shared memory as bf16 or fp16; two of 64 pairs each multiply: the scores of a tile of 128 keys
// run on the tensor cores beside the values of the tile before, its exponentials beside the
// products of the other group. Int8 KV becomes fp16 with its scale (one rounding to 11 bits, one of
// the scale), bf16 KV stays as it is; queries and weights take the same type. Scores and sums are
// fp32; a maximum that grows by less than 2^kSlack changes nothing. Shapes: query fp32 [rows][heads
// * kDim]; out fp32 the same, or bf16 rows in prepared order. Preconditions: kDim 64 or 128, at
// most 128 query heads a KV head, no key bias outside the cache; rows of a sequence stand together
// in order of position; positions behind the last may hold NaN. The method: FlashAttention-3.
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

/// Addresses in shared memory.
template<int kDim>
struct AttendPlaces {
    static constexpr std::uint32_t kTile = kDim / 64 * kHalfBytes;
    std::uint32_t base;     // queries of two units, keys, values
    std::uint32_t barriers; // keys full, empty; values full, empty; queries full, empty

    __device__ std::uint32_t query(std::uint32_t buffer) const { return base + buffer * kTile; }
    __device__ std::uint32_t keys(std::uint32_t stage) const { return base + (2 + stage) * kTile; }
    __device__ std::uint32_t values(std::uint32_t stage) const {
        return base + (2 + kTileStages + stage) * kTile;
    }
    __device__ std::uint32_t keysFull(std::uint32_t stage) const { return barriers + stage * 8; }
    __device__ std::uint32_t keysEmpty(std::uint32_t stage) const {
        return barriers + 16 + stage * 8;
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
__device__ inline void storeShared(std::uint32_t address, uint4 v) {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v.x), "r"(v.y),
                 "r"(v.z), "r"(v.w)
                 : "memory");
}
/// What this thread wrote is for the tensor cores.
__device__ inline void fenceForProducts() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// All of the warp have written: one arrival.
__device__ inline void arriveWarp(std::uint32_t barrier) {
    __syncwarp();
    if (threadIdx.x % 32 == 0)
        arrive(barrier);
}
/// Where 16 bytes of a row lie in a block of 64 columns: `row` x 128 bytes, chunks swizzled.
__device__ inline std::uint32_t swizzled(std::uint32_t row, std::uint32_t chunk) {
    return row * 128 + ((chunk ^ row % 8) << 4);
}

// ---- bringing
// ------------------------------------------------------------------------------------

/// Queries that are what the tensor cores take.
template<int kDim>
__device__ void copyQueries(const Attention& task, const AttendPlan& plan, std::uint32_t kvHead,
                            std::uint32_t firstRow, std::uint32_t pairs, std::uint32_t to) {
    constexpr int kChunks = kDim / 8;
    const std::uint32_t thread = threadIdx.x % kBringers;
    const std::uint32_t chunk = thread % kChunks;
#pragma unroll 4
    for (std::uint32_t pair = thread / kChunks; pair < kUnitPairs; pair += kBringers / kChunks) {
        const bool real = pair < pairs;
        const std::uint32_t row = firstRow + (real ? pair / plan.headsPerKv : 0);
        const std::uint32_t head = kvHead * plan.headsPerKv + pair % plan.headsPerKv;
        copyAsync16(to + chunk / 8 * kHalfBytes + swizzled(pair, chunk % 8),
                    task.queryHalf + std::size_t{row} * task.queryStride + head * kDim + chunk * 8,
                    real ? 16 : 0);
    }
    commitAsync();
    waitAsync<0>();
}

/// Queries of a unit, times scale and log2 e.
template<typename E, int kDim>
__device__ void bringQueries(const Attention& task, const AttendPlan& plan, std::uint32_t kvHead,
                             std::uint32_t firstRow, std::uint32_t pairs, std::uint32_t to) {
    if (task.queryHalf != nullptr) {
        copyQueries<kDim>(task, plan, kvHead, firstRow, pairs, to);
        return;
    }
    constexpr int kChunks = kDim / 8;
    constexpr int kAtOnce = 2;
    const std::uint32_t thread = threadIdx.x % kBringers;
    const float factor = task.scale * kLog2OfE;
    const std::uint32_t chunk = thread % kChunks;
#pragma unroll 1
    for (std::uint32_t from = thread / kChunks; from < kUnitPairs;
         from += kAtOnce * (kBringers / kChunks)) {
        float4 v[kAtOnce][2];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            const std::uint32_t pair = from + i * (kBringers / kChunks);
            v[i][0] = v[i][1] = make_float4(0, 0, 0, 0);
            if (pair < pairs) {
                const std::uint32_t row = pair / plan.headsPerKv;
                const std::uint32_t head = kvHead * plan.headsPerKv + pair % plan.headsPerKv;
                const auto* query = reinterpret_cast<const float4*>(
                    task.query + std::size_t{firstRow + row} * task.queryStride + head * kDim +
                    chunk * 8);
                v[i][0] = query[0], v[i][1] = query[1];
            }
        }
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            const std::uint32_t pair = from + i * (kBringers / kChunks);
            const float4 a = v[i][0];
            const float4 b = v[i][1];
            storeShared(to + chunk / 8 * kHalfBytes + swizzled(pair, chunk % 8),
                        make_uint4(packPair<E>(a.x * factor, a.y * factor),
                                   packPair<E>(a.z * factor, a.w * factor),
                                   packPair<E>(b.x * factor, b.y * factor),
                                   packPair<E>(b.z * factor, b.w * factor)));
        }
    }
}

/// Loads that stay where they stand: the data is on its way while the thread waits for a barrier.
__device__ inline float loadFloat(const float* address) {
    float v;
    asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(v) : "l"(address));
    return v;
}
__device__ inline std::uint32_t loadWord(const std::uint32_t* address) {
    std::uint32_t v;
    asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(address));
    return v;
}

/// A thread's share of a tile of int8 keys or values: its warp's page, rows lane % 8 + 8 j.
template<int kDim>
struct CachedTile {
    static constexpr int kPieces = 4 * (kDim / 64);
    uint4 values[kPieces];
    float scale; // of position `lane`

    __device__ void fetch(const std::byte* head, const float* scales, bool real) {
        const std::uint32_t lane = threadIdx.x % 32;
        const std::byte* from = head + lane % 8 * kDim + lane / 8 * 16;
#pragma unroll
        for (int i = 0; i < kPieces; ++i)
            values[i] = loadStream(from + i / (kDim / 64) * 8 * kDim + i % (kDim / 64) * 64);
        scale = real ? loadFloat(scales + lane) : 0.0F;
    }
    /// Four bytes times the scale, as fp16.
    static __device__ uint2 widen(std::uint32_t word, __half2 scale) {
        const std::uint32_t biased = word ^ 0x80808080U; // q + 128
        const std::uint32_t words[2] = {permute(biased, 0x64646464U, 0x4140),
                                        permute(biased, 0x64646464U, 0x4342)}; // on top of 1024
        std::uint32_t out[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const __half2 integer = *reinterpret_cast<const __half2*>(&words[i]);
            // q / 256, exact; the scale comes 256 times as large.
            const __half2 q = __hfma2(integer, __float2half2_rn(1.0F / 256.0F),
                                      __float2half2_rn(-1152.0F / 256.0F));
            const __half2 v = __hmul2(q, scale);
            out[i] = *reinterpret_cast<const std::uint32_t*>(&v);
        }
        return make_uint2(out[0], out[1]);
    }
    __device__ void store(std::uint32_t tile) const {
        const std::uint32_t lane = threadIdx.x % 32;
        const std::uint32_t row = threadIdx.x % kBringers / 32 * kPagePositions + lane % 8;
        const std::uint32_t to = tile + swizzled(row, lane / 8 * 2);
        const std::uint32_t second = tile + swizzled(row, lane / 8 * 2 + 1);
        const float wide = fminf(scale * 256.0F, 65504.0F);
#pragma unroll
        for (int i = 0; i < kPieces; ++i) {
            const int row8 = i / (kDim / 64);
            const int offset = row8 * 1024 + i % (kDim / 64) * kHalfBytes;
            const float mine = __shfl_sync(kAllLanes, wide, row8 * 8 + static_cast<int>(lane % 8));
            const __half2 s = __float2half2_rn(mine);
            const uint2 a = widen(values[i].x, s);
            const uint2 b = widen(values[i].y, s);
            const uint2 c = widen(values[i].z, s);
            const uint2 d = widen(values[i].w, s);
            storeShared(to + offset, make_uint4(a.x, a.y, b.x, b.y));
            storeShared(second + offset, make_uint4(c.x, c.y, d.x, d.y));
        }
    }
};

/// The warp's page of the tile, or page 0 behind the last position.
__device__ inline std::uint32_t pageOf(const Attention& task, const KeyWalk& walk) {
    const std::uint32_t at = walk.first / kPagePositions + threadIdx.x % kBringers / 32;
    return at * kPagePositions < walk.length ? loadWord(task.pages + walk.pageOffset + at) : 0;
}

/// Tiles of int8 keys, or of values, of a unit: widened in registers. (The fence waits for loads
/// under way, too; so keys and values each have a warpgroup.)
template<int kDim, bool kValues>
__device__ void bringInt8(const Attention& task, const AttendPlaces<kDim>& places, KeyWalk& walk,
                          const UnitRows& rows, std::uint32_t count, std::uint32_t kvHead,
                          RingPlace& place) {
    // Bytes within a page: a layer's part is far below 4 GB.
    const auto head = static_cast<std::uint32_t>(kValues ? task.kv.valuesOffset() : 0) +
                      kvHead * kPagePositions * kDim;
    const auto scales = static_cast<std::uint32_t>(kValues ? task.kv.valueScalesOffset()
                                                           : task.kv.keyScalesOffset()) +
                        kvHead * kPagePositions * 4;
    CachedTile<kDim> tile;
    std::uint32_t page = pageOf(task, walk);
    for (bool more = true; more; place.next<kTileStages>()) {
        const std::byte* base = task.pool + page * task.pageStride;
        tile.fetch(base + head, reinterpret_cast<const float*>(base + scales),
                   walk.first + threadIdx.x % kBringers < walk.length);
        more = walk.advance(rows, count) != 0;
        if (more)
            page = pageOf(task, walk);
        waitBarrier(kValues ? places.valuesEmpty(place.stage) : places.keysEmpty(place.stage),
                    place.parity ^ 1);
        tile.store(kValues ? places.values(place.stage) : places.keys(place.stage));
        fenceForProducts();
        arriveWarp(kValues ? places.valuesFull(place.stage) : places.keysFull(place.stage));
    }
}

/// A page's bf16 keys or values, copied as they are; zero behind the last position.
template<int kDim>
__device__ void copyBf16(const std::byte* head, const KeyWalk& walk, std::uint32_t tile) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x % kBringers / 32;
    const auto* from = reinterpret_cast<const uint4*>(head) + lane % 8;
#pragma unroll
    for (int i = 0; i < 8 * (kDim / 64); ++i) {
        const std::uint32_t row = i / (kDim / 64) * 4 + lane / 8;
        const int half = i % (kDim / 64);
        const std::uint32_t key = warp * kPagePositions + row;
        copyAsync16(tile + half * kHalfBytes + swizzled(key, lane % 8),
                    from + row * (kDim / 8) + half * 8, walk.first + key < walk.length ? 16 : 0);
    }
    commitAsync();
}
/// Tiles of bf16 keys and values of a unit; while one is on its way, the one before arrives.
template<int kDim>
__device__ void bringBf16(const Attention& task, const AttendPlaces<kDim>& places, KeyWalk& walk,
                          const UnitRows& rows, std::uint32_t count, std::uint32_t kvHead,
                          RingPlace& place) {
    const std::size_t head = std::size_t{kvHead} * kPagePositions * kDim * 2;
    std::uint32_t pending = 0; // barrier of the values on their way
    std::uint32_t page = pageOf(task, walk);
    for (bool more = true; more; place.next<kTileStages>()) {
        const std::byte* base = task.pool + page * task.pageStride + head;
        waitBarrier(places.keysEmpty(place.stage), place.parity ^ 1);
        copyBf16<kDim>(base, walk, places.keys(place.stage));
        if (pending != 0) {
            waitAsync<1>();
            fenceForProducts();
            arriveWarp(pending);
        }
        waitBarrier(places.valuesEmpty(place.stage), place.parity ^ 1);
        copyBf16<kDim>(base + task.kv.valuesOffset(), walk, places.values(place.stage));
        more = walk.advance(rows, count) != 0;
        if (more)
            page = pageOf(task, walk);
        waitAsync<1>();
        fenceForProducts();
        arriveWarp(places.keysFull(place.stage));
        pending = places.valuesFull(place.stage);
    }
    waitAsync<0>();
    fenceForProducts();
    arriveWarp(pending);
}

/// What a warpgroup that brings does: the first has the queries and the keys (bf16: also the
/// values), the other the values.
template<typename T, typename E, int kDim, bool kFirst>
__device__ void bringUnits(const Attention& task, const AttendPlan& plan,
                           const AttendPlaces<kDim>& places, AttendTail& tail) {
    const std::uint32_t thread = threadIdx.x % kBringers;
    RingPlace place;
    RingPlace buffer;
    for (std::uint32_t round = 0;; ++round) {
        const std::uint32_t unit = plan.unitOf(round);
        if (unit >= plan.units)
            break;
        const std::uint32_t kvHead = unit % task.kv.kvHeads;
        const std::uint32_t firstRow = plan.rowBlock(tail, unit, task.kv.kvHeads) * plan.rowsAtOnce;
        const std::uint32_t left = task.count - firstRow;
        const std::uint32_t count = left < plan.rowsAtOnce ? left : plan.rowsAtOnce;
        UnitRows& rows = tail.rows[buffer.stage];
        if constexpr (kFirst) {
            waitBarrier(places.queryEmpty(buffer.stage), buffer.parity ^ 1);
            if (thread < count) {
                const Row row = task.rows[firstRow + thread];
                rows.positions[thread] = row.position;
                rows.pageOffsets[thread] = row.pageOffset;
            }
            bringQueries<E, kDim>(task, plan, kvHead, firstRow, count * plan.headsPerKv,
                                  places.query(buffer.stage));
            fenceForProducts();
            arriveWarp(places.queryFull(buffer.stage));
        }
        waitBarrier(places.queryFull(buffer.stage), buffer.parity);
        KeyWalk walk;
        walk.enter(rows, 0, count);
        if constexpr (std::is_same_v<T, std::int8_t>)
            bringInt8<kDim, !kFirst>(task, places, walk, rows, count, kvHead, place);
        else
            bringBf16<kDim>(task, places, walk, rows, count, kvHead, place);
        buffer.next<2>();
    }
}

} // namespace kernels::cuda
