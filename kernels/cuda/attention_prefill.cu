// Attention of many rows over paged KV: prefill.
//
// Flash attention on mma.sync m16n8k16. A block takes one KV head and 128 (token, query head) pairs
// of it: 128 / headsPerKv neighbouring rows of the batch, so that keys and values are fetched and
// turned into bf16 once for all query heads that share them. Pages come in pairs: while one pair is
// multiplied, the next is on its way (cp.async). Each of four warps holds 32 pairs: scores of 64
// keys, online softmax in base 2, outputs in fp32. Rows of several sequences in one block take
// turns with masks; in a prefill there is one sequence. Scores: s_k (q . k) in bf16 products with
// fp32 sums, s_k in fp32. With a key bias outside the cache, + sum over pairs of cos(p) u + sin(p)
// v (attention_decode.cu): u, v, cos and sin enter as sums of two bf16, three products, 16 bits.
// Shapes: query fp32 [rows][heads * kDim], out the same; KV bf16 or int8 as the cache holds it.
// Preconditions: kDim 64, 80, 96 or 128; at most 128 query heads a KV head; rows of a sequence
// stand together in order of position; positions behind the last may hold NaN. The method:
// FlashAttention-2.
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/common.cuh"

#include <type_traits>

namespace kernels::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kPairs = 128; // (token, query head) of a block
constexpr int kWarpPairs = 32;
constexpr int kKeys = 64; // two pages
constexpr int kPagesAtOnce = kKeys / static_cast<int>(kPagePositions);
constexpr float kLog2E = 1.44269504088896340736F;

template<typename T, int kDim, bool kBias>
struct PrefillShared {
    static constexpr int kStride = kDim + 8; // ldmatrix without bank conflicts
    __nv_bfloat16 query[kPairs][kStride];
    __nv_bfloat16 keys[kKeys][kStride];
    __nv_bfloat16 values[kKeys][kStride];
    uint4 raw[2][kKeys * kDim * static_cast<int>(sizeof(T)) / 16]; // keys, values as cached
    float4 rawScales[2][kKeys / 4];                                // as cached
    float keyScales[kKeys];
    float valueScales[kKeys];
    std::uint32_t positions[kPairs]; // of the block's rows
    std::uint32_t pageOffsets[kPairs];
};
template<typename T, int kDim>
struct PrefillShared<T, kDim, true> : PrefillShared<T, kDim, false> {
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
__device__ PagePair lookUp(const Attention& task, const Run& run, std::uint32_t first) {
    PagePair pair;
#pragma unroll
    for (int page = 0; page < kPagesAtOnce; ++page) {
        const std::uint32_t at = first / kPagePositions + page;
        pair.pages[page] =
            at * kPagePositions < run.length ? __ldg(task.pages + run.pageOffset + at) : 0;
    }
    return pair;
}

__device__ void copyAsync(void* to, const void* from) {
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

/// Sixteen int8 as bf16: 128 + the low seven bits, less 128 or (negative) 256.
__device__ uint4 widen(std::uint32_t a, std::uint32_t b) {
    const auto pair = [](std::uint32_t word, std::uint32_t selector) {
        const std::uint32_t p = permute(word, 0x43434343U, selector);
        const std::uint32_t low = p & 0xFF7FFF7FU;
        const std::uint32_t high = p & 0xFF80FF80U;
        const __nv_bfloat162 v = __hsub2(*reinterpret_cast<const __nv_bfloat162*>(&low),
                                         *reinterpret_cast<const __nv_bfloat162*>(&high));
        return *reinterpret_cast<const std::uint32_t*>(&v);
    };
    return make_uint4(pair(a, 0x4140), pair(a, 0x4342), pair(b, 0x4140), pair(b, 0x4342));
}

/// Cached keys and values become bf16 tiles; behind the last position values and scales are zero.
template<typename T, int kDim, class S>
__device__ void widenKeys(const Run& run, std::uint32_t first, S& shared) {
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
            *reinterpret_cast<uint4*>(&shared.keys[key][column]) = widen(k.x, k.y);
            *reinterpret_cast<uint4*>(&shared.keys[key][column + 8]) = widen(k.z, k.w);
            *reinterpret_cast<uint4*>(&shared.values[key][column]) = widen(v.x, v.y);
            *reinterpret_cast<uint4*>(&shared.values[key][column + 8]) = widen(v.z, v.w);
        } else {
            *reinterpret_cast<uint4*>(&shared.keys[key][column]) = k;
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

__device__ void storeSplit(__nv_bfloat16& high, __nv_bfloat16& low, float v) {
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
                packBf16(q.x * factor, q.y * factor);
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

/// Products of a warp's 32 pairs with 64 keys: sums[m][n] += a[m rows] b[n keys].
template<int kDim, int kStride>
__device__ void scoreKeys(const __nv_bfloat16 (*a)[kStride], const __nv_bfloat16 (*b)[kStride],
                          float (&sums)[2][kKeys / 8][4]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int d = 0; d < kDim; d += 16) {
        std::uint32_t rows[2][4];
#pragma unroll
        for (int m = 0; m < 2; ++m)
            loadMatrices(rows[m], &a[m * 16 + lane % 16][d + lane / 16 * 8]);
        std::uint32_t keys[kKeys / 16][4]; // all fetched before the first product waits
#pragma unroll
        for (int n = 0; n < kKeys / 16; ++n)
            loadMatrices(keys[n], &b[n * 16 + lane % 8 + lane / 16 * 8][d + lane / 8 % 2 * 8]);
#pragma unroll
        for (int n = 0; n < kKeys / 16; ++n)
#pragma unroll
            for (int m = 0; m < 2; ++m) {
                mmaBf16(sums[m][2 * n], rows[m], keys[n][0], keys[n][1]);
                mmaBf16(sums[m][2 * n + 1], rows[m], keys[n][2], keys[n][3]);
            }
    }
}

/// What a thread holds: of each 16 rows m those at lane / 4 and eight below.
template<int kDim>
struct Softmax {
    float out[2][kDim / 8][4];
    float top[2][2];
    float sum[2][2];          // this thread's columns only
    std::int32_t limit[2][2]; // last position the row sees; -1 outside the run
};

/// Scales, masks, exponentials: scores become weights, outputs shrink when a maximum grew.
template<int kDim, bool kInt8, class S>
__device__ void weigh(const S& shared, std::int32_t first, bool masked,
                      float (&scores)[2][kKeys / 8][4], Softmax<kDim>& state) {
    const int quad = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
        float highest[2] = {state.top[m][0], state.top[m][1]};
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const std::int32_t key = n * 8 + quad * 2 + i % 2;
                if (masked && first + key > state.limit[m][i / 2])
                    scores[m][n][i] = -INFINITY;
                highest[i / 2] = fmaxf(highest[i / 2], scores[m][n][i]);
            }
        float base[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(kAllLanes, highest[half], 1));
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(kAllLanes, highest[half], 2));
            // A whole number: what rounding does to a weight then depends on its score alone.
            highest[half] = ceilf(highest[half]);
            base[half] = highest[half] == -INFINITY ? 0.0F : highest[half];
        }
        const bool grew = highest[0] > state.top[m][0] || highest[1] > state.top[m][1];
        if (__any_sync(kAllLanes, grew)) {
            const float shrink[2] = {exp2f(state.top[m][0] - base[0]),
                                     exp2f(state.top[m][1] - base[1])};
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                state.top[m][half] = highest[half];
                state.sum[m][half] *= shrink[half];
            }
#pragma unroll
            for (int n = 0; n < kDim / 8; ++n)
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    state.out[m][n][i] *= shrink[i / 2];
        }
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n) {
            float2 scale = make_float2(1, 1);
            if constexpr (kInt8)
                scale = *reinterpret_cast<const float2*>(&shared.valueScales[n * 8 + quad * 2]);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float p = exp2f(scores[m][n][i] - base[i / 2]);
                state.sum[m][i / 2] += p;
                scores[m][n][i] = kInt8 ? p * (i % 2 == 0 ? scale.x : scale.y) : p;
            }
        }
    }
}

/// out += weights x values.
template<int kDim, int kStride>
__device__ void addValues(const float (&weights)[2][kKeys / 8][4],
                          const __nv_bfloat16 (*values)[kStride], float (&out)[2][kDim / 8][4]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
        std::uint32_t p[2][4];
#pragma unroll
        for (int m = 0; m < 2; ++m) {
            const float(&low)[4] = weights[m][2 * k];
            const float(&high)[4] = weights[m][2 * k + 1];
            p[m][0] = packBf16(low[0], low[1]), p[m][1] = packBf16(low[2], low[3]);
            p[m][2] = packBf16(high[0], high[1]), p[m][3] = packBf16(high[2], high[3]);
        }
        constexpr int kAtOnce = kDim % 64 == 0 ? 4 : 1; // 16 dimensions each
#pragma unroll
        for (int n = 0; n < kDim / 16; n += kAtOnce) {
            std::uint32_t v[kAtOnce][4];
#pragma unroll
            for (int i = 0; i < kAtOnce; ++i)
                loadMatricesTransposed(v[i],
                                       &values[k * 16 + lane % 16][(n + i) * 16 + lane / 16 * 8]);
#pragma unroll
            for (int i = 0; i < kAtOnce; ++i)
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    mmaBf16(out[m][2 * (n + i)], p[m], v[i][0], v[i][1]);
                    mmaBf16(out[m][2 * (n + i) + 1], p[m], v[i][2], v[i][3]);
                }
        }
    }
}

template<typename T, int kDim, bool kBias>
__global__ void __launch_bounds__(kThreads, kBias ? 1 : 2)
    prefillKernel(const __grid_constant__ Attention task) {
    using S = PrefillShared<T, kDim, kBias>;
    constexpr bool kInt8 = std::is_same_v<T, std::int8_t>;
    extern __shared__ __align__(16) unsigned char sharedBytes[];
    S& shared = *reinterpret_cast<S*>(sharedBytes);
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    const std::uint32_t kvHead = blockIdx.y;
    const std::uint32_t rowsAtOnce = kPairs / headsPerKv;
    // Rows that see most begin first.
    const std::uint32_t firstRow = (gridDim.x - 1 - blockIdx.x) * rowsAtOnce;
    const std::uint32_t lastRow =
        firstRow + rowsAtOnce < task.count ? firstRow + rowsAtOnce : task.count;
    const std::uint32_t pairs = (lastRow - firstRow) * headsPerKv;
    const std::uint32_t rowCount = lastRow - firstRow;
    if (threadIdx.x < rowCount) {
        const Row row = task.rows[firstRow + threadIdx.x];
        shared.positions[threadIdx.x] = row.position;
        shared.pageOffsets[threadIdx.x] = row.pageOffset;
    }
    fetchQueries<kDim, kBias>(task, kvHead, firstRow, pairs, shared);
    __syncthreads();

    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int warpPair = static_cast<int>(threadIdx.x) / 32 * kWarpPairs;
    Softmax<kDim> state;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            state.top[m][half] = -INFINITY;
            state.sum[m][half] = 0;
        }
#pragma unroll
        for (int n = 0; n < kDim / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                state.out[m][n][i] = 0;
    }
    for (std::uint32_t begin = 0; begin < rowCount;) {
        const Run run = findRun(shared, begin, rowCount);
        begin = run.end;
        std::int32_t lowest = INT_MAX; // limits of the warp
        std::int32_t highest = -1;
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const std::uint32_t pair = warpPair + m * 16 + half * 8 + lane / 4;
                const std::uint32_t row = pair / headsPerKv;
                const bool mine = pair < pairs && row >= run.begin && row < run.end;
                const std::int32_t limit =
                    mine ? static_cast<std::int32_t>(shared.positions[row]) : -1;
                state.limit[m][half] = limit;
                lowest = min(lowest, limit);
                highest = max(highest, limit);
            }
        lowest = __reduce_min_sync(kAllLanes, lowest);
        highest = __reduce_max_sync(kAllLanes, highest);
        fetchKeys<T, kDim>(task, run, lookUp(task, run, 0), kvHead, 0, shared);
        PagePair next = lookUp(task, run, kKeys);
        for (std::uint32_t first = 0; first < run.length; first += kKeys) {
            asm volatile("cp.async.wait_all;" ::: "memory");
            __syncthreads();
            widenKeys<T, kDim>(run, first, shared);
            if constexpr (kBias)
                fetchAngles<kDim>(task, run, first, shared);
            __syncthreads();
            if (first + kKeys < run.length) {
                fetchKeys<T, kDim>(task, run, next, kvHead, first + kKeys, shared);
                next = lookUp(task, run, first + 2 * kKeys);
            }
            if (static_cast<std::int32_t>(first) > highest)
                continue; // the warp sees none of these keys
            float scores[2][kKeys / 8][4] = {};
            scoreKeys<kDim, S::kStride>(shared.query + warpPair, shared.keys, scores);
            if constexpr (kInt8) {
#pragma unroll
                for (int n = 0; n < kKeys / 8; ++n) {
                    const float2 scale =
                        *reinterpret_cast<const float2*>(&shared.keyScales[n * 8 + lane % 4 * 2]);
#pragma unroll
                    for (int m = 0; m < 2; ++m) {
                        scores[m][n][0] *= scale.x, scores[m][n][1] *= scale.y;
                        scores[m][n][2] *= scale.x, scores[m][n][3] *= scale.y;
                    }
                }
            }
            if constexpr (kBias) {
                scoreKeys<kDim, S::kStride>(shared.biasHigh + warpPair, shared.angleLow, scores);
                scoreKeys<kDim, S::kStride>(shared.biasLow + warpPair, shared.angleHigh, scores);
                scoreKeys<kDim, S::kStride>(shared.biasHigh + warpPair, shared.angleHigh, scores);
            }
            const bool masked = static_cast<std::int32_t>(first) + kKeys - 1 > lowest;
            weigh<kDim, kInt8>(shared, static_cast<std::int32_t>(first), masked, scores, state);
            addValues<kDim, S::kStride>(scores, shared.values, state.out);
        }
        __syncthreads(); // the next run writes over the tiles
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = state.sum[m][half];
            sum += __shfl_xor_sync(kAllLanes, sum, 1);
            sum += __shfl_xor_sync(kAllLanes, sum, 2);
            const std::uint32_t pair = warpPair + m * 16 + half * 8 + lane / 4;
            if (pair >= pairs)
                continue;
            float* out = task.out + std::size_t{firstRow + pair / headsPerKv} * task.outStride +
                         (kvHead * headsPerKv + pair % headsPerKv) * kDim + lane % 4 * 2;
            const float inverse = 1.0F / sum;
#pragma unroll
            for (int n = 0; n < kDim / 8; ++n)
                *reinterpret_cast<float2*>(out + n * 8) = make_float2(
                    state.out[m][n][half * 2] * inverse, state.out[m][n][half * 2 + 1] * inverse);
        }
}

template<typename T, int kDim, bool kBias>
cudaError_t launch(const Attention& task, cudaStream_t stream) {
    const std::uint32_t rowsAtOnce = kPairs / (task.heads / task.kv.kvHeads);
    const dim3 grid(ceilDivide(task.count, rowsAtOnce), task.kv.kvHeads);
    const auto kernel = prefillKernel<T, kDim, kBias>;
    constexpr std::size_t kShared = sizeof(PrefillShared<T, kDim, kBias>);
    if (const cudaError_t error = allowShared(kernel, kShared); error != cudaSuccess)
        return error;
    kernel<<<grid, kThreads, kShared, stream>>>(task);
    return cudaGetLastError();
}

template<typename T, int kDim>
cudaError_t launchFor(const Attention& task, cudaStream_t stream) {
    return task.keyBias != nullptr ? launch<T, kDim, true>(task, stream)
                                   : launch<T, kDim, false>(task, stream);
}

template<typename T>
cudaError_t launchKind(const Attention& task, cudaStream_t stream) {
    switch (task.kv.headDim) {
    case 64:
        return launchFor<T, 64>(task, stream);
    case 80:
        return launchFor<T, 80>(task, stream);
    case 96:
        return launchFor<T, 96>(task, stream);
    case 128:
        return launchFor<T, 128>(task, stream);
    default:
        return cudaErrorInvalidValue;
    }
}

} // namespace

bool prefillAttentionTakes(const KvLayout& kv, std::uint32_t heads, bool keyBias,
                           const DeviceLimits& limits) {
    const bool dim = kv.headDim == 64 || kv.headDim == 80 || kv.headDim == 96 || kv.headDim == 128;
    // The largest of the tiles in use.
    const std::size_t shared = keyBias ? sizeof(PrefillShared<__nv_bfloat16, 128, true>)
                               : kv.kind == KvKind::Int8
                                   ? sizeof(PrefillShared<std::int8_t, 128, false>)
                                   : sizeof(PrefillShared<__nv_bfloat16, 128, false>);
    constexpr std::size_t kPortableShared = 99 * 1024; // what every device from sm_80 on has
    return dim && kv.kind != KvKind::F32 && heads / kv.kvHeads <= kPairs &&
           shared <= (limits.hopper ? limits.sharedBytes : kPortableShared);
}

cudaError_t prefillAttention(const Attention& task, const DeviceLimits& limits,
                             cudaStream_t stream) {
    const bool biasApart = task.keyBias != nullptr && task.widened == nullptr;
    if (prefillAttentionPrepares(task.kv, task.heads, biasApart, limits))
        return hopperAttention(task, limits, stream);
    if (task.preparedOut != nullptr)
        return cudaErrorInvalidValue;
    return task.kv.kind == KvKind::Int8 ? launchKind<std::int8_t>(task, stream)
                                        : launchKind<__nv_bfloat16>(task, stream);
}

} // namespace kernels::cuda
