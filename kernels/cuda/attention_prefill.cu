// Attention of many rows over paged KV: prefill.
//
// Flash attention on mma.sync m16n8k16. A block takes one KV head and 128 (token, query head) pairs
// of it: 128 / headsPerKv neighbouring rows of the batch, so that keys and values are fetched and
// turned into bf16 once for all query heads that share them. Pages come in pairs: while one pair is
// multiplied, the next is on its way (cp.async). Each of four warps holds 32 pairs: scores of 64
// keys, online softmax in base 2, outputs in fp32. Rows of several sequences in one block take
// turns with masks; in a prefill there is one sequence. Scores: s_k (q . k) in bf16 products with
// fp32 sums, s_k in fp32. With a key bias outside the cache, q . k8 in fp16, + sum over pairs of
// cos(p) u + sin(p) v (attention_decode.cu): u, v, cos and sin enter as sums of two bf16, three
// products, 16 bits.
// Shapes: query fp32 [rows][heads * kDim], out the same; KV bf16 or int8 as the cache holds it.
// Preconditions: kDim 64, 80, 96 or 128; at most 128 query heads a KV head; rows of a sequence
// stand together in order of position; positions behind the last may hold NaN. The method:
// FlashAttention-2.
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/attention_prefill_bring.cuh"

namespace kernels::cuda {

using namespace prefill;

namespace {

constexpr int kWarpPairs = 32;

/// c += a b; a is 16x16 row-major, b 16x8 column-major; c fp32.
template<typename T>
__device__ void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                         std::uint32_t b1) {
    if constexpr (std::is_same_v<T, __half>)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
                     "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        mmaBf16(c, a, b0, b1);
}

/// Products of a warp's 32 pairs with 64 keys: sums[m][n] += a[m rows] b[n keys].
template<int kDim, int kStride, typename T>
__device__ void scoreKeys(const T (*a)[kStride], const T (*b)[kStride],
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
                multiply<T>(sums[m][2 * n], rows[m], keys[n][0], keys[n][1]);
                multiply<T>(sums[m][2 * n + 1], rows[m], keys[n][2], keys[n][3]);
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
