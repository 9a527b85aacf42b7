#pragma once
// What the Hopper GEMMs share: tiles of 128 weight rows in two halves, and what happens to sums.
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/gemm_tensor.h"
#include "kernels/cuda/ptx_hopper.cuh"
#include "kernels/cuda/wgmma.cuh"

namespace kernels::cuda {

constexpr int kTileRows = 128;
constexpr int kGroupColumns = 128; // that have one scale in a row of int8 weights
constexpr int kConsumerWarps = 8;  // two warpgroups compute a tile

/// waitForPrevious() of a thread that starts bulk copies: what the kernel ahead wrote is there for
/// ordinary reads then, and only with this fence for copies as well.
__device__ inline void waitForPreviousRows() {
    waitForPrevious();
    asm volatile("fence.proxy.async.global;" ::: "memory");
}

/// Place in the ring of stages.
struct RingPlace {
    std::uint32_t stage = 0;
    std::uint32_t parity = 0;
    template<int kStages>
    __device__ void next() {
        if (++stage == kStages)
            stage = 0, parity ^= 1;
    }
};

/// Where a half of a tile comes from.
struct TileHalf {
    std::uint32_t matrix;
    std::uint32_t row;
};
__device__ inline TileHalf tileHalf(const TensorGemm& task, std::uint32_t tile,
                                    std::uint32_t half) {
    if (task.epilogue == Epilogue::SwiGlu)
        return {half, tile * (kTileRows / 2)};
    std::uint32_t matrix = 0;
    while (matrix + 1 < task.matrixCount && tile >= task.firstTiles[matrix + 1])
        ++matrix;
    return {matrix, (tile - task.firstTiles[matrix]) * kTileRows + half * (kTileRows / 2)};
}

/// What a thread of the computing warpgroups knows of its tile.
struct TensorLane {
    std::uint32_t localRow; // within each half of the tile
    TileHalf halves[2];
    std::uint32_t token; // first of the tile
    std::uint32_t tile;
};

/// Where a thread's sums go.
struct SumTargets {
    float* rows[2]; // of both halves, first token of the thread; nullptr behind the last row
    std::size_t strides[2];
    std::uint32_t* activated; // SwiGLU: of the token that is the thread's after the transposition
    bool gated;
    bool adds;
    bool real; // SwiGLU: not padding

    __device__ SumTargets(const TensorGemm& task, const TensorLane& lane) {
        const std::uint32_t quad = threadIdx.x % 4;
        gated = task.epilogue == Epilogue::SwiGlu;
        adds = task.epilogue == Epilogue::Add;
        real = lane.halves[0].row + lane.localRow < task.rows[0];
        const std::size_t token = lane.token + threadIdx.x % 32 / 4;
        const std::uint32_t position =
            lane.tile * 64 + threadIdx.x / 32 % kConsumerWarps * 8 + quad * 2;
        activated = reinterpret_cast<std::uint32_t*>(task.activated + token * task.activatedStride +
                                                     position);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const std::uint32_t matrix = lane.halves[half].matrix;
            const std::uint32_t row = lane.halves[half].row + lane.localRow;
            strides[half] = task.outStrides[matrix];
            rows[half] = row < task.rows[matrix]
                             ? task.outs[matrix] + (lane.token + quad * 2) * strides[half] + row
                             : nullptr;
        }
    }
};

/// Writes the sums of eight tokens: {0, 1} two tokens of the low half's row, {2, 3} of the high
/// half's. `left`: tokens from the first of these eight on.
template<bool kWhole>
__device__ void writeSums(const TensorGemm& task, const SumTargets& to, int block,
                          std::uint32_t left, const float (&v)[4]) {
    const std::uint32_t quad = threadIdx.x % 4;
    if (to.gated) {
        const float a = to.real ? __fdividef(v[0], 1.0F + __expf(-v[0])) * v[2] : 0.0F;
        const float b = to.real ? __fdividef(v[1], 1.0F + __expf(-v[1])) * v[3] : 0.0F;
        const std::uint32_t pair = transpose8x8(packBf16(a, b)); // now one token, two positions
        if (kWhole || threadIdx.x % 32 / 4 < left)
            to.activated[static_cast<std::size_t>(block) * 4 * task.activatedStride] = pair;
        return;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        if (to.rows[half] == nullptr)
            continue;
        float* at = to.rows[half] + static_cast<std::size_t>(block) * 8 * to.strides[half];
#pragma unroll
        for (int i = 0; i < 2; ++i, at += to.strides[half]) {
            if (!kWhole && quad * 2 + static_cast<unsigned>(i) >= left)
                continue;
            if (to.adds)
                atomicAdd(at, v[half * 2 + i]); // nobody else adds to it: a store without a wait
            else
                *at = v[half * 2 + i];
        }
    }
}

/// Writes the sums of a tile.
template<int kTokens>
__device__ void writeTile(const TensorGemm& task, const TensorLane& lane,
                          const float (&sums)[kTokens / 2]) {
    const SumTargets to(task, lane);
    const std::uint32_t left = task.tokens - lane.token;
    if (left >= kTokens) {
#pragma unroll
        for (int i = 0; i < kTokens / 8; ++i)
            writeSums<true>(task, to, i, 8,
                            {sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]});
        return;
    }
#pragma unroll
    for (int i = 0; i < kTokens / 8; ++i)
        if (i * 8U < left)
            writeSums<false>(task, to, i, left - i * 8U,
                             {sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]});
}

/// Lets go of a stage, in all blocks that fill it: a warp for itself, once all its lanes have read.
/// That is enough where what they read went into products that have ended; behind other ordinary
/// loads fenceShared() comes first.
template<int kShare>
__device__ void releaseStage(std::uint32_t emptyBarrier) {
    __syncwarp();
    if (threadIdx.x % 32 != 0)
        return;
    if constexpr (kShare == 1) {
        arrive(emptyBarrier);
    } else {
#pragma unroll
        for (std::uint32_t rank = 0; rank < kShare; ++rank)
            arriveAt(emptyBarrier, rank);
    }
}

/// Scales of a thread's two weight rows, fetched one group ahead.
struct RowScales {
    const std::uint16_t* at[2];
    std::uint16_t bits[2];
    __device__ void start(const TensorGemm& task, const TensorLane& lane) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const std::uint32_t matrix = lane.halves[half].matrix;
            std::uint32_t row = lane.halves[half].row + lane.localRow;
            row = row < task.rows[matrix] ? row : task.rows[matrix] - 1;
            at[half] = task.scales[matrix] + std::size_t{row} * task.groupsPerRow;
            bits[half] = __ldg(at[half]);
        }
    }
    __device__ void fetch(std::uint32_t group) {
        bits[0] = __ldg(at[0] + group);
        bits[1] = __ldg(at[1] + group);
    }
};

} // namespace kernels::cuda
