// Pages of a batch as fp16 pages for attention on Hopper: with many rows a page is read by many
// blocks, and widening it once is cheaper than in each of them.
//
// Page i of the list becomes page i - firstPage of `widened`, laid out as bf16 KV. A block takes a
// page of a KV head. Positions behind the last of a sequence may hold anything, also afterwards.
// A key bias outside the cache joins its keys here, turned to their positions: with a bias of norm
// 300 a key of 11 bits would be 0.1 wrong in the scores, so that such keys become the sum of two
// fp16, 22 bits.
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/kv_widen.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) widenKernel(const __grid_constant__ Attention task) {
    waitForPrevious();
    letNextStart();
    const std::uint32_t head = blockIdx.y;
    const std::uint32_t page = __ldg(task.pages + task.firstPage + blockIdx.x);
    const std::byte* from = task.pool + page * task.pageStride;
    KvLayout wide = task.kv;
    wide.kind = KvKind::BF16;
    std::byte* to = task.widened + blockIdx.x * wide.layerBytes();
    const std::uint32_t perRow = task.kv.headDim / 16; // pieces of 16 bytes
    const std::uint32_t pieces = kPagePositions * perRow;
    for (std::uint32_t at = threadIdx.x; at < 2 * pieces; at += kThreads) {
        const bool isKey = at < pieces;
        const std::uint32_t piece = isKey ? at : at - pieces;
        const std::size_t in = isKey ? 0 : task.kv.valuesOffset();
        const std::size_t scales = isKey ? task.kv.keyScalesOffset() : task.kv.valueScalesOffset();
        const uint4 v = loadStream(from + in + (std::size_t{head} * pieces + piece) * 16);
        const WideScale scale(
            reinterpret_cast<const float*>(from + scales)[head * kPagePositions + piece / perRow]);
        const uint2 a = widenFour(v.x, scale);
        const uint2 b = widenFour(v.y, scale);
        const uint2 c = widenFour(v.z, scale);
        const uint2 d = widenFour(v.w, scale);
        auto* out = reinterpret_cast<uint4*>(to + (isKey ? 0 : wide.valuesOffset())) +
                    (std::size_t{head} * pieces + piece) * 2;
        out[0] = make_uint4(a.x, a.y, b.x, b.y);
        out[1] = make_uint4(c.x, c.y, d.x, d.y);
    }
}

/// Which page of a sequence the page `at` of the list is; kNobodys where no row sees it.
constexpr std::uint32_t kNobodys = 0xFFFFFFFFU;
__device__ std::uint32_t pageInSequence(const Attention& task, std::uint32_t at) {
    __shared__ unsigned long long furthest; // page offset, last position
    if (threadIdx.x == 0)
        furthest = 0;
    __syncthreads();
    unsigned long long mine = 0;
    for (std::uint32_t i = threadIdx.x; i < task.count; i += kThreads) {
        const Row row = task.rows[i];
        const unsigned long long both =
            1ULL << 63 | static_cast<unsigned long long>(row.pageOffset) << 32 | row.position;
        if (row.pageOffset <= at && both > mine)
            mine = both;
    }
    if (mine != 0)
        atomicMax(&furthest, mine);
    __syncthreads();
    const std::uint32_t page = at - static_cast<std::uint32_t>(furthest >> 32 & 0x7FFFFFFFU);
    const bool seen =
        furthest != 0 && page <= static_cast<std::uint32_t>(furthest) / kPagePositions;
    return seen ? page : kNobodys;
}

/// Dimension d of the bias, turned; `angles`: of a position, kPagePositions apart.
__device__ float turnedBias(const RopeTable& rope, const float* bias, const float* angles,
                            std::uint32_t d) {
    if (d >= 2 * rope.pairs)
        return bias[d];
    const std::uint32_t i = rope.adjacent ? d / 2 : d % rope.pairs;
    const bool first = rope.adjacent ? d % 2 == 0 : d < rope.pairs;
    const float a = bias[rope.adjacent ? 2 * i : i];
    const float b = bias[rope.adjacent ? 2 * i + 1 : i + rope.pairs];
    const float cosine = angles[std::size_t{i} * kPagePositions];
    const float sine = angles[std::size_t{i + rope.pairs} * kPagePositions];
    return first ? a * cosine - b * sine : b * cosine + a * sine;
}

/// Eight cached numbers from element `at` on, as they are.
__device__ void readEight(const KvLayout& kv, const std::byte* from, std::size_t at, float scale,
                          float (&out)[8]) {
    if (kv.kind == KvKind::Int8) {
        const uint2 v = *reinterpret_cast<const uint2*>(from + at);
        const std::uint32_t words[2] = {v.x ^ 0x80808080U, v.y ^ 0x80808080U};
#pragma unroll
        for (int i = 0; i < 8; ++i)
            out[i] = (byteOnMagic(words[i / 4], i % 4) - (kMagic + 128.0F)) * scale;
        return;
    }
    const uint4 v = *reinterpret_cast<const uint4*>(from + at * 2);
    const std::uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; ++i)
        out[2 * i] = bf16Low(words[i]), out[2 * i + 1] = bf16High(words[i]);
}
/// As fp16; v becomes what rounding lost.
__device__ uint4 halveEight(float (&v)[8]) {
    std::uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const __half2 pair = __floats2half2_rn(v[2 * i], v[2 * i + 1]);
        v[2 * i] -= __low2float(pair);
        v[2 * i + 1] -= __high2float(pair);
        words[i] = *reinterpret_cast<const std::uint32_t*>(&pair);
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
}

/// A lane takes a position, a warp eight dimensions of it.
__global__ void __launch_bounds__(kThreads) joinBiasKernel(const __grid_constant__ Attention task) {
    waitForPrevious();
    letNextStart();
    const std::uint32_t inSequence = pageInSequence(task, task.firstPage + blockIdx.x);
    if (inSequence == kNobodys)
        return;
    const std::uint32_t head = blockIdx.y;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::byte* from =
        task.pool + __ldg(task.pages + task.firstPage + blockIdx.x) * task.pageStride;
    KvLayout wide = task.kv;
    wide.kind = KvKind::BF16;
    std::byte* to = task.widened + blockIdx.x * widenedPageBytesOf(wide, true);
    const std::uint32_t dim = task.kv.headDim;
    const float* bias = task.keyBias + head * dim;
    const float* angles = task.rope.block(inSequence * kPagePositions) + lane;
    const std::size_t row = (std::size_t{head} * kPagePositions + lane) * dim;
    float scales[2] = {1, 1};
    if (task.kv.kind == KvKind::Int8) {
        const std::uint32_t at = head * kPagePositions + lane;
        scales[0] = reinterpret_cast<const float*>(from + task.kv.keyScalesOffset())[at];
        scales[1] = reinterpret_cast<const float*>(from + task.kv.valueScalesOffset())[at];
    }
    for (std::uint32_t d = threadIdx.x / 32 * 8; d < dim; d += kThreads / 32 * 8) {
        float v[8];
        readEight(task.kv, from, row + d, scales[0], v);
#pragma unroll
        for (std::uint32_t i = 0; i < 8; ++i)
            v[i] += turnedBias(task.rope, bias, angles, d + i);
        *reinterpret_cast<uint4*>(to + (row + d) * 2) = halveEight(v);
        *reinterpret_cast<uint4*>(to + wide.layerBytes() + (row + d) * 2) = halveEight(v);
        readEight(task.kv, from + task.kv.valuesOffset(), row + d, scales[1], v);
        *reinterpret_cast<uint4*>(to + wide.valuesOffset() + (row + d) * 2) = halveEight(v);
    }
}

} // namespace

std::size_t widenedPageBytes(const KvLayout& kv, bool keyBias) {
    return widenedPageBytesOf(kv, keyBias);
}

cudaError_t widenPages(const Attention& task, cudaStream_t stream) {
    const auto kernel = task.keyBias != nullptr ? joinBiasKernel : widenKernel;
    return launchKernel(kernel, dim3(task.pageCount, task.kv.kvHeads), kThreads, 0, stream,
                        startsEarly(task.count), task);
}

} // namespace kernels::cuda
