#pragma once
// Weights that L2 is asked for ahead of the product of one row that reads them. While decode
// attention runs on few multiprocessors, memory rests as soon as the rings of the products behind
// it are full (kernels/cuda/gemv_stream_single.cuh); what comes next to those rings is asked for
// then. Nothing but time depends on it.

#include <cstddef>
#include <cstdint>

namespace kernels::cuda {

struct Gemv;
struct DeviceLimits;

/// What memory brings while a row attends; 8 to 14 million measured alike (GPU_NOTES.md).
constexpr std::size_t kAheadBytes = 12'000'000;
constexpr std::uint32_t kMostAheadPlaces = 8; // groups of warps of a block

/// Of each of two matrices a piece at every place of every block's rows.
struct Ahead {
    const std::byte* from[2] = {};
    std::uint64_t end = 0; // bytes of a matrix; a piece that would go beyond is left out
    std::uint32_t blocks = 0;
    std::uint32_t blockBytes = 0;                // from one block's rows to the next one's
    std::uint32_t places[kMostAheadPlaces] = {}; // bytes from the first of a block's rows
    std::uint32_t placeCount = 0;
    std::uint32_t pieceBytes = 0; // a multiple of 16; 0: nothing is asked for
};

/// What a product of gate and up reads when its rings are empty: of every group of warps the
/// second tile, in all up to `most` bytes. Nothing where it has another kernel or few tiles.
Ahead aheadOf(const Gemv& task, const DeviceLimits& limits, std::size_t most);

} // namespace kernels::cuda
