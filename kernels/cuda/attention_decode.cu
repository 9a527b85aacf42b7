// Attention of single rows over paged KV, for decode and (row by row) for prefill.
//
// A block takes one row, the query heads of one KV head (up to kHeads at a time) and one share of
// the row's pages; its four warps take pages in turn. Within a page a lane holds one position: it
// computes that position's score against every query head without any exchange; then lanes hold
// dimensions and add the values. Softmax runs online per warp; warps meet in shared memory, splits
// in combineKernel. Scores: s_k (q . k) + q . R(p) b, where q . R(p) b = sum over pairs of
// cos(p) u + sin(p) v with u, v computed once a block: the key bias never entered the cache.
// Shapes: query fp32 [rows][heads * headDim], out the same. Keys and values are read as the cache
// holds them. Preconditions: headDim even, at most 1024; positions behind a row's own may hold NaN.
#include "kernels/cuda/common.cuh"

#include <type_traits>

namespace kernels::cuda {

namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;

/// Elements of a key that 16 (or, when rows are not aligned, 2 elements') bytes hold.
template<typename T>
constexpr int kWideElements = 16 / sizeof(T);

__device__ float toFloat(float v) {
    return v;
}
__device__ float toFloat(__nv_bfloat16 v) {
    return __bfloat162float(v);
}
__device__ float toFloat(std::int8_t v) {
    return static_cast<float>(v);
}

__device__ void unpack(uint4 raw, float (&out)[4]) {
    out[0] = __uint_as_float(raw.x), out[1] = __uint_as_float(raw.y);
    out[2] = __uint_as_float(raw.z), out[3] = __uint_as_float(raw.w);
}
__device__ void unpack(uint4 raw, float (&out)[8]) {
    const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i)
        out[2 * i] = bf16Low(words[i]), out[2 * i + 1] = bf16High(words[i]);
}
__device__ void unpack(uint4 raw, float (&out)[16]) {
    const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 16; ++i)
        out[i] = byteOnMagic(words[i / 4] ^ 0x80808080U, i % 4) - (kMagic + 128.0F);
}

/// The heads' values of one dimension, which lie side by side.
template<int kHeads>
__device__ void readHeads(const float* at, float (&out)[kHeads]) {
    if constexpr (kHeads % 4 == 0) {
#pragma unroll
        for (int h = 0; h < kHeads; h += 4) {
            const float4 v = *reinterpret_cast<const float4*>(at + h);
            out[h] = v.x, out[h + 1] = v.y, out[h + 2] = v.z, out[h + 3] = v.w;
        }
    } else {
#pragma unroll
        for (int h = 0; h < kHeads; ++h)
            out[h] = at[h];
    }
}

/// scores[h] += q[h] . key, for the lane's key. `query` is [dim][kHeads].
template<typename T, int kHeads>
__device__ void scoreKey(const T* key, const float* query, std::uint32_t dim,
                         float (&scores)[kHeads]) {
    constexpr int E = kWideElements<T>;
    if (dim % E == 0) {
#pragma unroll 2
        for (std::uint32_t d = 0; d < dim; d += E) {
            float k[E];
            unpack(*reinterpret_cast<const uint4*>(key + d), k);
#pragma unroll
            for (int e = 0; e < E; ++e) {
                float q[kHeads];
                readHeads<kHeads>(query + (d + e) * kHeads, q);
#pragma unroll
                for (int h = 0; h < kHeads; ++h)
                    scores[h] = fmaf(q[h], k[e], scores[h]);
            }
        }
        return;
    }
    for (std::uint32_t d = 0; d < dim; ++d) {
        const float k = toFloat(key[d]);
        float q[kHeads];
        readHeads<kHeads>(query + d * kHeads, q);
#pragma unroll
        for (int h = 0; h < kHeads; ++h)
            scores[h] = fmaf(q[h], k, scores[h]);
    }
}

/// What the bias adds to the scores of the lane's position. `uv` is [dim][kHeads].
template<int kHeads>
__device__ void scoreBias(const RopeTable& rope, std::uint32_t position, const float* uv,
                          std::uint32_t dim, float (&scores)[kHeads]) {
    const float* angles = rope.block(position);
#pragma unroll 8
    for (std::uint32_t i = 0; i < rope.pairs; ++i) {
        const float cosine = angles[std::size_t{i} * kPagePositions];
        const float sine = angles[std::size_t{i + rope.pairs} * kPagePositions];
        float u[kHeads];
        float v[kHeads];
        readHeads<kHeads>(uv + i * kHeads, u);
        readHeads<kHeads>(uv + (i + rope.pairs) * kHeads, v);
#pragma unroll
        for (int h = 0; h < kHeads; ++h)
            scores[h] += cosine * u[h] + sine * v[h];
    }
    for (std::uint32_t d = 2 * rope.pairs; d < dim; ++d)
#pragma unroll
        for (int h = 0; h < kHeads; ++h)
            scores[h] += uv[d * kHeads + h];
}

/// u and v of every pair, q b of the dimensions that do not turn.
template<int kHeads>
__device__ void fillBias(const Attention& task, const float* bias, const float* query, float* uv) {
    const std::uint32_t dim = task.kv.headDim;
    const std::uint32_t pairs = task.rope.pairs;
    for (std::uint32_t at = threadIdx.x; at < kHeads * dim; at += kThreads) {
        const std::uint32_t i = at / kHeads;
        const float* q = query + at % kHeads;
        if (i >= 2 * pairs) {
            uv[at] = q[i * kHeads] * bias[i];
            continue;
        }
        const std::uint32_t pair = i < pairs ? i : i - pairs;
        const std::uint32_t a = task.rope.adjacent ? 2 * pair : pair;
        const std::uint32_t b = task.rope.adjacent ? 2 * pair + 1 : pair + pairs;
        uv[at] = i < pairs ? q[a * kHeads] * bias[a] + q[b * kHeads] * bias[b]
                           : q[b * kHeads] * bias[a] - q[a * kHeads] * bias[b];
    }
}

/// kHeads: query heads at a time; kPerLane: pairs of dimensions a lane adds values for.
template<typename T, int kHeads, int kPerLane>
__global__ void __launch_bounds__(kThreads)
    attentionKernel(const __grid_constant__ Attention task) {
    extern __shared__ __align__(16) float shared[];
    const std::uint32_t dim = task.kv.headDim;
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    const std::uint32_t headGroups = (headsPerKv + kHeads - 1) / kHeads;
    const std::uint32_t kvHead = blockIdx.y / headGroups;
    const std::uint32_t firstHead = kvHead * headsPerKv + blockIdx.y % headGroups * kHeads;
    const std::uint32_t endHead = (kvHead + 1) * headsPerKv;
    const std::uint32_t heads =
        endHead - firstHead < kHeads ? endHead - firstHead : static_cast<std::uint32_t>(kHeads);
    float* query = shared;                      // [dim][kHeads]
    float* uv = query + kHeads * dim;           // [dim][kHeads]
    float* sums = uv + kHeads * dim;            // [kWarps][kHeads][dim]
    float* tops = sums + kWarps * kHeads * dim; // [kWarps][kHeads]
    float* weights = tops + kWarps * kHeads;    // [kWarps][kHeads]

    const Row row = task.rows[blockIdx.x];
    const float* from = task.query + std::size_t{blockIdx.x} * task.queryStride + firstHead * dim;
    for (std::uint32_t i = threadIdx.x; i < kHeads * dim; i += kThreads)
        query[i % dim * kHeads + i / dim] = i < heads * dim ? from[i] * task.scale : 0.0F;
    __syncthreads();
    if (task.keyBias != nullptr) {
        fillBias<kHeads>(task, task.keyBias + kvHead * dim, query, uv);
        __syncthreads();
    }

    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t length = row.position + 1;
    const std::uint32_t pageCount = (length + kPagePositions - 1) / kPagePositions;
    const std::uint32_t share = (pageCount + task.splits - 1) / task.splits;
    const std::uint32_t begin = blockIdx.z * share;
    const std::uint32_t end = begin + share < pageCount ? begin + share : pageCount;

    float top[kHeads];
    float weight[kHeads];
    float acc[kHeads][kPerLane][2];
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
        top[h] = -INFINITY;
        weight[h] = 0;
#pragma unroll
        for (int i = 0; i < kPerLane; ++i)
            acc[h][i][0] = acc[h][i][1] = 0;
    }
    for (std::uint32_t page = begin + warp; page < end; page += kWarps) {
        const std::byte* base = task.pool + task.pages[row.pageOffset + page] * task.pageStride;
        const T* keys =
            reinterpret_cast<const T*>(base) + std::size_t{kvHead} * kPagePositions * dim;
        const T* values = reinterpret_cast<const T*>(base + task.kv.valuesOffset()) +
                          std::size_t{kvHead} * kPagePositions * dim;
        const std::uint32_t left = length - page * kPagePositions;
        const std::uint32_t count = left < kPagePositions ? left : kPagePositions;
        float scores[kHeads] = {};
        float valueScale = 1;
        if (lane < count) {
            scoreKey<T, kHeads>(keys + lane * dim, query, dim, scores);
            if constexpr (std::is_same_v<T, std::int8_t>) {
                const std::uint32_t at = kvHead * kPagePositions + lane;
                const float keyScale =
                    reinterpret_cast<const float*>(base + task.kv.keyScalesOffset())[at];
                valueScale = reinterpret_cast<const float*>(base + task.kv.valueScalesOffset())[at];
#pragma unroll
                for (int h = 0; h < kHeads; ++h)
                    scores[h] *= keyScale;
            }
            if (task.keyBias != nullptr)
                scoreBias<kHeads>(task.rope, page * kPagePositions + lane, uv, dim, scores);
        }
#pragma unroll
        for (int h = 0; h < kHeads; ++h) {
            const float score = lane < count ? scores[h] : -INFINITY;
            const float highest = fmaxf(top[h], warpMax(score));
            const float shrink = expf(top[h] - highest);
            const float p = lane < count ? expf(score - highest) : 0.0F;
            top[h] = highest;
            weight[h] = weight[h] * shrink + warpSum(p);
            scores[h] = p * valueScale;
#pragma unroll
            for (int i = 0; i < kPerLane; ++i) {
                acc[h][i][0] *= shrink;
                acc[h][i][1] *= shrink;
            }
        }
        for (std::uint32_t j = 0; j < count; ++j) {
            float p[kHeads];
#pragma unroll
            for (int h = 0; h < kHeads; ++h)
                p[h] = __shfl_sync(kAllLanes, scores[h], static_cast<int>(j));
#pragma unroll
            for (int i = 0; i < kPerLane; ++i) {
                const std::uint32_t d = (i * 32 + lane) * 2;
                if (d >= dim)
                    continue;
                const float a = toFloat(values[j * dim + d]);
                const float b = toFloat(values[j * dim + d + 1]);
#pragma unroll
                for (int h = 0; h < kHeads; ++h) {
                    acc[h][i][0] = fmaf(p[h], a, acc[h][i][0]);
                    acc[h][i][1] = fmaf(p[h], b, acc[h][i][1]);
                }
            }
        }
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
        float* to = sums + (warp * kHeads + h) * dim;
#pragma unroll
        for (int i = 0; i < kPerLane; ++i) {
            const std::uint32_t d = (i * 32 + lane) * 2;
            if (d < dim)
                to[d] = acc[h][i][0], to[d + 1] = acc[h][i][1];
        }
        if (lane == 0) {
            tops[warp * kHeads + h] = top[h];
            weights[warp * kHeads + h] = weight[h];
        }
    }
    __syncthreads();
    for (std::uint32_t at = threadIdx.x; at < heads * dim; at += kThreads) {
        const std::uint32_t h = at / dim;
        const std::uint32_t d = at % dim;
        float highest = -INFINITY;
        for (int w = 0; w < kWarps; ++w)
            highest = fmaxf(highest, tops[w * kHeads + h]);
        float sum = 0;
        float total = 0;
        for (int w = 0; w < kWarps; ++w) {
            // A warp without pages has a top of -inf; so has every warp of an empty split.
            const float factor =
                weights[w * kHeads + h] == 0 ? 0.0F : expf(tops[w * kHeads + h] - highest);
            if (factor != 0) {
                sum += factor * sums[(w * kHeads + h) * dim + d];
                total += factor * weights[w * kHeads + h];
            }
        }
        if (task.splits == 1) {
            task.out[std::size_t{blockIdx.x} * task.outStride + firstHead * dim + at] = sum / total;
            continue;
        }
        float* partial =
            task.partials +
            ((std::size_t{blockIdx.x} * task.heads + firstHead + h) * task.splits + blockIdx.z) *
                (dim + 2);
        partial[2 + d] = sum;
        if (d == 0)
            partial[0] = highest, partial[1] = total;
    }
}

/// Splits of one row and head become its output.
__global__ void __launch_bounds__(kThreads) combineKernel(const __grid_constant__ Attention task) {
    const std::uint32_t dim = task.kv.headDim;
    const std::uint32_t head = blockIdx.y;
    const float* partials =
        task.partials + (std::size_t{blockIdx.x} * task.heads + head) * task.splits * (dim + 2);
    float highest = -INFINITY;
    for (std::uint32_t s = 0; s < task.splits; ++s)
        highest = fmaxf(highest, partials[s * (dim + 2)]);
    for (std::uint32_t d = threadIdx.x; d < dim; d += kThreads) {
        float sum = 0;
        float total = 0;
        for (std::uint32_t s = 0; s < task.splits; ++s) {
            const float* partial = partials + s * (dim + 2);
            if (partial[1] == 0)
                continue;
            const float factor = expf(partial[0] - highest);
            sum += factor * partial[2 + d];
            total += factor * partial[1];
        }
        task.out[std::size_t{blockIdx.x} * task.outStride + head * dim + d] = sum / total;
    }
}

template<typename T, int kHeads, int kPerLane>
cudaError_t launch(const Attention& task, cudaStream_t stream) {
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    const dim3 grid(task.count, task.kv.kvHeads * ceilDivide(headsPerKv, kHeads), task.splits);
    const std::size_t shared =
        ((2 + kWarps) * kHeads * task.kv.headDim + 2 * kWarps * kHeads) * sizeof(float);
    const auto kernel = attentionKernel<T, kHeads, kPerLane>;
    if (const cudaError_t error = allowShared(kernel, shared); error != cudaSuccess)
        return error;
    kernel<<<grid, kThreads, shared, stream>>>(task);
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
        return error;
    if (task.splits > 1)
        combineKernel<<<dim3(task.count, task.heads), kThreads, 0, stream>>>(task);
    return cudaGetLastError();
}

template<typename T>
cudaError_t launchFor(const Attention& task, cudaStream_t stream) {
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    if (task.kv.headDim > 128)
        return task.kv.headDim > 256 ? launch<T, 1, 16>(task, stream)
                                     : launch<T, 4, 4>(task, stream);
    if (headsPerKv == 1)
        return launch<T, 1, 2>(task, stream);
    return headsPerKv <= 4 ? launch<T, 4, 2>(task, stream) : launch<T, 8, 2>(task, stream);
}

} // namespace

std::size_t attentionPartialFloats(std::uint32_t rowsTimesSplits, std::uint32_t heads,
                                   std::uint32_t headDim) {
    return std::size_t{rowsTimesSplits} * heads * (headDim + 2);
}

cudaError_t attention(const Attention& task, cudaStream_t stream) {
    if (task.kv.headDim > 1024)
        return cudaErrorInvalidValue;
    switch (task.kv.kind) {
    case KvKind::F32:
        return launchFor<float>(task, stream);
    case KvKind::BF16:
        return launchFor<__nv_bfloat16>(task, stream);
    case KvKind::Int8:
        return launchFor<std::int8_t>(task, stream);
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
