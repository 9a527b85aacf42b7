#pragma once
// Asks L2 for weights (kernels/cuda_ahead.h).

#include "kernels/cuda_ahead.h"

namespace kernels::cuda {

/// By block `block` of `blocks` that share the pieces. Nobody waits for what it asks for.
__device__ inline void askAhead(const Ahead& ahead, std::uint32_t block, std::uint32_t blocks) {
    const std::uint32_t pieces = ahead.blocks * ahead.placeCount * 2;
#pragma unroll 1
    for (std::uint32_t piece = threadIdx.x * blocks + block; piece < pieces;
         piece += blockDim.x * blocks) {
        const std::uint32_t place = piece / 2;
        const std::uint64_t at = std::uint64_t{place / ahead.placeCount} * ahead.blockBytes +
                                 ahead.places[place % ahead.placeCount];
        if (at + ahead.pieceBytes <= ahead.end)
            asm volatile(
                "cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(ahead.from[piece % 2] + at),
                "r"(ahead.pieceBytes)
                : "memory");
    }
}

} // namespace kernels::cuda
