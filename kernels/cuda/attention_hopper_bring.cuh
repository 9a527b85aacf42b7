#pragma once
// The bringing side of attention on Hopper (attention_hopper.cuh): queries, keys and values into
// shared memory, 128 bytes of a row in the swizzle that the tensor cores read.

#include "kernels/cuda/attention_hopper.cuh"
#include "kernels/cuda/kv_widen.cuh"

namespace kernels::cuda {

__device__ inline void storeShared(std::uint32_t address, uint4 v) {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v.x), "r"(v.y),
                 "r"(v.z), "r"(v.w)
                 : "memory");
}
/// Where 16 bytes of a row lie in a block of 64 columns: `row` x 128 bytes, chunks swizzled.
__device__ inline std::uint32_t swizzled(std::uint32_t row, std::uint32_t chunk) {
    return row * 128 + ((chunk ^ row % 8) << 4);
}

/// Queries that are what the tensor cores take.
template<int kDim>
__device__ void copyQueries(const Attention& task, const AttendPlan& plan, const Unit& unit,
                            std::uint32_t to) {
    constexpr int kChunks = kDim / 8;
    const std::uint32_t thread = threadIdx.x % kBringers;
    const std::uint32_t chunk = thread % kChunks;
#pragma unroll 4
    for (std::uint32_t pair = thread / kChunks; pair < kUnitPairs; pair += kBringers / kChunks) {
        const bool real = pair < unit.pairs;
        const std::uint32_t row = unit.firstRow + (real ? pair / plan.headsPerKv : 0);
        const std::uint32_t head = unit.kvHead * plan.headsPerKv + pair % plan.headsPerKv;
        copyAsync16(to + chunk / 8 * kHalfBytes + swizzled(pair, chunk % 8),
                    task.queryHalf + std::size_t{row} * task.queryStride + head * kDim + chunk * 8,
                    real ? 16 : 0);
    }
    commitAsync();
    waitAsync<0>();
}

/// Queries of a unit, times scale and log2 e.
template<typename E, int kDim>
__device__ void bringQueries(const Attention& task, const AttendPlan& plan, const Unit& unit,
                             std::uint32_t to) {
    if (task.queryHalf != nullptr) {
        copyQueries<kDim>(task, plan, unit, to);
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
            if (pair < unit.pairs) {
                const std::uint32_t row = pair / plan.headsPerKv;
                const std::uint32_t head = unit.kvHead * plan.headsPerKv + pair % plan.headsPerKv;
                const auto* query = reinterpret_cast<const float4*>(
                    task.query + std::size_t{unit.firstRow + row} * task.queryStride + head * kDim +
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
    __device__ void store(std::uint32_t tile) const {
        const std::uint32_t lane = threadIdx.x % 32;
        const std::uint32_t row = threadIdx.x % kBringers / 32 * kPagePositions + lane % 8;
        const std::uint32_t to = tile + swizzled(row, lane / 8 * 2);
        const std::uint32_t second = tile + swizzled(row, lane / 8 * 2 + 1);
#pragma unroll
        for (int i = 0; i < kPieces; ++i) {
            const int row8 = i / (kDim / 64);
            const int offset = row8 * 1024 + i % (kDim / 64) * kHalfBytes;
            const float mine = __shfl_sync(kAllLanes, scale, row8 * 8 + static_cast<int>(lane % 8));
            const WideScale s(mine);
            const uint2 a = widenFour(values[i].x, s);
            const uint2 b = widenFour(values[i].y, s);
            const uint2 c = widenFour(values[i].z, s);
            const uint2 d = widenFour(values[i].w, s);
            storeShared(to + offset, make_uint4(a.x, a.y, b.x, b.y));
            storeShared(second + offset, make_uint4(c.x, c.y, d.x, d.y));
        }
    }
};

/// The warp's page of the tile, or page 0 behind the last position.
__device__ inline std::uint32_t pageOf(const Attention& task, const KeyWalk& walk) {
    const std::uint32_t at = walk.first / kPagePositions + threadIdx.x % kBringers / 32;
    if (at * kPagePositions >= walk.length)
        return 0;
    if (task.pages == nullptr) // widened
        return walk.pageOffset + at - task.firstPage;
    return loadWord(task.pages + walk.pageOffset + at);
}

/// Tiles of int8 keys, or of values, of a unit: widened in registers. (The fence waits for loads
/// under way, too; so keys and values each have a warpgroup.)
template<int kDim, bool kValues, class Places>
__device__ void bringInt8(const Attention& task, const Places& places, KeyWalk& walk,
                          const UnitRows& rows, const Unit& unit, RingPlace& place) {
    // Bytes within a page: a layer's part is far below 4 GB.
    const auto head = static_cast<std::uint32_t>(kValues ? task.kv.valuesOffset() : 0) +
                      unit.kvHead * kPagePositions * kDim;
    const auto scales = static_cast<std::uint32_t>(kValues ? task.kv.valueScalesOffset()
                                                           : task.kv.keyScalesOffset()) +
                        unit.kvHead * kPagePositions * 4;
    CachedTile<kDim> tile;
    std::uint32_t page = pageOf(task, walk);
    for (bool more = true; more; place.next<kTileStages>()) {
        const std::byte* base = task.pool + page * task.pageStride;
        tile.fetch(base + head, reinterpret_cast<const float*>(base + scales),
                   walk.first + threadIdx.x % kBringers < walk.length);
        more = walk.advance(rows, unit.count) != 0;
        if (more)
            page = pageOf(task, walk);
        waitBarrier(kValues ? places.valuesEmpty(place.stage) : places.keysEmpty(place),
                    place.parity ^ 1);
        tile.store(kValues ? places.values(place.stage) : places.keys(place));
        fenceShared();
        arriveWarp(kValues ? places.valuesFull(place.stage) : places.keysFull(place));
    }
}

/// A page's keys or values of 16 bits, copied as they are; zero behind the last position.
template<int kDim>
__device__ void copyWide(const std::byte* head, const KeyWalk& walk, std::uint32_t tile) {
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
}
/// Tiles of keys and values of 16 bits of a unit; while one is on its way, the one before arrives.
template<int kDim, bool kTwice>
__device__ void bringWide(const Attention& task, const AttendPlaces<kDim, kTwice>& places,
                          KeyWalk& walk, const UnitRows& rows, const Unit& unit, RingPlace& place) {
    const std::size_t head = std::size_t{unit.kvHead} * kPagePositions * kDim * 2;
    std::uint32_t pending = 0; // barrier of the values on their way
    std::uint32_t page = pageOf(task, walk);
    for (bool more = true; more; place.next<kTileStages>()) {
        const std::byte* base = task.pool + page * task.pageStride + head;
        waitBarrier(places.keysEmpty(place), places.keysParity(place) ^ 1);
        copyWide<kDim>(base, walk, places.keys(place));
        if constexpr (kTwice)
            copyWide<kDim>(base + task.kv.layerBytes(), walk, places.keys(place) + places.kTile);
        commitAsync();
        if (pending != 0) {
            waitAsync<1>();
            fenceShared();
            arriveWarp(pending);
        }
        waitBarrier(places.valuesEmpty(place.stage), place.parity ^ 1);
        copyWide<kDim>(base + task.kv.valuesOffset(), walk, places.values(place.stage));
        commitAsync();
        more = walk.advance(rows, unit.count) != 0;
        if (more)
            page = pageOf(task, walk);
        waitAsync<1>();
        fenceShared();
        arriveWarp(places.keysFull(place));
        pending = places.valuesFull(place.stage);
    }
    waitAsync<0>();
    fenceShared();
    arriveWarp(pending);
}

/// What a warpgroup that brings does: the first has the queries and the keys (bf16: also the
/// values), the other the values.
template<typename T, typename E, int kDim, bool kTwice, bool kFirst>
__device__ void bringUnits(const Attention& task, const AttendPlan& plan,
                           const AttendPlaces<kDim, kTwice>& places, AttendTail& tail) {
    const std::uint32_t thread = threadIdx.x % kBringers;
    waitForPrevious();
    letNextStart();
    RingPlace place;
    RingPlace buffer;
    Unit unit;
    for (std::uint32_t round = 0; unit.find(task, plan, tail, round); ++round) {
        UnitRows& rows = tail.rows[buffer.stage];
        if constexpr (kFirst) {
            waitBarrier(places.queryEmpty(buffer.stage), buffer.parity ^ 1);
            if (thread < unit.count) {
                const Row row = task.rows[unit.firstRow + thread];
                rows.positions[thread] = row.position;
                rows.pageOffsets[thread] = row.pageOffset;
            }
            bringQueries<E, kDim>(task, plan, unit, places.query(buffer.stage));
            fenceShared();
            arrive(places.queryFull(buffer.stage));
        }
        waitBarrier(places.queryFull(buffer.stage), buffer.parity);
        KeyWalk walk;
        walk.enter(rows, 0, unit.count);
        if constexpr (std::is_same_v<T, std::int8_t>)
            bringInt8<kDim, !kFirst>(task, places, walk, rows, unit, place);
        else
            bringWide(task, places, walk, rows, unit, place);
        arrive(places.queryEmpty(buffer.stage)); // its rows are read no more
        buffer.next<2>();
    }
}

} // namespace kernels::cuda
