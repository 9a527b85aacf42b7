#pragma once
// What a block of the fused decode attention (attention_fused.cu) keeps in shared memory, and how
// it gets there: chunks of the cache, the new token's heads, a key bias outside of the cache.

#include "kernels/cuda/attention_key_bias.cuh"
#include "kernels/cuda/attention_place.cuh"
#include "kernels/cuda/qkv_head.cuh"

namespace kernels::cuda::fused {

constexpr std::uint32_t kMostWarps = 8; // 4 where a block has less shared memory
constexpr float kLog2E = 1.4426950408889634F;

template<typename T, int kDim>
struct Shape {
    static constexpr bool kInt8 = sizeof(T) == 1;
    static constexpr std::uint32_t kRowBytes = kDim * sizeof(T);
    static constexpr std::uint32_t kSideBytes = kChunk * kRowBytes; // keys or values of a chunk
    static constexpr std::uint32_t kScaleBytes = kInt8 ? 2 * kChunk * 4 : 0;
    static constexpr std::uint32_t kAngleBytes = 512; // of the chunk's first position
    static constexpr int kKeyPieces = kRowBytes / 64; // 16 bytes a lane of a key
    static constexpr int kLaneDims = kDim / 8;        // of the values, a group of four lanes

    static constexpr __host__ __device__ std::uint32_t slotBytes(bool biased) {
        return 2 * kSideBytes + kScaleBytes + (biased ? kAngleBytes : 0);
    }
    // Parts of a chunk's slot: keys, values, their scales, angles.
    static __device__ const float* keyScales(const std::byte* slot) {
        return reinterpret_cast<const float*>(slot + 2 * kSideBytes);
    }
    static __device__ const float* valueScales(const std::byte* slot) {
        return keyScales(slot) + kChunk;
    }
    static __device__ const float* angles(const std::byte* slot) {
        return reinterpret_cast<const float*>(slot + 2 * kSideBytes + kScaleBytes);
    }
    /// Which 16 bytes of a value row lie where: the four lanes of a group read four rows at once.
    static __device__ std::uint32_t swizzle(std::uint32_t row, std::uint32_t column) {
        if constexpr (kRowBytes == 256)
            return column ^ (row >> 1 & 1U) ^ (row & 4U);
        else if constexpr (kRowBytes == 128)
            return column ^ (row & 6U);
        else
            return column;
    }
};

/// Shared memory behind the rings.
template<int kDim>
struct Fixed {
    float query[kHeads][kDim + 4]; // heads in other banks
    float angles[kDim];            // of the new position
    float fresh[2][kDim];          // key and value of the new token
    float freshScale[2];
    std::uint32_t last;   // this block arrived last
    float2 total[kHeads]; // of the block: highest score, weight
    float tops[kMostWarps][kHeads];
    float weights[kMostWarps][kHeads];
    __align__(16) unsigned char stored[2][kDim * 2]; // key and value as the cache holds them
};
/// Shared memory of the kernels that attend few rows.
template<int kDim>
struct Few {
    uint4 operands[kDim / 16][32]; // the queries, as lanes multiply them
};

__device__ inline float exp2Fast(float v) {
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
    return r;
}

/// Adds 1; what the block wrote before its last barrier is there for whoever sees it, and the other
/// way round.
__device__ inline std::uint32_t arriveAndSee(std::uint32_t* counter) {
    delayAtRandom();
    std::uint32_t before;
    asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;"
                 : "=r"(before)
                 : "l"(counter)
                 : "memory");
    return before;
}

/// Two floats as bf16, and what that lost.
__device__ inline void splitPair(float a, float b, std::uint32_t& high, std::uint32_t& low) {
    high = packBf16(a, b);
    low = packBf16(a - bf16Low(high), b - bf16High(high));
}
/// Bytes 0 and 2 of a word as two bf16 integers.
__device__ inline std::uint32_t plainInt8(std::uint32_t bytes) {
    return subtractBf16((bytes & 0x007F007FU) | 0x43004300U, (bytes & 0x00800080U) | 0x43004300U);
}

/// Puts one chunk under way; positions that the cache does not hold become zeros.
template<typename T, int kDim>
__device__ void fetchChunk(const Attention& task, const Sizes& sizes, const Place& place,
                           std::uint32_t chunk, std::uint32_t page, std::uint32_t slot) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t half = chunk % 2 * kChunk; // a page is two chunks
    const std::byte* base = task.pool + std::size_t{page} * task.pageStride;
    const std::uint32_t head = place.kvHead * kPagePositions + half;
    const std::byte* keys = base + head * S::kRowBytes;
    const std::byte* values = base + sizes.values + head * S::kRowBytes;
    const std::uint32_t old = place.known() - chunk * kChunk; // may exceed the chunk
#pragma unroll
    for (std::uint32_t unit = 0; unit < 2; ++unit) {
        const std::uint32_t position = unit * 8 + lane / 4;
        const std::byte* from = keys + position * S::kRowBytes + lane % 4 * 16;
#pragma unroll
        for (int i = 0; i < S::kKeyPieces; ++i)
            copyAsync16(slot + ((unit * S::kKeyPieces + i) * 32 + lane) * 16, from + i * 64,
                        position < old ? 16 : 0);
    }
    constexpr std::uint32_t kColumns = S::kRowBytes / 16;
#pragma unroll
    for (std::uint32_t i = 0; i < kColumns / 2; ++i) {
        const std::uint32_t row = (i * 32 + lane) / kColumns;
        const std::uint32_t column = lane % kColumns;
        copyAsync16(slot + S::kSideBytes + row * S::kRowBytes + S::swizzle(row, column) * 16,
                    values + row * S::kRowBytes + column * 16, row < old ? 16 : 0);
    }
    if constexpr (S::kInt8) {
        const std::uint32_t offset = lane < 4 ? sizes.keyScales : sizes.valueScales;
        if (lane < 8)
            copyAsync16(slot + 2 * S::kSideBytes + lane * 16,
                        base + offset + head * 4 + lane % 4 * 16, 16);
    }
}
/// Puts the angles of a chunk's first position under way.
template<typename T, int kDim>
__device__ void fetchAngles(const Attention& task, std::uint32_t chunk, std::uint32_t slot) {
    using S = Shape<T, kDim>;
    const float* angles = task.rope.block(chunk * kChunk);
    for (std::uint32_t i = threadIdx.x % 32; i < 2 * task.rope.pairs; i += 32)
        copyAsyncSmall<4>(slot + 2 * S::kSideBytes + S::kScaleBytes + i * 4,
                          angles + std::size_t{i} * kPagePositions, 4);
}

/// One head of the new token: bias, norm, rotation, unless that was done before; keys and values go
/// to the cache as well. `meanwhile`: see loadHead().
template<typename T, int kDim, typename Meanwhile = Nothing>
__device__ void finishHead(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                           const Place& place, Fixed<kDim>& fixed, std::uint32_t which,
                           const Meanwhile& meanwhile = {}) {
    const std::uint32_t lane = threadIdx.x % 32;
    const bool isQuery = which < place.heads;
    const bool isKey = which == place.heads;
    const std::uint32_t at = (isQuery ? place.firstHead + which : place.kvHead) * kDim;
    const float* x = isQuery ? finish.query : isKey ? finish.key : finish.value;
    const float* bias = place.finished ? nullptr
                        : isQuery      ? finish.queryBias
                        : isKey        ? finish.keyBias
                                       : finish.valueBias;
    const float* norm = place.finished ? nullptr
                        : isQuery      ? finish.queryNorm
                        : isKey        ? finish.keyNorm
                                       : nullptr;
    float* head = isQuery ? fixed.query[which] : fixed.fresh[isKey ? 0 : 1];
    loadHead(x + std::size_t{place.row} * (isQuery ? finish.queryStride : finish.kvStride) + at,
             bias != nullptr ? bias + at : nullptr, norm, finish.eps, kDim, head, meanwhile);
    if ((isQuery || isKey) && !place.finished)
        rotateHead(fixed.angles, 1, finish.rope.pairs, finish.rope.adjacent, head);
    if (isQuery) {
        for (std::uint32_t d = lane; d < kDim; d += 32)
            head[d] *= task.scale * kLog2E;
        return;
    }
    std::byte* page = finish.pool + std::size_t{place.lastPage} * finish.pageStride;
    const std::uint32_t row = place.kvHead * kPagePositions + place.position % kPagePositions;
    T* to = reinterpret_cast<T*>(page + (isKey ? 0 : sizes.values)) + row * kDim;
    T* stored = reinterpret_cast<T*>(fixed.stored[isKey ? 0 : 1]);
    if constexpr (Shape<T, kDim>::kInt8) {
        const float scale = int8Scale(head, kDim);
#pragma unroll
        for (std::uint32_t d = lane; d < kDim; d += 32)
            to[d] = stored[d] = toInt8(head[d], scale);
        if (lane == 0) {
            fixed.freshScale[isKey ? 0 : 1] = scale;
            reinterpret_cast<float*>(page + (isKey ? sizes.keyScales : sizes.valueScales))[row] =
                scale;
        }
    } else {
        for (std::uint32_t d = lane; d < kDim; d += 32)
            to[d] = stored[d] = __float2bfloat16_rn(head[d]);
    }
}

/// Asks for what finishHead() adds and multiplies by: nobody has read it in this step.
template<int kDim>
__device__ void announceHead(const QkvFinish& finish, const Place& place, std::uint32_t which) {
    const bool isQuery = which < place.heads;
    const bool isKey = which == place.heads;
    const float* bias = isQuery ? finish.queryBias : isKey ? finish.keyBias : finish.valueBias;
    const float* norm = isQuery ? finish.queryNorm : isKey ? finish.keyNorm : nullptr;
    const std::uint32_t at = (isQuery ? place.firstHead + which : place.kvHead) * kDim;
    if (bias != nullptr)
        prefetchL2(bias + at, kDim * sizeof(float));
    if (norm != nullptr)
        prefetchL2(norm, kDim * sizeof(float));
}

/// The new token's key and value into their place in the chunk that holds its position.
template<typename T, int kDim>
__device__ void patchChunk(const Fixed<kDim>& fixed, std::uint32_t inChunk, std::byte* slot) {
    using S = Shape<T, kDim>;
    constexpr std::uint32_t kColumns = S::kRowBytes / 16;
    const std::uint32_t lane = threadIdx.x % 32;
    if (lane < kColumns) {
        const std::uint32_t unit = inChunk / 8;
        const std::uint32_t owner = inChunk % 8 * 4 + lane % 4;
        *reinterpret_cast<uint4*>(slot + ((unit * S::kKeyPieces + lane / 4) * 32 + owner) * 16) =
            reinterpret_cast<const uint4*>(fixed.stored[0])[lane];
        *reinterpret_cast<uint4*>(slot + S::kSideBytes + inChunk * S::kRowBytes +
                                  S::swizzle(inChunk, lane) * 16) =
            reinterpret_cast<const uint4*>(fixed.stored[1])[lane];
    }
    if constexpr (S::kInt8)
        if (lane < 2)
            reinterpret_cast<float*>(slot + 2 * S::kSideBytes)[lane * kChunk + inChunk] =
                fixed.freshScale[lane];
    __syncwarp();
}

/// Shared memory of a block that attends with `warps` warps.
template<typename T, int kDim, int kDepth>
struct Layout {
    static constexpr std::uint32_t kFixedBytes = (sizeof(Fixed<kDim>) + 15) / 16 * 16;
    static __host__ __device__ constexpr std::uint32_t behindRings(std::uint32_t warps,
                                                                   bool biased) {
        return warps * kDepth * Shape<T, kDim>::slotBytes(biased);
    }
    static __host__ __device__ constexpr std::size_t bytes(std::uint32_t warps, bool biased) {
        return behindRings(warps, biased) + kFixedBytes + sizeof(Few<kDim>) +
               (biased ? sizeof(Bias<kDim>) : 0);
    }
};

/// A warp's chunks under way.
template<typename T, int kDim, int kDepth>
struct ChunkRing {
    bool angles; // with those of a chunk's first position
    std::byte* slots;
    std::uint32_t slotBytes;
    std::uint32_t ahead; // next chunk to fetch
    std::uint32_t page;  // its page
    std::uint32_t fetched = 0;

    __device__ void fetch(const Attention& task, const Sizes& sizes, const Place& place) {
        if (ahead < place.end) {
            const std::uint32_t slot = sharedAddress(slots) + fetched * slotBytes;
            fetchChunk<T, kDim>(task, sizes, place, ahead, page, slot);
            if (angles)
                fetchAngles<T, kDim>(task, ahead, slot);
            fetched = fetched + 1 == kDepth ? 0 : fetched + 1;
            ahead += place.warps;
            page = ahead < place.end ? place.pages[ahead / 2] : 0;
        }
        commitAsync();
    }
};
/// The page of this warp's first chunk.
__device__ inline std::uint32_t firstPage(const Place& place) {
    const std::uint32_t chunk = place.begin + threadIdx.x / 32;
    return chunk < place.end ? place.pages[chunk / 2] : 0;
}

/// What depends on the layer alone: the key bias and the table of turns, in the thread's next group
/// of copies; zeros for heads that do not exist.
template<typename T, int kDim, int kDepth>
__device__ void fetchTables(const Attention& task, const Place& place, std::byte* behind) {
    using L = Layout<T, kDim, kDepth>;
    auto& few = *reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes);
    auto& bias = *reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes + sizeof(Few<kDim>));
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x; i < kDim / 16 * 32; i += blockDim.x)
        if (i % 32 / 4 >= place.heads)
            few.operands[i / 32][i % 32] = make_uint4(0, 0, 0, 0);
    if (task.keyBias == nullptr)
        return;
#pragma unroll 1
    for (std::uint32_t i = place.heads * 32 + threadIdx.x; i < kHeads * 32; i += blockDim.x)
        for (std::uint32_t pair = i % 32; pair < kDim / 2; pair += 32)
            bias.uv[i / 32][pair] = make_float2(0, 0);
    if (threadIdx.x < kHeads)
        bias.rest[threadIdx.x] = bias.unscale[threadIdx.x] = 0;
    const std::uint32_t width = 2 * task.rope.pairs;
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x / 32; i < kChunk; i += blockDim.x / 32)
        for (std::uint32_t c = threadIdx.x % 32 * 4; c < width; c += 128)
            copyAsync16(sharedAddress(&bias.turns[i][c]), task.turns + i * width + c, 16);
    for (std::uint32_t d = threadIdx.x; d < kDim; d += blockDim.x)
        copyAsyncSmall<4>(sharedAddress(&bias.key[d]), task.keyBias + place.kvHead * kDim + d, 4);
}

/// What depends on the row's position alone: its angles (a group of copies with all that was
/// fetched before), and the first chunks (a group each). `page`: firstPage().
template<typename T, int kDim, int kDepth>
__device__ ChunkRing<T, kDim, kDepth> openBlock(const QkvFinish& finish, const Attention& task,
                                                const Sizes& sizes, const Place& place,
                                                std::uint32_t page, std::byte* shared) {
    const std::uint32_t warp = threadIdx.x / 32;
    const bool biased = task.keyBias != nullptr;
    using L = Layout<T, kDim, kDepth>;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(shared + L::behindRings(place.warps, biased));
    const float* angles = finish.rope.block(place.position);
    for (std::uint32_t i = threadIdx.x; i < 2 * finish.rope.pairs; i += blockDim.x)
        copyAsyncSmall<4>(sharedAddress(&fixed.angles[i]), angles + std::size_t{i} * kPagePositions,
                          4);
    commitAsync();
    ChunkRing<T, kDim, kDepth> ring;
    ring.angles = biased;
    ring.slotBytes = Shape<T, kDim>::slotBytes(biased);
    ring.slots = shared + warp * kDepth * ring.slotBytes;
    ring.ahead = place.begin + warp;
    ring.page = page;
    for (int i = 0; i < kDepth - 1; ++i)
        ring.fetch(task, sizes, place);
    return ring;
}

} // namespace kernels::cuda::fused
