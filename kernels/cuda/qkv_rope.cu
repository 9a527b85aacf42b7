// Finishes queries, keys and values: bias, per-head RMSNorm (qwen3), rotation; keys and values go
// into their KV pages, queries back where they came from.
//
// One warp a head of a row; x = row, y = four heads of [queries | keys | values]. Many rows whose
// heads of 64 or 128 turn whole: a block a row, heads in registers. Angles come from the table.
// Int8 KV: one scale per head and token, amax / 127, half to even. Precondition: headDim even, at
// most kMostHeadDim.
#include "kernels/cuda/qkv_head.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr std::uint32_t kMostHeadDim = 1024;
constexpr std::uint32_t kManyRows = 64;

__device__ void storeHead(const KvLayout& kv, const float* head, std::byte* base, float* scale) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t dim = kv.headDim;
    if (kv.kind == KvKind::F32) {
        for (std::uint32_t d = lane; d < dim; d += 32)
            reinterpret_cast<float*>(base)[d] = head[d];
    } else if (kv.kind == KvKind::BF16) {
        for (std::uint32_t d = lane; d < dim; d += 32)
            reinterpret_cast<__nv_bfloat16*>(base)[d] = __float2bfloat16_rn(head[d]);
    } else {
        const float s = int8Scale(head, dim);
        for (std::uint32_t d = lane; d < dim; d += 32)
            reinterpret_cast<std::int8_t*>(base)[d] = toInt8(head[d], s);
        if (lane == 0)
            *scale = s;
    }
}

/// One head of one row, by a warp.
__device__ void finishHead(const QkvFinish& task, const Row& row, std::uint32_t rowIndex,
                           std::uint32_t which, const float* angles, float* head) {
    const std::uint32_t dim = task.kv.headDim;
    const std::uint32_t kvHeads = task.kv.kvHeads;
    if (which < task.heads) {
        float* query = task.query + std::size_t{rowIndex} * task.queryStride + which * dim;
        loadHead(query, task.queryBias != nullptr ? task.queryBias + which * dim : nullptr,
                 task.queryNorm, task.eps, dim, head);
        rotateHead(angles, 1, task.rope.pairs, task.rope.adjacent, head);
        for (std::uint32_t d = threadIdx.x % 32; d < dim; d += 32)
            query[d] = head[d];
        return;
    }
    which -= task.heads;
    const bool isKey = which < kvHeads;
    const std::uint32_t kvHead = isKey ? which : which - kvHeads;
    const float* from = (isKey ? task.key : task.value) + std::size_t{rowIndex} * task.kvStride;
    const float* bias = isKey ? task.keyBias : task.valueBias;
    loadHead(from + kvHead * dim, bias != nullptr ? bias + kvHead * dim : nullptr,
             isKey ? task.keyNorm : nullptr, task.eps, dim, head);
    if (isKey)
        rotateHead(angles, 1, task.rope.pairs, task.rope.adjacent, head);
    const std::uint32_t inPage = row.position % kPagePositions;
    std::byte* page =
        task.pool + task.pages[row.pageOffset + row.position / kPagePositions] * task.pageStride;
    std::byte* base =
        page + (isKey ? 0 : task.kv.valuesOffset()) +
        (std::size_t{kvHead} * kPagePositions + inPage) * dim * task.kv.elementBytes();
    std::byte* scales = page + (isKey ? task.kv.keyScalesOffset() : task.kv.valueScalesOffset());
    storeHead(task.kv, head, base,
              reinterpret_cast<float*>(scales) + kvHead * kPagePositions + inPage);
}

/// The table holds neighbouring positions side by side: a row's angles are gathered once a block.
__global__ void __launch_bounds__(kThreads) finishKernel(const __grid_constant__ QkvFinish task) {
    extern __shared__ float heads[]; // [kWarps][headDim], then [2 * pairs] angles
    float* head = heads + threadIdx.x / 32 * task.kv.headDim;
    float* angles = heads + kWarps * task.kv.headDim;
    const Row row = task.rows[blockIdx.x];
    const float* table = task.rope.block(row.position);
    for (std::uint32_t i = threadIdx.x; i < 2 * task.rope.pairs; i += kThreads)
        angles[i] = table[std::size_t{i} * kPagePositions];
    __syncthreads();
    const std::uint32_t all = task.heads + 2 * task.kv.kvHeads;
    for (std::uint32_t which = blockIdx.y * kWarps + threadIdx.x / 32; which < all;
         which += gridDim.y * kWarps) {
        finishHead(task, row, blockIdx.x, which, angles, head);
        __syncwarp();
    }
}

/// A head in a warp's registers: dimensions kPer * lane + i.
template<int kDim>
struct LaneHead {
    static constexpr int kPer = kDim / 32;
    float v[kPer];

    __device__ void read(const float* from) {
        const std::uint32_t at = threadIdx.x % 32 * kPer;
        if constexpr (kPer == 4) {
            const float4 four = *reinterpret_cast<const float4*>(from + at);
            v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
        } else {
            const float2 two = *reinterpret_cast<const float2*>(from + at);
            v[0] = two.x, v[1] = two.y;
        }
    }
    __device__ void write(float* to) const {
        const std::uint32_t at = threadIdx.x % 32 * kPer;
        if constexpr (kPer == 4)
            *reinterpret_cast<float4*>(to + at) = make_float4(v[0], v[1], v[2], v[3]);
        else
            *reinterpret_cast<float2*>(to + at) = make_float2(v[0], v[1]);
    }
    /// 16 bits a dimension, times `factor`.
    __device__ void writeHalf(std::uint16_t* to, float factor, bool fp16) const {
        std::uint32_t words[kPer / 2];
#pragma unroll
        for (int i = 0; i < kPer; i += 2) {
            const float a = v[i] * factor;
            const float b = v[i + 1] * factor;
            const __half2 pair = __floats2half2_rn(a, b);
            words[i / 2] = fp16 ? *reinterpret_cast<const std::uint32_t*>(&pair) : packBf16(a, b);
        }
        auto* at = to + threadIdx.x % 32 * kPer;
        if constexpr (kPer == 4)
            *reinterpret_cast<uint2*>(at) = make_uint2(words[0], words[1]);
        else
            *reinterpret_cast<std::uint32_t*>(at) = words[0];
    }
    __device__ void add(const float* bias) {
        LaneHead other;
        other.read(bias);
#pragma unroll
        for (int i = 0; i < kPer; ++i)
            v[i] += other.v[i];
    }
    __device__ void norm(const float* weight, float eps) {
        float squares = 0;
#pragma unroll
        for (int i = 0; i < kPer; ++i)
            squares += v[i] * v[i];
        const float inverse = 1.0F / sqrtf(warpSum(squares) / static_cast<float>(kDim) + eps);
        LaneHead w;
        w.read(weight);
#pragma unroll
        for (int i = 0; i < kPer; ++i)
            v[i] = v[i] * inverse * w.v[i];
    }
    /// `angles`: kDim / 2 cosines, then as many sines.
    __device__ void rotate(const float* angles, bool adjacent) {
        const std::uint32_t at = threadIdx.x % 32 * kPer;
        if (adjacent) {
#pragma unroll
            for (int i = 0; i < kPer; i += 2) {
                const float cosine = angles[(at + i) / 2];
                const float sine = angles[(at + i) / 2 + kDim / 2];
                const float a = v[i];
                const float b = v[i + 1];
                v[i] = a * cosine - b * sine;
                v[i + 1] = b * cosine + a * sine;
            }
            return;
        }
        const float sign = threadIdx.x % 32 < 16 ? -1.0F : 1.0F;
#pragma unroll
        for (int i = 0; i < kPer; ++i) {
            const float other = __shfl_xor_sync(kAllLanes, v[i], 16);
            const std::uint32_t pair = (at + i) % (kDim / 2);
            v[i] = v[i] * angles[pair] + sign * other * angles[pair + kDim / 2];
        }
    }
    __device__ void store(KvKind kind, std::byte* base, float* scale) const {
        const std::uint32_t at = threadIdx.x % 32 * kPer;
        if (kind == KvKind::F32) {
            write(reinterpret_cast<float*>(base));
        } else if (kind == KvKind::BF16) {
            auto* to = reinterpret_cast<std::uint32_t*>(base) + at / 2;
#pragma unroll
            for (int i = 0; i < kPer; i += 2)
                to[i / 2] = packBf16(v[i], v[i + 1]);
        } else {
            float largest = 0;
#pragma unroll
            for (int i = 0; i < kPer; ++i)
                largest = fmaxf(largest, fabsf(v[i]));
            const float s = warpMax(largest) / 127.0F;
            std::int8_t q[kPer];
#pragma unroll
            for (int i = 0; i < kPer; ++i)
                q[i] = toInt8(v[i], s);
            if constexpr (kPer == 4)
                *reinterpret_cast<char4*>(base + at) = make_char4(q[0], q[1], q[2], q[3]);
            else
                *reinterpret_cast<char2*>(base + at) = make_char2(q[0], q[1]);
            if (threadIdx.x == threadIdx.x / 32 * 32)
                *scale = s;
        }
    }
};

constexpr int kRowThreads = 256;
constexpr std::uint32_t kRowWarps = kRowThreads / 32;

/// Where a head of [queries | keys | values] comes from.
__device__ const float* headOf(const QkvFinish& task, std::uint32_t which) {
    const std::uint32_t dim = task.kv.headDim;
    if (which < task.heads)
        return task.query + std::size_t{blockIdx.x} * task.queryStride + which * dim;
    which -= task.heads;
    const bool isKey = which < task.kv.kvHeads;
    return (isKey ? task.key : task.value) + std::size_t{blockIdx.x} * task.kvStride +
           (isKey ? which : which - task.kv.kvHeads) * dim;
}

/// A row; every warp has the next heads on their way while it works on the last.
template<int kDim>
__global__ void __launch_bounds__(kRowThreads)
    finishRowKernel(const __grid_constant__ QkvFinish task) {
    constexpr int kAtOnce = 6; // 48 heads in one go
    __shared__ float angles[kDim];
    const std::uint32_t kvHeads = task.kv.kvHeads;
    const std::uint32_t all = task.heads + 2 * kvHeads;
    const std::uint32_t warp = threadIdx.x / 32;
    LaneHead<kDim> heads[kAtOnce];
    const auto fetch = [&](std::uint32_t first) {
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (first + i * kRowWarps < all)
                heads[i].read(headOf(task, first + i * kRowWarps));
    };
    const Row row = task.rows[blockIdx.x];
    if (threadIdx.x < kDim)
        angles[threadIdx.x] = task.rope.block(row.position)[threadIdx.x * kPagePositions];
    const std::uint32_t inPage = row.position % kPagePositions;
    std::byte* page =
        task.pool + task.pages[row.pageOffset + row.position / kPagePositions] * task.pageStride;
    waitForPrevious();
    letNextStart();
    fetch(warp);
    __syncthreads();
    for (std::uint32_t first = warp; first < all; first += kAtOnce * kRowWarps) {
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            std::uint32_t which = first + i * kRowWarps;
            if (which >= all)
                break;
            const bool isQuery = which < task.heads;
            const bool isKey = !isQuery && which < task.heads + kvHeads;
            const std::uint32_t head = isQuery ? which : (which - task.heads) % kvHeads;
            const float* bias = isQuery ? task.queryBias : isKey ? task.keyBias : task.valueBias;
            const float* norm = isQuery ? task.queryNorm : isKey ? task.keyNorm : nullptr;
            LaneHead<kDim>& mine = heads[i];
            if (bias != nullptr)
                mine.add(bias + head * kDim);
            if (norm != nullptr)
                mine.norm(norm, task.eps);
            if (isQuery || isKey)
                mine.rotate(angles, task.rope.adjacent);
            if (isQuery && task.queryHalf != nullptr && blockIdx.x >= task.halfFrom) {
                mine.writeHalf(task.queryHalf + std::size_t{blockIdx.x} * task.queryStride +
                                   head * kDim,
                               task.queryFactor, task.kv.kind == KvKind::Int8);
                continue;
            }
            if (isQuery) {
                mine.write(task.query + std::size_t{blockIdx.x} * task.queryStride + head * kDim);
                continue;
            }
            std::byte* base =
                page + (isKey ? 0 : task.kv.valuesOffset()) +
                (std::size_t{head} * kPagePositions + inPage) * kDim * task.kv.elementBytes();
            std::byte* scales =
                page + (isKey ? task.kv.keyScalesOffset() : task.kv.valueScalesOffset());
            mine.store(task.kv.kind, base,
                       reinterpret_cast<float*>(scales) + head * kPagePositions + inPage);
        }
        fetch(first + kAtOnce * kRowWarps);
    }
}

} // namespace

bool finishQkvHalves(const QkvFinish& task) {
    const std::uint32_t dim = task.kv.headDim;
    return task.count >= kManyRows && 2 * task.rope.pairs == dim && (dim == 64 || dim == 128);
}

cudaError_t finishQkv(const QkvFinish& task, cudaStream_t stream) {
    if (task.kv.headDim > kMostHeadDim)
        return cudaErrorInvalidValue;
    if (task.queryHalf != nullptr && !finishQkvHalves(task))
        return cudaErrorInvalidValue;
    if (finishQkvHalves(task)) {
        const auto kernel = task.kv.headDim == 64 ? finishRowKernel<64> : finishRowKernel<128>;
        const bool early = task.queryHalf != nullptr && startsEarly(task.count); // on Hopper alone
        return launchKernel(kernel, dim3(task.count), kRowThreads, 0, stream, early, task);
    }
    // Few rows: a warp a head; many: a block takes a third of a row's heads, with one set of
    // angles.
    const std::uint32_t blocks = ceilDivide(task.heads + 2 * task.kv.kvHeads, kWarps);
    const dim3 grid(task.count, task.count < kManyRows ? blocks : ceilDivide(blocks, 3));
    const std::size_t shared = (kWarps * task.kv.headDim + 2 * task.rope.pairs) * sizeof(float);
    finishKernel<<<grid, kThreads, shared, stream>>>(task);
    return cudaGetLastError();
}

} // namespace kernels::cuda
