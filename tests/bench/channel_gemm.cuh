#pragma once
// GEMM of int8 weights with a scale a row and int8 activations with a scale a token, on Hopper's
// warpgroup tensor cores: what W8A8 costs without the scales of 128 columns (gemm_w8a8.cuh). No
// weight format of the engine is like that, so that it stands with the benchmark.
//
// out[m][n] = sx[m] sw[n] sum over k of x[m][k] w[n][k]; the sum is int32 and exact.
// Shapes: W int8 [N][K], sw fp32 [N]; x int8 [M][K], sx fp32 [M]; out bf16 [M][N]; K a multiple of
// 128 below 2^17, N of 8.
// A pair of blocks takes 256 weight rows x 256 tokens and fetches the tokens together. A block: one
// warp that copies, two warpgroups of 64 rows each with sums of all tokens in registers. Outputs
// leave through shared memory by bulk copies, beside the products of the next tile.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kChannelTokens = 256;  // of a tile
constexpr int kChannelColumns = 128; // of a stage
constexpr int kChannelStages = 3;
constexpr int kChannelThreads = 384;

struct ChannelGemm {
    CUtensorMap weights;
    CUtensorMap tokens;
    CUtensorMap out;
    const float* weightScales = nullptr; // [rows]
    const float* tokenScales = nullptr;  // [tokenCount]
    std::uint32_t rows = 0;
    std::uint32_t tokenCount = 0;
    std::uint32_t steps = 0; // of kChannelColumns
    std::uint32_t tokenTiles = 0;
    std::uint32_t units = 0; // tiles of a pair
};

struct ChannelShared {
    static constexpr int kTokens = kTileRows * kChannelColumns; // behind the weights
    static constexpr int kStage = kTokens + kChannelTokens * kChannelColumns;
    static constexpr int kOut = kChannelStages * kStage; // [warpgroup][256 tokens][64 rows] bf16
    static constexpr int kOutBytes = kChannelTokens * kTileRows; // of a warpgroup
    static constexpr int kFull = kOut + 2 * kOutBytes;
    static constexpr int kEmpty = kFull + 8 * kChannelStages;
    static constexpr int kBytes = kEmpty + 8 * kChannelStages + 1024;
};

/// Shared memory to a box of a matrix; the thread that asks waits for it with waitStores().
__device__ inline void storeBox(const CUtensorMap* map, std::uint32_t x, std::uint32_t y,
                                std::uint32_t from) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];\n"
                 "cp.async.bulk.commit_group;" ::"l"(map),
                 "r"(x), "r"(y), "r"(from)
                 : "memory");
}
/// Until what was stored has been read.
__device__ inline void waitStores() {
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}
/// Four 8x8 matrices of 16 bits, transposed; lane l says where row l % 8 of matrix l / 8 goes.
__device__ inline void storeTransposed(std::uint32_t address, const std::uint32_t (&v)[4]) {
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address),
        "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
        : "memory");
}

/// int8, K = 32, a in registers (as for mma m16n8k32), d int32; without kAdds d is overwritten.
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[64], const std::uint32_t (&a)[4],
                                   std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %69, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_64 "}, {%64, %65, %66, %67}, %68, adds;\n}"
                 : WGMMA_SUMS_64("+r", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kAdds ? 1 : 0));
}

/// The copying thread.
__device__ inline void copyChannelTiles(const ChannelGemm& task, std::uint32_t base,
                                        std::uint32_t rank) {
    using S = ChannelShared;
    RingPlace place;
    place.parity = 1; // the first round finds every stage empty
    for (std::uint32_t unit = blockIdx.x / 2; unit < task.units; unit += gridDim.x / 2) {
        const std::uint32_t row = (unit / task.tokenTiles * 2 + rank) * kTileRows;
        const std::uint32_t token = unit % task.tokenTiles * kChannelTokens;
        constexpr std::uint32_t kHalf = kChannelTokens / 2;
        for (std::uint32_t step = 0; step < task.steps; ++step) {
            waitBarrier(base + S::kEmpty + place.stage * 8, place.parity);
            const std::uint32_t barrier = base + S::kFull + place.stage * 8;
            const std::uint32_t to = base + place.stage * S::kStage;
            arriveExpecting(barrier, S::kStage);
            copyBox(to, &task.weights, step * kChannelColumns, row, barrier);
            copyBoxToAll(to + S::kTokens + rank * kHalf * kChannelColumns, &task.tokens,
                         step * kChannelColumns, token + rank * kHalf, barrier, 3);
            place.next<kChannelStages>();
        }
    }
}

/// Sums of a thread: two halves of 128 tokens.
using ChannelSums = std::int32_t[2][64];

/// Scaled sums as bf16 to this warpgroup's part of shared memory, then to the matrix.
__device__ inline void writeChannelTile(const ChannelGemm& task, std::uint32_t base,
                                        std::uint32_t row, std::uint32_t token,
                                        const ChannelSums& sums) {
    using S = ChannelShared;
    const std::uint32_t group = threadIdx.x / 128;
    const std::uint32_t warp = threadIdx.x / 32 % 4;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t to = base + S::kOut + group * S::kOutBytes;
    if (threadIdx.x % 128 == 0)
        waitStores(); // of the tile before
    waitNamed(2 + static_cast<int>(group), 128);
    float rowScales[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const std::uint32_t mine = row + warp * 16 + lane / 4 + static_cast<unsigned>(i) * 8;
        rowScales[i] = mine < task.rows ? __ldg(task.weightScales + mine) : 0.0F;
    }
#pragma unroll
    for (int i = 0; i < kChannelTokens / 16; ++i) { // tokens 16 i to 16 i + 15
        std::uint32_t words[4];                     // eight tokens of rows 0 to 7, of 8 to 15, ...
#pragma unroll
        for (int eight = 0; eight < 2; ++eight) {
            const std::uint32_t at = token + i * 16 + eight * 8 + lane % 4 * 2;
            const float first = at < task.tokenCount ? __ldg(task.tokenScales + at) : 0.0F;
            const float second = at + 1 < task.tokenCount ? __ldg(task.tokenScales + at + 1) : 0.0F;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const std::int32_t* v = &sums[i / 8][i % 8 * 8 + eight * 4 + half * 2];
                words[eight * 2 + half] = packBf16(__int2float_rn(v[0]) * first * rowScales[half],
                                                   __int2float_rn(v[1]) * second * rowScales[half]);
            }
        }
        // Lanes 0 to 7 point to the tokens of the first matrix, 8 to 15 of the second, ...
        const std::uint32_t outToken = i * 16 + lane / 16 * 8 + lane % 8;
        const std::uint32_t chunk = warp * 2 + lane / 8 % 2; // of eight rows
        storeTransposed(to + outToken * 128 + ((chunk ^ outToken % 8) << 4), words);
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    waitNamed(2 + static_cast<int>(group), 128);
    if (threadIdx.x % 128 == 0 && row < task.rows)
        storeBox(&task.out, row * 2, token, to);
}

__device__ inline void multiplyChannels(const ChannelGemm& task, std::uint32_t base,
                                        std::uint32_t rank) {
    using S = ChannelShared;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t weightPlace = (warp * 16 + lane % 16) * kChannelColumns;
    RingPlace place;
    std::uint32_t held = 0; // stage whose products may still run
    ChannelSums sums;
    std::uint32_t weights[2][4][4];
    for (std::uint32_t unit = blockIdx.x / 2; unit < task.units; unit += gridDim.x / 2) {
#pragma unroll
        for (auto& half : sums)
#pragma unroll
            for (std::int32_t& sum : half)
                sum = 0;
        for (std::uint32_t pair = 0; pair < task.steps; pair += 2) {
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                const std::uint32_t step = pair + static_cast<std::uint32_t>(odd);
                if (step == task.steps)
                    break;
                const std::uint32_t stage = base + place.stage * S::kStage;
                waitBarrier(base + S::kFull + place.stage * 8, place.parity);
#pragma unroll
                for (std::uint32_t j = 0; j < 4;
                     ++j) // 16-byte chunk c of a row lies at c ^ row % 8
                    loadMatrices(weights[odd][j],
                                 stage + weightPlace + ((j * 2 + lane / 16) ^ lane % 8) * 16);
                fenceProducts();
#pragma unroll
                for (int j = 0; j < 4; ++j)
#pragma unroll
                    for (int half = 0; half < 2; ++half)
                        productInt8<true>(
                            sums[half], weights[odd][j],
                            sharedTile(stage + S::kTokens + half * 128 * kChannelColumns + j * 32));
                commitProducts();
                waitProducts<1>();
                if (step > 0)
                    releaseStage<2>(base + S::kEmpty + held * 8);
                held = place.stage;
                place.next<kChannelStages>();
            }
        }
        waitProducts<0>();
        releaseStage<2>(base + S::kEmpty + held * 8);
        writeChannelTile(task, base,
                         (unit / task.tokenTiles * 2 + rank) * kTileRows + threadIdx.x / 128 * 64,
                         unit % task.tokenTiles * kChannelTokens, sums);
    }
    if (threadIdx.x % 128 == 0)
        waitStores(); // shared memory must outlive them
}

__global__ void __launch_bounds__(kChannelThreads, 1)
    channelGemmKernel(const __grid_constant__ ChannelGemm task) {
#ifdef INGLENOOK_HOPPER
    using S = ChannelShared;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t base = (sharedAddress(sharedBytes) + 1023) / 1024 * 1024;
    const std::uint32_t rank = rankInCluster();
    if (threadIdx.x == 0) {
        for (int i = 0; i < kChannelStages; ++i) {
            initBarrier(base + S::kFull + i * 8, 1);
            initBarrier(base + S::kEmpty + i * 8, 2 * kConsumerWarps);
        }
        fenceBarriers();
    }
    syncCluster();
    if (threadIdx.x >= kConsumerWarps * 32) {
        giveUpRegisters<40>();
        if (threadIdx.x == kConsumerWarps * 32)
            copyChannelTiles(task, base, rank);
        __syncwarp();
    } else {
        takeRegisters<232>();
        multiplyChannels(task, base, rank);
    }
    syncCluster(); // nobody leaves while the other still reaches into its shared memory
#endif
}

} // namespace kernels::cuda
