#pragma once
// The end of a single row's product that several GPUs add up (PartSum): what stands in place of the
// product's write, a kernel for the sum, and the way from the one to the other.
//
// A thread has four neighbouring columns: it adds up the warps' sums, stores the four to every
// other rank by 16 bytes, the lanes of a warp whole lines, and waits for theirs, which the same
// thread of the same block makes there. The data is its own flag, as in sum_one_shot.cu, and every
// word is looked at by one thread alone. The norm is left to the next product, as on one GPU.
// Nobody waits for ever: all blocks of a rank are on the device at once (launchSingle()), and
// what is ahead of them in the stream waits for nothing behind.
// History: with the waiting in every block of the next product a sum took 16 to 66 us, as all of
// them looked at every word that was to arrive (GPU_SPLIT_NOTES.md).

#include "kernels/cuda/rank_memory.cuh"

namespace kernels::cuda {

/// Rows of a block are a multiple: 32 bytes, so that no two blocks write to one sector.
constexpr std::uint32_t kSumRows = 8;

/// Rows [first, end) of the matrix, whose sums the block's warps left at [warp][sumRows]; both a
/// multiple of 4. out[row] += the sum of all ranks' parts, in the order of the ranks.
template<std::uint32_t kWarps>
__device__ __forceinline__ void sumOverRanks(const PartSum& ranks, const float* sums,
                                             std::uint32_t sumRows, std::uint32_t first,
                                             std::uint32_t end, float* out) {
#pragma unroll 1
    for (std::uint32_t at = threadIdx.x * 4; first + at < end; at += kWarps * 32 * 4) {
        const std::uint32_t row = first + at;
        float4 part = make_float4(0, 0, 0, 0);
#pragma unroll
        for (std::uint32_t w = 0; w < kWarps; ++w)
            part = part + *reinterpret_cast<const float4*>(sums + w * sumRows + at);
        const uint4 own = present(part);
        stumble();
#pragma unroll 1
        for (std::uint32_t other = 1; other < ranks.ranks; ++other) { // each begins with another
            const std::uint32_t peer = ranks.rank + other;
            storeShared16(ranks.to[peer < ranks.ranks ? peer : peer - ranks.ranks] + row, own);
        }
        auto* to = reinterpret_cast<float4*>(out + row);
        const float4 before = __ldcg(to);
        float4 total = make_float4(0, 0, 0, 0);
        Patience<PartSum> patience(ranks);
#pragma unroll 1
        for (std::uint32_t source = 0; source < ranks.ranks; ++source) {
            uint4 got = own;
            if (source != ranks.rank) {
                float* place = ranks.from + std::size_t{source} * ranks.apart + row;
                stumble();
                got = loadShared16(place);
                while (absent(got) && !patience.ends())
                    got = loadShared16(place);
                stumble();
                storeShared16(place, allAbsent());
            }
            total = source == 0 ? floats(got) : total + floats(got);
        }
        stumble();
        *to = before + total;
    }
}

} // namespace kernels::cuda
