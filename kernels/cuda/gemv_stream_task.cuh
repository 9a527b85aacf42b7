#pragma once
// What one launch of the fast GEMV is about (gemv_stream.cuh): its matrices, activations and how
// the work is cut into units, parts and passes.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

constexpr std::uint32_t kStreamRows = 16;   // weight rows of a unit
constexpr std::uint32_t kStreamBytes = 128; // of each of them
constexpr std::uint32_t kMostActivationRows = 8;

/// One launch, prepared by the host.
struct StreamTask {
    const std::byte* values[kGemvMatrices] = {};
    const std::uint16_t* scales[kGemvMatrices] = {};
    const std::uint16_t* minima[kGemvMatrices] = {};
    float* outs[kGemvMatrices] = {};
    std::uint32_t outStrides[kGemvMatrices] = {};
    std::uint32_t ends[kGemvMatrices] = {}; // first row behind each matrix, rows counted through
    std::uint32_t tileRows = 0;             // rows (SwiGlu: pairs of rows) of all matrices
    std::uint32_t blockRows = 0;            // of one block
    std::uint32_t tiles = 0;                // of one block
    std::uint32_t chunkTiles = 0;           // tiles between two meetings of the warps
    std::uint32_t passes = 0;               // over the columns
    std::uint32_t parts = 0;                // chunks times passes
    std::uint32_t slices = 0;               // units of one row
    std::uint32_t passSlices = 0;           // units whose activations fit into shared memory
    std::uint32_t rowBytes = 0;
    std::uint32_t groups = 0; // scales of a row
    std::uint32_t columns = 0;
    std::uint32_t rows = 0; // of activations
    const float* x = nullptr;
    const std::uint16_t* rounded = nullptr;
    std::uint32_t xStride = 0;
    const std::uint32_t* rowMap = nullptr;
    const float* normWeight = nullptr;
    float eps = 0;
    bool adds = false;
    std::uint16_t* roundedOut = nullptr;
};

/// A part of the block's work: a chunk of its tiles, a pass over a part of the columns.
struct StreamPart {
    std::uint32_t tileBegin, tileEnd, sliceBegin, sliceEnd;
};
__device__ inline StreamPart partOf(const StreamTask& task, std::uint32_t part) {
    const std::uint32_t chunk = task.passes == 1 ? part : part / task.passes;
    const std::uint32_t pass = task.passes == 1 ? 0 : part % task.passes;
    StreamPart bounds;
    bounds.tileBegin = chunk * task.chunkTiles;
    bounds.tileEnd = min(bounds.tileBegin + task.chunkTiles, task.tiles);
    bounds.sliceBegin = pass * task.passSlices;
    bounds.sliceEnd = min(bounds.sliceBegin + task.passSlices, task.slices);
    return bounds;
}

/// What a block's warps share, and a warp's place in its ring.
struct StreamBlock {
    std::byte* ring; // this warp's
    std::byte* activations;
    float* rms; // [kMostActivationRows * (kWarps + 1)], 16-byte aligned
    std::uint32_t used = 0;
};

} // namespace kernels::cuda
