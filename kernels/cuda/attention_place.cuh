#pragma once
// Which rows, heads and chunks of the cache a block of the fused decode attention works on. Grid:
// (splits, KV heads x groups of kHeads query heads, rows).

#include "kernels/cuda/common.cuh"

namespace kernels::cuda::fused {

constexpr std::uint32_t kChunk = 16; // positions
constexpr std::uint32_t kHeads = 8;  // query heads of a block

/// What the host knows of a launch.
struct Sizes {
    std::uint32_t headsPerKv = 0; // query heads
    std::uint32_t groups = 0;     // of up to kHeads of them
    std::uint32_t values = 0;     // [bytes] where a page's values begin, and its scales
    std::uint32_t keyScales = 0;
    std::uint32_t valueScales = 0;
    std::uint32_t finishedFrom = 0xFFFFFFFFU; // rows from here on: see attendFinished()
};

inline Sizes sizesOf(const Attention& task) {
    Sizes sizes;
    sizes.headsPerKv = task.heads / task.kv.kvHeads;
    sizes.groups = (sizes.headsPerKv + kHeads - 1) / kHeads;
    sizes.values = static_cast<std::uint32_t>(task.kv.valuesOffset());
    sizes.keyScales = static_cast<std::uint32_t>(task.kv.keyScalesOffset());
    sizes.valueScales = static_cast<std::uint32_t>(task.kv.valueScalesOffset());
    return sizes;
}

__device__ inline std::uint32_t warps() {
    return blockDim.x / 32;
}

/// What a block works on.
struct Place {
    std::uint32_t row;
    std::uint32_t kvHead;
    std::uint32_t firstHead;
    std::uint32_t heads; // 1..8
    std::uint32_t position;
    std::uint32_t begin; // chunks
    std::uint32_t end;
    std::uint32_t active; // splits that have any
    std::uint32_t split;
    std::uint32_t warps;
    const std::uint32_t* pages;
    std::uint32_t lastPage; // of the new position
    bool finished;          // see attendFinished()

    __device__ bool holds(std::uint32_t chunk) const { return chunk >= begin && chunk < end; }
    /// Whether warps have more than two chunks.
    __device__ bool isLong() const { return end - begin > 2 * warps; }
    /// Heads to finish: the queries', and the new key and value where their position is.
    __device__ std::uint32_t jobs() const {
        return heads + (!finished && holds(position / kChunk) ? 2 : 0);
    }
    /// Positions that the cache holds.
    __device__ std::uint32_t known() const { return position + (finished ? 1 : 0); }
};
/// The heads of a block, which need nothing from memory.
__device__ inline void placeHeads(const Sizes& sizes, Place& place) {
    const std::uint32_t inKv = sizes.groups == 1 ? 0 : blockIdx.y % sizes.groups;
    place.kvHead = sizes.groups == 1 ? blockIdx.y : blockIdx.y / sizes.groups;
    place.firstHead = place.kvHead * sizes.headsPerKv + inKv * kHeads;
    place.heads = min(sizes.headsPerKv - inKv * kHeads, kHeads);
    place.row = blockIdx.z;
    place.split = blockIdx.x;
}
/// The block's part of its row's positions, in units of `unit` chunks.
__device__ inline void placeChunks(const Attention& task, const Sizes& sizes, std::uint32_t warps,
                                   std::uint32_t unit, Place& place) {
    const Row row = task.rows[place.row];
    place.position = row.position;
    place.finished = place.row >= sizes.finishedFrom;
    place.pages = task.pages + row.pageOffset;
    place.lastPage = place.pages[row.position / kPagePositions];
    place.warps = warps;
    const std::uint32_t chunks = row.position / kChunk + 1;
    const std::uint32_t all = unit * task.splits;
    const std::uint32_t share = (chunks + all - 1) / all * unit;
    place.active = (chunks + share - 1) / share;
    place.begin = place.split * share;
    place.end = min(place.begin + share, chunks);
}

} // namespace kernels::cuda::fused
