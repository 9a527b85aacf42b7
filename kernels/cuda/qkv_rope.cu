// Finishes queries, keys and values: bias, per-head RMSNorm (qwen3), rotation; keys and values go
// into their KV pages, queries back where they came from.
//
// One warp a head of a row; x = row, y = four heads of [queries | keys | values]. Angles come from
// the table. Int8 KV: one scale per head and token, amax / 127, half to even.
// Precondition: headDim even, at most kMostHeadDim.
#include "kernels/cuda/qkv_head.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr std::uint32_t kMostHeadDim = 1024;
constexpr std::uint32_t kManyRows = 256;

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

} // namespace

cudaError_t finishQkv(const QkvFinish& task, cudaStream_t stream) {
    if (task.kv.headDim > kMostHeadDim)
        return cudaErrorInvalidValue;
    // Few rows: a warp a head; many: a block takes a third of a row's heads, with one set of
    // angles.
    const std::uint32_t blocks = ceilDivide(task.heads + 2 * task.kv.kvHeads, kWarps);
    const dim3 grid(task.count, task.count < kManyRows ? blocks : ceilDivide(blocks, 3));
    const std::size_t shared = (kWarps * task.kv.headDim + 2 * task.rope.pairs) * sizeof(float);
    finishKernel<<<grid, kThreads, shared, stream>>>(task);
    return cudaGetLastError();
}

} // namespace kernels::cuda
