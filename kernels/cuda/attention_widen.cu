// Int8 pages of a batch as fp16 pages for attention on Hopper: with many rows a page is read by
// many blocks, and widening it once is cheaper than in each of them.
//
// Page i of the list becomes page i - firstPage of `widened`, laid out as bf16 KV. A block takes a
// page of a KV head. Positions behind the last of a sequence may hold anything, also afterwards.
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/kv_widen.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) widenKernel(const __grid_constant__ Attention task) {
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
        const __half2 scale = wideScale(
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

} // namespace

cudaError_t widenPages(const Attention& task, cudaStream_t stream) {
    widenKernel<<<dim3(task.pageCount, task.kv.kvHeads), kThreads, 0, stream>>>(task);
    return cudaGetLastError();
}

} // namespace kernels::cuda
