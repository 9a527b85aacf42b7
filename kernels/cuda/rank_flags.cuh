#pragma once
// Flags by which kernels of several GPUs ("ranks") tell one another that data is there.
// Order of memory: a block's stores, __syncthreads(), a fence over the system by one thread, then
// its flag; the reader acquires the flag and the block's barrier passes that on.

#include "kernels/cuda/rank_memory.cuh"
#include "kernels/cuda_all_reduce.h"

namespace kernels::cuda {

__device__ inline std::uint32_t loadFlag(const std::uint32_t* flag) {
    std::uint32_t v;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(flag) : "memory");
    return v;
}
__device__ inline void raiseFlag(std::uint32_t* flag) {
    stumble();
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(flag), "r"(1U) : "memory");
}
/// Waits for a flag and puts it down.
__device__ inline void awaitFlag(std::byte* window, std::size_t offset, const RankLinks& links) {
    auto* flag = reinterpret_cast<std::uint32_t*>(window + offset);
    stumble();
    Patience<RankLinks> patience(links);
    while (loadFlag(flag) == 0)
        if (patience.ends())
            return;
    *static_cast<volatile std::uint32_t*>(flag) = 0;
}

} // namespace kernels::cuda
