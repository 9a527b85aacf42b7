#pragma once
// The body of the fast GEMV: 2 to 8 activation rows (and one that gemv_stream_single.cuh does not
// take) against int8 or int4 weights, for decode.
//
// Bound by reading the weights once, so everything is arranged around that stream:
// - One block a multiprocessor takes an equal stretch of weight rows. Its units of work, 16 rows by
//   128 bytes, go to the warps in turn (all of a row's units lie side by side in memory), and every
//   warp keeps kDepth units under way into its own ring in shared memory with cp.async.
// - The ring is filled before the block waits for the kernel ahead of it: weights depend on
// nothing,
//   and the DRAM works through the gap. Every block is alone on its multiprocessor.
// - Bytes become bf16 integers by masks and one exact subtraction; mma.sync multiplies them, the
//   weights as A, the activation rows as B. What rounding to bf16 loses of the activations is a
//   second product, where that matters (splitInput). Sums are fp32; scales meet sums of one group.
// - Columns are permuted alike in weights and activations, so that a lane uses whole words.
// - The warps' sums of a row meet in shared memory in a fixed order.
// RMSNorm and rounding are repeated by every block. Long activations pass by in parts.
//
// Shapes: W [N][K padded to 128], x [M][K], M <= 8. Preconditions: equal kind and K of all
// matrices, 16-byte aligned rows, strides a multiple of 4.
// History: before, two weight rows a warp with FFMA and 4 loads ahead in registers: 1,540 GB/s on
// llama-8b. Then 8 weight rows as B, 300 instructions a KiB: 1,690 GB/s (tests/bench/GPU_NOTES.md).
#include "kernels/cuda/gemv_stream_activations.cuh"
#include "kernels/cuda/gemv_stream_formats.cuh"

namespace kernels::cuda {

/// A warp's way through the units of a part: every kWarps-th, slices first.
struct StreamCursor {
    std::uint32_t tile, slice;
    /// To the warp's first unit; behind the last tile when it has none.
    __device__ void enter(const StreamPart& part, std::uint32_t warp) {
        const std::uint32_t slices = part.sliceEnd - part.sliceBegin;
        tile = part.tileBegin;
        for (; warp >= slices; warp -= slices)
            ++tile;
        slice = part.sliceBegin + warp;
    }
    template<int kWarps>
    __device__ void next(const StreamPart& part) {
        slice += kWarps;
        while (slice >= part.sliceEnd) {
            slice -= part.sliceEnd - part.sliceBegin;
            ++tile;
        }
    }
};

/// Index of a row of a tile within its matrix; `rows` when there is none.
struct StreamRow {
    std::uint32_t matrix = 0;
    std::uint32_t row = 0;
    bool exists = false;
};
__device__ inline StreamRow rowOf(const StreamTask& task, bool swiGlu, std::uint32_t tile,
                                  std::uint32_t inTile) {
    StreamRow result;
    // Gate and up of one output lie 8 rows apart, so that one lane has both.
    const std::uint32_t local = swiGlu ? tile * 8 + inTile % 8 : tile * kStreamRows + inTile;
    result.row = blockIdx.x * task.blockRows + local;
    result.exists = local < task.blockRows && result.row < task.tileRows;
    if (swiGlu) {
        result.matrix = inTile / 8;
    } else if (result.row >= task.ends[0]) {
        result.matrix = result.row >= task.ends[1] ? 2 : 1;
        result.row -= task.ends[result.matrix - 1];
    }
    if (!result.exists)
        result.row = 0;
    return result;
}

/// What a lane copies of a tile: 16 bytes at 16 (lane % 8) of rows lane / 8 + 4 i, whole lines of
/// memory a warp; and, of row lane / 2, one half of the scales.
struct StreamSources {
    const std::byte* values[4];
    std::uint32_t bytes[4]; // 16, or 0 when the row does not exist
    const std::byte* scales;
    const std::byte* minima;
    std::uint32_t scaleBytes; // 0 or 1
};
/// Where the matrices of a task lie: those of its own, or of another layer.
struct StreamPointers {
    const std::byte* const* values;
    const std::uint16_t* const* scales;
    const std::uint16_t* const* minima;
};
template<class F>
__device__ void openTile(const StreamTask& task, const StreamPointers& matrices, bool swiGlu,
                         std::uint32_t tile, std::uint32_t lane, StreamSources& from) {
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) {
        const StreamRow row = rowOf(task, swiGlu, tile, lane / 8 + i * 4);
        from.values[i] =
            matrices.values[row.matrix] + std::size_t{row.row} * task.rowBytes + lane % 8 * 16;
        from.bytes[i] = row.exists ? 16 : 0;
    }
    const StreamRow row = rowOf(task, swiGlu, tile, lane / 2);
    const std::size_t at = std::size_t{row.row} * task.groups * 2;
    from.scales = reinterpret_cast<const std::byte*>(matrices.scales[row.matrix]) + at;
    if constexpr (F::kMinima)
        from.minima = reinterpret_cast<const std::byte*>(matrices.minima[row.matrix]) + at;
    from.scaleBytes = row.exists ? 1 : 0;
}

/// Puts one unit under way.
template<class F>
__device__ __forceinline__ void fetchUnit(const StreamTask& task, const StreamSources& from,
                                          std::uint32_t slice, std::uint32_t slot,
                                          std::uint32_t lane) {
    const std::uint32_t at = slice * kStreamBytes;
    const bool there = at + lane % 8 * 16 < task.rowBytes; // the last unit may be half of one
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t to = slot + F::slotAt(lane / 8 + i * 4, lane % 8);
        const std::byte* source = from.values[i] + (there ? at : 0);
        const std::uint32_t bytes = there ? from.bytes[i] : 0;
        copyAsync16(to, source, bytes);
    }
    const std::uint32_t scaleSlot = slot + F::kSlotBytes + lane / 2 * F::kScaleBytes;
    if constexpr (F::kScaleBytes == 4) {
        if (lane % 2 == 0)
            copyAsyncSmall<4>(
                scaleSlot,
                reinterpret_cast<const void*>(
                    reinterpret_cast<std::uintptr_t>(from.scales + (there ? slice * 2 : 0)) &
                    ~std::uintptr_t{3}),
                there ? from.scaleBytes * 4 : 0);
    } else {
        // Four scales a copy; with 8 a row, odd lanes take the second four.
        constexpr std::uint32_t kParts = F::kScaleBytes / 8;
        const std::uint32_t part = lane % 2 % kParts;
        const std::uint32_t byte = slice * F::kScaleBytes + part * 8;
        const std::uint32_t bytes = byte < task.groups * 2 ? from.scaleBytes * 8 : 0;
        const std::uint32_t offset = bytes != 0 ? byte : 0;
        if (lane % 2 < kParts)
            copyAsyncSmall<8>(scaleSlot + part * 8, from.scales + offset, bytes);
        if constexpr (F::kMinima)
            copyAsyncSmall<8>(scaleSlot + kStreamRows * F::kScaleBytes + part * 8,
                              from.minima + offset, bytes);
    }
}

/// Scales (or minima) of the lane's two rows for all groups of a unit.
template<class F>
__device__ void readScales(const std::byte* scales, std::uint32_t lane,
                           const std::uint32_t (&half)[2],
                           float (&out)[2][F::kPieces / F::kGroupPieces]) {
#pragma unroll
    for (int high = 0; high < 2; ++high) {
        const std::byte* from = scales + (lane / 4 + high * 8) * F::kScaleBytes;
        if constexpr (F::kScaleBytes == 4) {
            out[high][0] =
                halfToFloat(*reinterpret_cast<const std::uint16_t*>(from + half[high] * 2));
        } else {
#pragma unroll
            for (int i = 0; i < F::kScaleBytes / 4; ++i) {
                const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(from + i * 4));
                out[high][i * 2] = pair.x, out[high][i * 2 + 1] = pair.y;
            }
        }
    }
}

/// total[high][e] += scale * (weights of row group + 8 high . activation row 2 quarter + e).
/// `x`: this lane's activations of the unit (row group), `low` what rounding lost of them.
template<class F>
__device__ __forceinline__ void addUnit(const std::byte* slot, const uint4* x, const uint4* low,
                                        bool split, bool active, std::uint32_t lane,
                                        const std::uint32_t (&half)[2], float (&total)[2][2]) {
    typename F::Raw raw;
    F::read(slot, lane, raw);
    float scales[2][F::kPieces / F::kGroupPieces];
    float minima[2][F::kPieces / F::kGroupPieces];
    readScales<F>(slot + F::kSlotBytes, lane, half, scales);
    if constexpr (F::kMinima)
        readScales<F>(slot + F::kSlotBytes + kStreamRows * F::kScaleBytes, lane, half, minima);
    float sums[2][4] = {};
    float ones[4] = {}; // of the activations alone, for the minima
    constexpr std::uint32_t kOnes[4] = {0x3F803F80U, 0x3F803F80U, 0x3F803F80U, 0x3F803F80U};
    const uint4 zero = make_uint4(0, 0, 0, 0);
#pragma unroll
    for (int p = 0; p < F::kPieces; ++p) {
        std::uint32_t offsets[2] = {};
        if constexpr (F::kZeroPoints) {
            const std::byte* own = slot + F::kSlotBytes + lane / 4 * F::kScaleBytes;
            offsets[0] = F::offsetOf(own, p / F::kGroupPieces);
            offsets[1] = F::offsetOf(own + 8 * F::kScaleBytes, p / F::kGroupPieces);
        }
        std::uint32_t a[2][4];
        F::operands(raw, p, offsets, a);
        const uint4 b = active ? x[p * 4] : zero;
        mmaBf16(sums[0], a[0], b.x, b.y);
        mmaBf16(sums[1], a[1], b.z, b.w);
        if constexpr (F::kMinima) {
            mmaBf16(ones, kOnes, b.x, b.y);
            mmaBf16(ones, kOnes, b.z, b.w);
        }
        if (split) {
            const uint4 rest = active ? low[p * 4] : zero;
            mmaBf16(sums[0], a[0], rest.x, rest.y);
            mmaBf16(sums[1], a[1], rest.z, rest.w);
            if constexpr (F::kMinima) {
                mmaBf16(ones, kOnes, rest.x, rest.y);
                mmaBf16(ones, kOnes, rest.z, rest.w);
            }
        }
        if ((p + 1) % F::kGroupPieces != 0)
            continue;
        const int g = p / F::kGroupPieces;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            float& to = total[i / 2][i % 2];
            to = fmaf(scales[i / 2][g], sums[0][i] + sums[1][i], to);
            if constexpr (F::kMinima) {
                to = fmaf(minima[i / 2][g], ones[i], to);
            }
        }
#pragma unroll
        for (int i = 0; i < 4; ++i)
            ones[i] = sums[0][i] = sums[1][i] = 0;
    }
}

/// Adds the warps' sums of a chunk of tiles and writes them out.
template<int kWarps>
__device__ __forceinline__ void writeChunk(const StreamTask& task, bool swiGlu,
                                           const StreamPart& part, const float* partial,
                                           std::uint32_t partialRows, bool first, float before) {
    constexpr std::uint32_t kThreads = kWarps * 32;
    const std::uint32_t perTile = swiGlu ? kStreamRows / 2 : kStreamRows;
    const std::uint32_t rows = task.rows;
    const std::uint32_t begin = part.tileBegin * perTile;
    const std::uint32_t end = min(part.tileEnd * perTile, task.blockRows);
    const std::uint32_t count = end - begin;
    const auto sumOf = [&](std::uint32_t m, std::uint32_t at) {
        float sum = 0;
#pragma unroll
        for (int w = 0; w < kWarps; ++w)
            sum += partial[(w * rows + m) * partialRows + at];
        return sum;
    };
    for (std::uint32_t at = threadIdx.x; at < count * rows; at += kThreads) {
        const std::uint32_t m = at / count;
        const std::uint32_t local = at % count;
        std::uint32_t row = blockIdx.x * task.blockRows + begin + local;
        if (row >= task.tileRows)
            continue;
        if (swiGlu) {
            const std::uint32_t at0 = local / 8 * kStreamRows + local % 8;
            const float gate = sumOf(m, at0);
            const float value = gate / (1.0F + expf(-gate)) * sumOf(m, at0 + 8);
            const std::size_t to = std::size_t{m} * task.outStrides[0] + row;
            if (task.roundedOut != nullptr)
                task.roundedOut[to] = __bfloat16_as_ushort(__float2bfloat16_rn(value));
            else
                task.outs[0][to] = value;
            continue;
        }
        const float sum = sumOf(m, local);
        std::uint32_t matrix = 0;
        if (row >= task.ends[0]) {
            matrix = row >= task.ends[1] ? 2 : 1;
            row -= task.ends[matrix - 1];
        }
        float* to = task.outs[matrix] + std::size_t{m} * task.outStrides[matrix] + row;
        *to = task.adds ? (first && at == threadIdx.x ? before : *to) + sum : sum;
    }
}

/// The whole of one product, once its activations are there: norm, rounding, units out of the ring,
/// results. `fetch` puts the unit that is kDepth - 1 ahead under way, as one group of copies.
template<class F, int kWarps, int kDepth, class Fetch>
__device__ __forceinline__ void multiplyParts(const StreamTask& task, bool swiGlu, bool split,
                                              const float* norm, StreamBlock& block, Fetch& fetch) {
    constexpr std::uint32_t kRing = kDepth * kRingSlot<F>;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t partialRows = task.chunkTiles * kStreamRows;
    const std::uint32_t pitch = task.passSlices * F::kColumns * 2 + 64; // rows in other banks
    const std::uint32_t rows = task.rows;
    auto* partial =
        reinterpret_cast<float*>(block.activations + std::size_t{split ? 2U : 1U} * rows * pitch);
    float before = 0; // what the first sum of this thread is added to
    if (!swiGlu && task.adds) {
        const std::uint32_t count = min(task.chunkTiles * kStreamRows, task.blockRows);
        const std::uint32_t to = blockIdx.x * task.blockRows + threadIdx.x % count;
        if (threadIdx.x < count * rows && to < task.tileRows)
            before = task.outs[0][std::size_t{threadIdx.x / count} * task.outStrides[0] + to];
    }
    float* inverse = block.rms + kMostActivationRows * kWarps;
    if (norm != nullptr)
        inverseRms<kWarps>(task, block.rms, inverse);

    const std::uint32_t group = lane / 4;
    const std::uint32_t quarter = lane % 4;
    const bool active = group < rows;
    const bool oddGroups = task.groups % 2 != 0;
    for (std::uint32_t index = 0; index < task.parts; ++index) {
        const StreamPart part = partOf(task, index);
        const bool lastPass = part.sliceEnd == task.slices;
        if (index == 0 || task.passes > 1) {
            if (index > 0)
                __syncthreads(); // all have used the part before
            fillActivations<F, kWarps>(task, norm, split, part, inverse, block.activations, pitch);
        }
        const std::uint32_t slices = part.sliceEnd - part.sliceBegin;
        float* mine = partial + warp * rows * partialRows;
        const bool adds = part.sliceBegin > 0 || slices < kWarps;
        if (part.sliceBegin == 0 && slices < kWarps) { // this warp may meet no unit of a row
            for (std::uint32_t i = lane; i < rows * partialRows; i += 32)
                mine[i] = 0;
            __syncwarp();
        }
        StreamCursor at;
        at.enter(part, warp);
        const auto* x = reinterpret_cast<const uint4*>(block.activations + group * pitch) + quarter;
        const uint4* low = x + std::size_t{rows} * pitch / 16;
        while (at.tile < part.tileEnd) {
            // All units of one tile.
            float total[2][2] = {};
            const std::uint32_t tile = at.tile;
            std::uint32_t odd[2] = {};
            if (F::kScaleBytes == 4 && oddGroups)
#pragma unroll
                for (std::uint32_t high = 0; high < 2; ++high)
                    odd[high] = rowOf(task, swiGlu, tile, group + high * 8).row & 1U;
            do {
                waitAsync<kDepth - 2>();
                __syncwarp();
                fetch();
                const std::uint32_t offset = (at.slice - part.sliceBegin) * F::kPieces * 4;
                const std::uint32_t half[2] = {(odd[0] ^ at.slice) & 1U, (odd[1] ^ at.slice) & 1U};
                addUnit<F>(block.ring + block.used, x + offset, low + offset, split, active, lane,
                           half, total);
                block.used = block.used == kRing - kRingSlot<F> ? 0 : block.used + kRingSlot<F>;
                at.next<kWarps>(part);
            } while (at.tile == tile);
#pragma unroll
            for (std::uint32_t e = 0; e < 2; ++e) {
                if (quarter * 2 + e >= rows)
                    continue;
                float* to = mine + (quarter * 2 + e) * partialRows +
                            (tile - part.tileBegin) * kStreamRows + group;
                to[0] = (adds ? to[0] : 0.0F) + total[0][e];
                to[8] = (adds ? to[8] : 0.0F) + total[1][e];
            }
        }
        if (!lastPass)
            continue;
        __syncthreads();
        writeChunk<kWarps>(task, swiGlu, part, partial, partialRows, index < task.passes, before);
        if (index + 1 < task.parts)
            __syncthreads();
    }
}

template<class F, bool kSwiGlu, bool kSplit, int kWarps, int kDepth>
__global__ void __launch_bounds__(kWarps * 32, 1)
    streamKernel(const __grid_constant__ StreamTask task) {
    extern __shared__ __align__(16) std::byte shared[];
    __shared__ __align__(16) float rms[kMostActivationRows * (kWarps + 1)];
    letNextStart();
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    constexpr std::uint32_t kRing = kDepth * kRingSlot<F>;
    StreamBlock block;
    block.ring = shared + warp * kRing;
    block.activations = shared + kWarps * kRing;
    block.rms = rms;
    const std::uint32_t ringAddress = sharedAddress(block.ring);

    // What is fetched runs kDepth - 1 units ahead of what is used. Behind the last unit it goes on
    // in rows that do not exist, which cost nothing.
    const StreamPointers matrices{task.values, task.scales, task.minima};
    StreamPart aheadPart = partOf(task, 0);
    std::uint32_t aheadIndex = 0;
    StreamCursor ahead;
    ahead.enter(aheadPart, warp);
    StreamSources sources;
    openTile<F>(task, matrices, kSwiGlu, ahead.tile, lane, sources);
    std::uint32_t fetched = 0;
    const auto fetch = [&] {
        fetchUnit<F>(task, sources, ahead.slice, ringAddress + fetched, lane);
        commitAsync();
        fetched = fetched == kRing - kRingSlot<F> ? 0 : fetched + kRingSlot<F>;
        const std::uint32_t tile = ahead.tile;
        ahead.next<kWarps>(aheadPart);
        if (ahead.tile == tile)
            return;
        while (ahead.tile >= aheadPart.tileEnd && aheadIndex + 1 < task.parts) {
            aheadPart = partOf(task, ++aheadIndex);
            ahead.enter(aheadPart, warp);
        }
        openTile<F>(task, matrices, kSwiGlu, ahead.tile, lane, sources);
    };
    for (int i = 0; i < kDepth - 1; ++i) {
        while (ahead.tile >= aheadPart.tileEnd && aheadIndex + 1 < task.parts) { // few units a part
            aheadPart = partOf(task, ++aheadIndex);
            ahead.enter(aheadPart, warp);
            openTile<F>(task, matrices, kSwiGlu, ahead.tile, lane, sources);
        }
        fetch();
    }
    waitForPrevious();
    if (blockIdx.x * task.blockRows >= task.tileRows)
        return; // only here to keep the grid at one block a multiprocessor
    multiplyParts<F, kWarps, kDepth>(task, kSwiGlu, kSplit, task.normWeight, block, fetch);
}

} // namespace kernels::cuda
