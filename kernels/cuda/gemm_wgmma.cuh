#pragma once
// GEMM on Hopper's warpgroup tensor cores for weights of any kind but fp32: prefill and batches.
//
// out[m][n] = sum over k of x[m][k] w[n][k]: weights are the M operand and come from registers, so
// that integers become bf16 on their way from shared memory to the tensor cores and nothing is
// stored twice; activations (bf16, in prepared order) are the N operand, read from shared memory.
// A weight w = q s is rounded once to bf16, s as the sum of two bf16.
// Shapes: W [N][K padded to 128], x bf16 [M][K padded], out fp32 [M][outStride], or bf16 rows in
// prepared order after SwiGLU.
// A block computes 128 weight rows x kTokens tokens: a warp that only starts copies (bulk tensor
// copies, kStages deep) and two warpgroups of 64 rows each. While a product of 64 columns runs, the
// next 64 columns become bf16. kShare = 2: two blocks of a cluster work on the same tokens and each
// fetches half of them for both. kShare = 1: the cluster splits K and its first blocks add up what
// all of them computed, in order.
// A tile's rows come in two halves of 64, so that gate and up of one output meet in one thread.
// Prepared order: within 64 columns, position 16 j + {2c, 2c+1, 2c+8, 2c+9} holds columns
// 16 c + 4 j + {0, 1, 2, 3}: what a thread reads as 16 bytes are its operands of four products.
// The method: CUTLASS's warp-specialized kernels, Marlin's order of columns.
#include "kernels/cuda/gemm_tiles.cuh"

namespace kernels::cuda {

constexpr int kPartColumns = 64;
constexpr int kTokenRowBytes = kPartColumns * 2;
constexpr std::uint32_t kMostInCluster = 8; // blocks, on every device of this kind

/// A scale (and minimum) as what a bf16 product takes.
struct PairScale {
    __nv_bfloat162 high;
    __nv_bfloat162 low;
    __nv_bfloat162 minimum;
    __nv_bfloat162 minimumLow;
};

template<WeightKind kKind>
struct WeightPart; // kRowBytes of 64 columns; load() and unpack()

/// q, two a word, becomes q s (+ minimum), rounded once (twice).
template<bool kMinimum>
__device__ std::uint32_t scaled(__nv_bfloat162 q, const PairScale& scale) {
    __nv_bfloat162 product;
    if constexpr (kMinimum)
        product =
            __hadd2(__hfma2(q, scale.high, scale.minimum), __hfma2(q, scale.low, scale.minimumLow));
    else
        product = __hfma2(q, scale.high, __hmul2(q, scale.low));
    return *reinterpret_cast<const std::uint32_t*>(&product);
}
__device__ inline __nv_bfloat162 asPair(std::uint32_t bits) {
    return *reinterpret_cast<const __nv_bfloat162*>(&bits);
}

template<>
struct WeightPart<WeightKind::Int8> {
    static constexpr int kRowBytes = 64;
    static constexpr bool kScaled = true;
    static constexpr bool kMinimum = false;
    using Raw = uint4;
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return Tile::chunk(tile, part, row, quad);
    }
    /// A byte is 128 + its low seven bits in bf16, less 128 or (negative) 256.
    static __device__ __nv_bfloat162 integers(std::uint32_t word, std::uint32_t selector) {
        const std::uint32_t p = permute(word, 0x43434343U, selector);
        return __hsub2(asPair(p & 0xFF7FFF7FU), asPair(p & 0xFF80FF80U));
    }
    static __device__ void unpack(const Raw& raw, int j, int, const PairScale& scale, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
        a[half] = scaled<false>(integers(words[j], 0x4140), scale);
        a[2 + half] = scaled<false>(integers(words[j], 0x4342), scale);
    }
};

template<bool kWithMinimum>
struct NibblePart {
    static constexpr int kRowBytes = 32;
    static constexpr bool kScaled = true;
    static constexpr bool kMinimum = kWithMinimum;
    using Raw = uint4;
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return Tile::chunk(tile, part, row, quad / 2);
    }
    /// A nibble is 128 + itself in bf16.
    static __device__ __nv_bfloat162 integers(std::uint32_t word, std::uint32_t selector) {
        const __nv_bfloat162 offset = asPair(kMinimum ? 0x43004300U : 0x43084308U); // 128, 136
        return __hsub2(asPair(permute(word, 0x43434343U, selector)), offset);
    }
    static __device__ void unpack(const Raw& raw, int j, int quad, const PairScale& scale, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
        const std::uint32_t word = words[j] >> (quad % 2 * 4) & 0x0F0F0F0FU;
        a[half] = scaled<kMinimum>(integers(word, 0x4140), scale);
        a[2 + half] = scaled<kMinimum>(integers(word, 0x4342), scale);
    }
};
template<>
struct WeightPart<WeightKind::Int4> : NibblePart<false> {};
template<>
struct WeightPart<WeightKind::Int4Min> : NibblePart<true> {};

template<>
struct WeightPart<WeightKind::BF16> {
    static constexpr int kRowBytes = 128;
    static constexpr bool kScaled = false;
    static constexpr bool kMinimum = false;
    struct Raw {
        uint4 first;
        uint4 second;
    };
    template<class Tile>
    static __device__ Raw load(const std::byte* tile, int part, int row, int quad) {
        return {Tile::chunk(tile, part, row, 2 * quad), Tile::chunk(tile, part, row, 2 * quad + 1)};
    }
    static __device__ void unpack(const Raw& raw, int j, int, const PairScale&, int half,
                                  std::uint32_t (&a)[4]) {
        const std::uint32_t words[8] = {raw.first.x,  raw.first.y,  raw.first.z,  raw.first.w,
                                        raw.second.x, raw.second.y, raw.second.z, raw.second.w};
        a[half] = words[2 * j];
        a[2 + half] = words[2 * j + 1];
    }
};

/// Weights of a stage: boxes of up to 128 bytes a row, [box][128 rows]. Boxes of 128 bytes are
/// swizzled: 16-byte chunk c of row r lies at c ^ (r % 8).
template<WeightKind kKind, int kParts>
struct WeightTile {
    static constexpr int kPartBytes = WeightPart<kKind>::kRowBytes;
    static constexpr int kBoxBytes = kParts * kPartBytes < 128 ? kParts * kPartBytes : 128;
    static constexpr int kBoxes = kParts * kPartBytes / kBoxBytes;
    static constexpr bool kSwizzled = kBoxBytes == 128;
    /// Rows that neighbouring lanes read must lie in other banks: with several parts a row these
    /// are rows four apart, else neighbours.
    static constexpr bool kSpreadRows = kSwizzled && kPartBytes < 128;

    static __device__ uint4 chunk(const std::byte* tile, int part, int row, int inPart) {
        constexpr int kPartsPerBox = kParts / kBoxes;
        const int chunk = part % kPartsPerBox * (kPartBytes / 16) + inPart;
        const int place = kSwizzled ? chunk ^ row % 8 : chunk;
        return *reinterpret_cast<const uint4*>(
            tile + (part / kPartsPerBox * kTileRows + row) * kBoxBytes + place * 16);
    }
};

/// Shared memory of a block; every tile of activations on a multiple of 1024 bytes. A stage: the
/// weights of kTiles tiles of rows, then the tokens, which all of them take.
template<WeightKind kWeightKind, int kTileTokens, int kStageParts, int kRingStages, int kTiles = 1>
struct TensorShared {
    static constexpr WeightKind kKind = kWeightKind;
    static constexpr int kTokens = kTileTokens;
    static constexpr int kParts = kStageParts;
    static constexpr int kStages = kRingStages;
    static constexpr int kWeightPart = kTileRows * WeightPart<kKind>::kRowBytes;
    static constexpr int kTokenPart = kTokens * kTokenRowBytes;
    static constexpr int kTileWeights = kParts * kWeightPart; // bytes, as all that follows
    static constexpr int kWeights = kTiles * kTileWeights;
    static constexpr int kStage = kWeights + kParts * kTokenPart;
    static constexpr int kReduced = kTiles * kTileRows * kTokens * 4; // fp32 sums of a split K
    static constexpr int kBytes = kStages * kStage + 16 * kStages + 1024;
};

/// Starts the copies of a tile's weights of one stage.
template<class S>
__device__ void copyWeights(const TensorGemm& task, const TileHalf& low, const TileHalf& high,
                            std::uint32_t step, std::uint32_t to, std::uint32_t barrier) {
    using T = WeightTile<S::kKind, S::kParts>;
#pragma unroll
    for (int box = 0; box < T::kBoxes; ++box) {
        const std::uint32_t byte = (step * T::kBoxes + box) * T::kBoxBytes;
        const std::uint32_t weights = to + box * kTileRows * T::kBoxBytes;
        copyBox(weights, &task.weightMaps[low.matrix], byte, low.row, barrier);
        copyBox(weights + kTileRows / 2 * T::kBoxBytes, &task.weightMaps[high.matrix], byte,
                high.row, barrier);
    }
}

/// The copying warp: one thread.
template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
__device__ void copyTiles(const TensorGemm& task, std::uint32_t base, std::uint32_t full,
                          std::uint32_t empty, std::uint32_t rank, std::uint32_t firstStep,
                          std::uint32_t steps) {
    using S = TensorShared<kKind, kTokens, kParts, kStages>;
    constexpr std::uint16_t kAll = (1 << kShare) - 1;
    waitForPreviousRows(); // what is written follows what is copied
    letNextStart();
    std::uint32_t stage = 0;
    std::uint32_t parity = 1; // the first round finds every stage empty
    const std::uint32_t clusters = gridDim.x / blocksInCluster();
    for (std::uint32_t unit = blockIdx.x / blocksInCluster(); unit < task.units; unit += clusters) {
        const std::uint32_t tile = unit / task.tokenTiles * kShare + (kShare > 1 ? rank : 0);
        const std::uint32_t token = unit % task.tokenTiles * kTokens;
        const TileHalf low = tileHalf(task, tile, 0);
        const TileHalf high = tileHalf(task, tile, 1);
        for (std::uint32_t step = firstStep; step < firstStep + steps; ++step) {
            waitBarrier(empty + stage * 8, parity);
            const std::uint32_t barrier = full + stage * 8;
            const std::uint32_t to = base + stage * S::kStage;
            arriveExpecting(barrier, S::kStage);
            copyWeights<S>(task, low, high, step, to, barrier);
#pragma unroll
            for (int part = 0; part < kParts; ++part) {
                const std::uint32_t tokenByte = (step * kParts + part) * kTokenRowBytes;
                const std::uint32_t tokens = to + S::kWeights + part * S::kTokenPart;
                if constexpr (kShare > 1)
                    copyBoxToAll(tokens + rank * (S::kTokenPart / kShare), &task.tokenMap,
                                 tokenByte, token + rank * (kTokens / kShare), barrier, kAll);
                else
                    copyBox(tokens, &task.tokenMap, tokenByte, token, barrier);
            }
            if (++stage == kStages)
                stage = 0, parity ^= 1;
        }
    }
}

/// Adds up what the blocks of the cluster computed, each a share of the tokens, and writes; kTiles
/// tiles side by side. The stages are free: every copy has arrived and been read.
template<int kTokens, int kTiles = 1>
__device__ void reduceAndWrite(const TensorGemm& task, const TensorLane& lane, std::uint32_t base,
                               const float (&sums)[kTokens / 2]) {
    constexpr std::uint32_t kThreads = kTiles * kConsumerWarps * 32;
    const std::uint32_t blocks = blocksInCluster();
    const std::uint32_t mine = base + threadIdx.x * 16;
    // All warpgroups have read their last stage before any writes over it.
    waitNamed(1, kThreads);
#pragma unroll
    for (int i = 0; i < kTokens / 8; ++i)
        storeShared(mine + i * kThreads * 16,
                    make_float4(sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]));
    syncCluster();
    const SumTargets to(task, lane);
    const std::uint32_t left = task.tokens - lane.token;
    for (std::uint32_t i = rankInCluster(); i * 8 < (left < kTokens ? left : kTokens);
         i += blocks) {
        float4 parts[kMostInCluster]; // all under way at once
#pragma unroll
        for (std::uint32_t other = 0; other < kMostInCluster; ++other)
            if (other < blocks)
                parts[other] = readFrom(mine + i * kThreads * 16, other);
        float v[4] = {};
#pragma unroll
        for (std::uint32_t other = 0; other < kMostInCluster; ++other) {
            if (other >= blocks)
                break;
            v[0] += parts[other].x, v[1] += parts[other].y;
            v[2] += parts[other].z, v[3] += parts[other].w;
        }
        writeSums<false>(task, to, static_cast<int>(i), left - i * 8, v);
    }
}

/// Scales of a thread's two rows, fetched one part ahead.
template<WeightKind kKind>
struct ScaleStream {
    using W = WeightPart<kKind>;
    const std::uint16_t* scales[2];
    const std::uint16_t* minima[2];
    std::uint16_t scaleBits[2];
    std::uint16_t minimumBits[2];

    __device__ void start(const TensorGemm& task, const TensorLane& lane) {
        if constexpr (W::kScaled) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const std::uint32_t matrix = lane.halves[half].matrix;
                std::uint32_t row = lane.halves[half].row + lane.localRow;
                row = row < task.rows[matrix] ? row : task.rows[matrix] - 1;
                const std::size_t at = std::size_t{row} * task.groupsPerRow;
                scales[half] = task.scales[matrix] + at;
                if constexpr (W::kMinimum)
                    minima[half] = task.minima[matrix] + at;
            }
        }
    }
    __device__ void fetch(const TensorGemm& task, std::uint32_t part, int quad) {
        if constexpr (W::kScaled) {
            const std::uint32_t column =
                part * kPartColumns + static_cast<std::uint32_t>(quad) * 16;
            const std::uint32_t group = column >> task.groupShift;
            // Behind the last column the activations are zero.
            const std::uint32_t at = group < task.groupsPerRow ? group : task.groupsPerRow - 1;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                scaleBits[half] = __ldg(scales[half] + at);
                if constexpr (W::kMinimum)
                    minimumBits[half] = __ldg(minima[half] + at);
            }
        }
    }
    __device__ PairScale take(int half) const {
        PairScale scale = {};
        if constexpr (W::kScaled) {
            const float s = halfToFloat(scaleBits[half]);
            const float high = roundBf16(s);
            scale.high = __float2bfloat162_rn(high);
            scale.low = __float2bfloat162_rn(s - high);
            if constexpr (W::kMinimum) {
                const float minimum = halfToFloat(minimumBits[half]);
                scale.minimum = __float2bfloat162_rn(minimum);
                scale.minimumLow = __float2bfloat162_rn(minimum - roundBf16(minimum));
            }
        }
        return scale;
    }
};

/// Two computing warpgroups: sums of one tile, parts [first, first + count), count even.
/// `firstWeights`: the tile's in the first stage.
/// kTogether products follow one another, while the weights of as many become bf16.
template<class S, int kShare, int kTogether = 4, int kSets = 2>
__device__ void multiplyTile(const TensorGemm& task, const TensorLane& lane,
                             const std::byte* firstWeights, std::uint32_t base, std::uint32_t first,
                             std::uint32_t count, RingPlace& place, std::uint32_t& held,
                             float (&sums)[S::kTokens / 2]) {
    constexpr int kParts = S::kParts;
    using W = WeightPart<S::kKind>;
    const std::uint32_t full = base + S::kStages * S::kStage;
    const std::uint32_t empty = full + S::kStages * 8;
    const int quad = static_cast<int>(threadIdx.x % 4);
    const int localRow = static_cast<int>(lane.localRow);
#pragma unroll
    for (float& sum : sums) {
        sum = 0;
        settle(sum);
    }
    ScaleStream<S::kKind> stream;
    stream.start(task, lane);
    stream.fetch(task, first, quad);
    constexpr int kGroups = 4 / kTogether; // of products, in a part
    std::uint32_t a[kSets][kTogether][4];
    for (std::uint32_t pair = 0; pair < count; pair += 2) {
#pragma unroll
        for (int odd = 0; odd < 2; ++odd) {
            const std::uint32_t part = pair + static_cast<std::uint32_t>(odd);
            const int inStage = kParts == 1 ? 0 : static_cast<int>(part) % kParts;
            if (inStage == 0)
                waitBarrier(full + place.stage * 8, place.parity);
            const std::byte* weights = firstWeights + place.stage * S::kStage;
            const PairScale scale[2] = {stream.take(0), stream.take(1)};
            stream.fetch(task, first + (part + 1 < count ? part + 1 : part), quad);
            typename W::Raw raw[2];
#pragma unroll
            for (int half = 0; half < 2; ++half)
                raw[half] = W::template load<WeightTile<S::kKind, kParts>>(
                    weights, inStage, localRow + half * (kTileRows / 2), quad);
            const std::uint32_t tokens =
                base + place.stage * S::kStage + S::kWeights + inStage * S::kTokenPart;
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                auto& operands = a[(odd * kGroups + group) % kSets];
#pragma unroll
                for (int half = 0; half < 2; ++half)
#pragma unroll
                    for (int j = 0; j < kTogether; ++j)
                        W::unpack(raw[half], group * kTogether + j, quad, scale[half], half,
                                  operands[j]);
                fenceProducts();
#pragma unroll
                for (int j = 0; j < kTogether; ++j)
                    productBf16(sums, operands[j],
                                sharedTile(tokens + (group * kTogether + j) * 32));
                commitProducts();
                waitProducts<kSets - 1>();
                // All groups but this one are done; the stage before may be filled again.
                if (inStage == 0 && group == 0 && part > 0) {
                    releaseStage<kShare>(empty + held * 8);
                    held = place.stage;
                }
            }
            if (inStage == kParts - 1)
                place.next<S::kStages>();
        }
    }
    waitProducts<0>();
    releaseStage<kShare>(empty + held * 8);
    held = place.stage;
}

/// Which of 64 rows is a thread's: neighbours in the tile's order, or in prepared order for SwiGLU.
template<WeightKind kKind, int kParts>
__device__ std::uint32_t tileRow(const TensorGemm& task) {
    const std::uint32_t warp = threadIdx.x / 32 % kConsumerWarps;
    const std::uint32_t octet = threadIdx.x % 32 / 4;
    if (task.epilogue == Epilogue::SwiGlu)
        return octet / 2 * 16 + warp / 2 * 4 + warp % 2 * 2 + octet % 2;
    return warp * 8 + (WeightTile<kKind, kParts>::kSpreadRows ? octet / 2 + octet % 2 * 4 : octet);
}

template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
__device__ void tensorGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = TensorShared<kKind, kTokens, kParts, kStages>;
    static_assert(kParts == 1 || kParts % 2 == 0);
    static_assert(kTokens == 256 || S::kReduced <= kStages * S::kStage);
    constexpr bool kManyRegisters = kTokens == 256;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * S::kStage;
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t rank = rankInCluster();
    const std::uint32_t blocks = blocksInCluster();
    const std::uint32_t warp = threadIdx.x / 32;
    if (threadIdx.x == 0) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kConsumerWarps * kShare);
        }
        fenceBarriers();
    }
    syncCluster();
    // A cluster that does not share tokens splits K, in multiples of a stage and of 128 columns.
    const std::uint32_t splits = kShare > 1 ? 1 : blocks;
    const std::uint32_t split = kShare > 1 ? 0 : rank;
    constexpr std::uint32_t kPiece = kParts < 2 ? 2 : kParts;
    const std::uint32_t pieces = (task.columnGroups * 2 + kPiece - 1) / kPiece;
    const std::uint32_t first = pieces * split / splits * kPiece;
    const std::uint32_t count = pieces * (split + 1) / splits * kPiece - first;

    if (warp >= kConsumerWarps) {
        if constexpr (kManyRegisters)
            giveUpRegisters<40>();
        if (warp == kConsumerWarps && threadIdx.x % 32 == 0)
            copyTiles<kKind, kTokens, kParts, kStages, kShare>(task, base, full, empty, rank,
                                                               first / kParts, count / kParts);
        __syncwarp();
        if (splits > 1)
            syncCluster();
        syncCluster();
        return;
    }
    if constexpr (kManyRegisters)
        takeRegisters<232>();
    TensorLane lane{};
    lane.localRow = tileRow<kKind, kParts>(task);
    RingPlace place;
    std::uint32_t held = 0;
    float sums[kTokens / 2];
    for (std::uint32_t unit = blockIdx.x / blocks; unit < task.units; unit += gridDim.x / blocks) {
        lane.tile = unit / task.tokenTiles * kShare + (kShare > 1 ? rank : 0);
        lane.token = unit % task.tokenTiles * kTokens;
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = tileHalf(task, lane.tile, 1);
        multiplyTile<S, kShare>(task, lane, sharedBytes + (base - start), base, first, count, place,
                                held, sums);
        if (splits > 1)
            break; // one tile a cluster
        writeTile<kTokens>(task, lane, sums);
    }
    if constexpr (kTokens < 256)
        if (splits > 1)
            reduceAndWrite<kTokens>(task, lane, base, sums);
    syncCluster(); // nobody leaves while others still reach into its shared memory
#endif
}

} // namespace kernels::cuda
