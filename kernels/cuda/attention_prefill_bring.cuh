#pragma once
// What a block of the portable prefill attention (attention_prefill.cu) keeps in shared memory, and
// how it gets there: queries as bf16, pages of the cache as they are and then as bf16 tiles of 64
// keys. With a key bias queries and keys are fp16, and u, v, cosines and sines sums of two bf16.

#include "kernels/cuda/common.cuh"

#include <type_traits>

namespace kernels::cuda::prefill {

constexpr int kThreads = 128;
constexpr int kPairs = 128; // (token, query head) of a block
constexpr int kKeys = 64;   // two pages
constexpr int kPagesAtOnce = kKeys / static_cast<int>(kPagePositions);
constexpr float kLog2E = 1.44269504088896340736F;

/// T: of the cache; Score: what queries and keys are multiplied as.
template<typename T, int kDim, typename Score>
struct PrefillTiles {
    using ScoreType = Score;
    static constexpr int kStride = kDim + 8; // ldmatrix without bank conflicts
    Score query[kPairs][kStride];
    Score keys[kKeys][kStride];
    __nv_bfloat16 values[kKeys][kStride];
    uint4 raw[2][kKeys * kDim * static_cast<int>(sizeof(T)) / 16]; // keys, values as cached
    float4 rawScales[2][kKeys / 4];                                // as cached
    float keyScales[kKeys];
    float valueScales[kKeys];
    std::uint32_t positions[kPairs]; // of the block's rows
    std::uint32_t pageOffsets[kPairs];
};
template<typename T, int kDim, bool kBias>
struct PrefillShared : PrefillTiles<T, kDim, __nv_bfloat16> {};
/// Where a bias of norm 300 decides what is attended, bf16 queries would cost 1 % of the logits.
template<typename T, int kDim>
struct PrefillShared<T, kDim, true> : PrefillTiles<T, kDim, __half> {
    static constexpr int kStride = kDim + 8;
    __nv_bfloat16 biasHigh[kPairs][kStride]; // u and v of every pair
    __nv_bfloat16 biasLow[kPairs][kStride];
    __nv_bfloat16 angleHigh[kKeys][kStride]; // cosines and sines
    __nv_bfloat16 angleLow[kKeys][kStride];
};

/// The rows of one sequence in a block.
struct Run {
    std::uint32_t begin; // rows of the block
    std::uint32_t end;
    std::uint32_t pageOffset;
    std::uint32_t length; // positions that its last row sees
};

/// The run from the block's row `begin` on; rows count from the block's first.
template<class S>
__device__ Run findRun(const S& shared, std::uint32_t begin, std::uint32_t count) {
    Run run{begin, begin + 1, shared.pageOffsets[begin], 0};
    while (run.end < count && shared.pageOffsets[run.end] == run.pageOffset)
        ++run.end;
    run.length = shared.positions[run.end - 1] + 1;
    return run;
}

/// Pages of two neighbouring blocks of 32 positions; looked up long before they are needed.
struct PagePair {
    std::uint32_t pages[kPagesAtOnce];
};
__device__ inline PagePair lookUp(const Attention& task, const Run& run, std::uint32_t first) {
    PagePair pair;
#pragma unroll
    for (int page = 0; page < kPagesAtOnce; ++page) {
        const std::uint32_t at = first / kPagePositions + page;
        pair.pages[page] =
            at * kPagePositions < run.length ? __ldg(task.pages + run.pageOffset + at) : 0;
    }
    return pair;
}

__device__ inline void copyAsync(void* to, const void* from) {
    const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
}

/// Starts fetching the pages of keys [first, first + 64) that exist.
template<typename T, int kDim, class S>
__device__ void fetchKeys(const Attention& task, const Run& run, const PagePair& pair,
                          std::uint32_t kvHead, std::uint32_t first, S& shared) {
    constexpr int kPieces =
        static_cast<int>(kPagePositions) * kDim * static_cast<int>(sizeof(T)) / 16;
    constexpr int kScalePieces = static_cast<int>(kPagePositions) / 4;
#pragma unroll
    for (int page = 0; page < kPagesAtOnce; ++page) {
        if (first + page * kPagePositions >= run.length)
            break;
        const std::byte* base = task.pool + pair.pages[page] * task.pageStride;
        const auto* keys = reinterpret_cast<const uint4*>(base) + std::size_t{kvHead} * kPieces;
        const auto* values = reinterpret_cast<const uint4*>(base + task.kv.valuesOffset()) +
                             std::size_t{kvHead} * kPieces;
#pragma unroll
        for (int i = static_cast<int>(threadIdx.x); i < kPieces; i += kThreads) {
            copyAsync(&shared.raw[0][page * kPieces + i], keys + i);
            copyAsync(&shared.raw[1][page * kPieces + i], values + i);
        }
        if (std::is_same_v<T, std::int8_t> && threadIdx.x < 2 * kScalePieces) {
            const int which = static_cast<int>(threadIdx.x) / kScalePieces;
            const int piece = static_cast<int>(threadIdx.x) % kScalePieces;
            const std::size_t offset =
                which == 0 ? task.kv.keyScalesOffset() : task.kv.valueScalesOffset();
            copyAsync(&shared.rawScales[which][page * kScalePieces + piece],
                      reinterpret_cast<const float4*>(base + offset) + kvHead * kScalePieces +
                          piece);
        }
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Bytes 0 and 1, or 2 and 3, of four int8. As bf16: 128 + the low seven bits, less 128 or
/// (negative) 256.
template<typename Out>
__device__ inline std::uint32_t widenPair(std::uint32_t word, std::uint32_t selector) {
    if constexpr (std::is_same_v<Out, __half>) { // 1024 + 128 + the number
        const std::uint32_t p = permute(word ^ 0x80808080U, 0x64646464U, selector);
        const __half2 v =
            __hsub2(*reinterpret_cast<const __half2*>(&p), __float2half2_rn(1024.0F + 128.0F));
        return *reinterpret_cast<const std::uint32_t*>(&v);
    } else {
        const std::uint32_t p = permute(word, 0x43434343U, selector);
        const std::uint32_t low = p & 0xFF7FFF7FU;
        const std::uint32_t high = p & 0xFF80FF80U;
        const __nv_bfloat162 v = __hsub2(*reinterpret_cast<const __nv_bfloat162*>(&low),
                                         *reinterpret_cast<const __nv_bfloat162*>(&high));
        return *reinterpret_cast<const std::uint32_t*>(&v);
    }
}
template<typename Out>
__device__ inline uint4 widen(std::uint32_t a, std::uint32_t b) {
    constexpr std::uint32_t kFirst = 0x4140;
    constexpr std::uint32_t kSecond = 0x4342;
    return make_uint4(widenPair<Out>(a, kFirst), widenPair<Out>(a, kSecond),
                      widenPair<Out>(b, kFirst), widenPair<Out>(b, kSecond));
}

template<typename Out>
__device__ inline std::uint32_t packPair(float a, float b) {
    if constexpr (std::is_same_v<Out, __half>) {
        const __half2 pair = __floats2half2_rn(a, b);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    } else {
        return packBf16(a, b);
    }
}
/// Two bf16 as Out.
template<typename Out>
__device__ inline std::uint32_t convertPair(std::uint32_t pair) {
    if constexpr (std::is_same_v<Out, __half>)
        return packPair<Out>(bf16Low(pair), bf16High(pair));
    else
        return pair;
}

/// Cached keys and values become tiles; behind the last position values and scales are zero.
template<typename T, int kDim, class S>
__device__ void widenKeys(const Run& run, std::uint32_t first, S& shared) {
    using Score = typename S::ScoreType;
    constexpr int kElements = 16 / static_cast<int>(sizeof(T));
    constexpr int kPerRow = kDim / kElements;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < kKeys * kPerRow; i += kThreads) {
        const int key = i / kPerRow;
        const int column = i % kPerRow * kElements;
        const bool real = first + static_cast<std::uint32_t>(key) < run.length;
        const uint4 k = shared.raw[0][i];
        const uint4 v = real ? shared.raw[1][i] : make_uint4(0, 0, 0, 0);
        if constexpr (std::is_same_v<T, std::int8_t>) {
            *reinterpret_cast<uint4*>(&shared.keys[key][column]) = widen<Score>(k.x, k.y);
            *reinterpret_cast<uint4*>(&shared.keys[key][column + 8]) = widen<Score>(k.z, k.w);
            *reinterpret_cast<uint4*>(&shared.values[key][column]) = widen<__nv_bfloat16>(v.x, v.y);
            *reinterpret_cast<uint4*>(&shared.values[key][column + 8]) =
                widen<__nv_bfloat16>(v.z, v.w);
        } else {
            *reinterpret_cast<uint4*>(&shared.keys[key][column]) =
                make_uint4(convertPair<Score>(k.x), convertPair<Score>(k.y),
                           convertPair<Score>(k.z), convertPair<Score>(k.w));
            *reinterpret_cast<uint4*>(&shared.values[key][column]) = v;
        }
    }
    if (std::is_same_v<T, std::int8_t> && threadIdx.x < kKeys) {
        const bool real = first + threadIdx.x < run.length;
        const auto* scales = reinterpret_cast<const float*>(shared.rawScales[0]);
        shared.keyScales[threadIdx.x] = real ? scales[threadIdx.x] : 0.0F;
        shared.valueScales[threadIdx.x] = real ? scales[kKeys + threadIdx.x] : 0.0F;
    }
}

__device__ inline void storeSplit(__nv_bfloat16& high, __nv_bfloat16& low, float v) {
    high = __float2bfloat16_rn(v);
    low = __float2bfloat16_rn(v - __bfloat162float(high));
}

/// Cosines and sines of 64 positions, ones where nothing turns.
template<int kDim, class S>
__device__ void fetchAngles(const Attention& task, const Run& run, std::uint32_t first, S& shared) {
    for (int at = static_cast<int>(threadIdx.x); at < kKeys * kDim; at += kThreads) {
        const std::uint32_t key = at % kKeys;
        const std::uint32_t i = at / kKeys;
        const std::uint32_t position = first + key;
        float v = i < 2 * task.rope.pairs ? 0.0F : 1.0F;
        if (i < 2 * task.rope.pairs && position < run.length)
            v = task.rope.block(position)[std::size_t{i} * kPagePositions];
        storeSplit(shared.angleHigh[key][i], shared.angleLow[key][i], v);
    }
}

/// Queries of the block, times scale and log2 e; with a key bias also u and v of every pair.
template<int kDim, bool kBias, class S>
__device__ void fetchQueries(const Attention& task, std::uint32_t kvHead, std::uint32_t firstRow,
                             std::uint32_t pairs, S& shared) {
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    const float factor = task.scale * kLog2E;
    for (std::uint32_t pair = threadIdx.x / 32; pair < kPairs; pair += kThreads / 32) {
        const float* query = task.query +
                             std::size_t{firstRow + pair / headsPerKv} * task.queryStride +
                             (kvHead * headsPerKv + pair % headsPerKv) * kDim;
        const bool real = pair < pairs;
        for (std::uint32_t d = threadIdx.x % 32 * 2; d < kDim; d += 64) {
            float2 q = make_float2(0, 0);
            if (real)
                q = *reinterpret_cast<const float2*>(query + d);
            *reinterpret_cast<std::uint32_t*>(&shared.query[pair][d]) =
                packPair<typename S::ScoreType>(q.x * factor, q.y * factor);
        }
        if constexpr (kBias) {
            const float* bias = task.keyBias + kvHead * kDim;
            const std::uint32_t turning = task.rope.pairs;
            for (std::uint32_t d = threadIdx.x % 32; d < kDim; d += 32) {
                const std::uint32_t i = d < turning ? d : d - turning;
                const std::uint32_t a = task.rope.adjacent ? 2 * i : i;
                const std::uint32_t b = task.rope.adjacent ? 2 * i + 1 : i + turning;
                float v = 0;
                if (real)
                    v = d >= 2 * turning ? query[d] * bias[d]
                        : d < turning    ? query[a] * bias[a] + query[b] * bias[b]
                                         : query[b] * bias[a] - query[a] * bias[b];
                storeSplit(shared.biasHigh[pair][d], shared.biasLow[pair][d], v * factor);
            }
        }
    }
}

} // namespace kernels::cuda::prefill
