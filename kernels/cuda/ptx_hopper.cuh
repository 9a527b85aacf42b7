#pragma once
// Hopper's copies and barriers: bulk tensor copies into shared memory, barriers that count bytes,
// clusters of blocks. sm_90a; a kernel guards its body with INGLENOOK_HOPPER.

#include "kernels/cuda/ptx.cuh"

#include <cstdint>
#include <cuda.h>

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define INGLENOOK_HOPPER 1
#endif

namespace kernels::cuda {

// ---- barriers: addresses in shared memory -------------------------------------------------------

__device__ inline void initBarrier(std::uint32_t barrier, std::uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}
/// Makes initialized barriers visible to the copy engine and the other blocks of the cluster.
__device__ inline void fenceBarriers() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Arrives and says how many bytes the copies of this phase bring.
__device__ inline void arriveExpecting(std::uint32_t barrier, std::uint32_t bytes) {
    delayAtRandom();
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}
__device__ inline void arrive(std::uint32_t barrier) {
    delayAtRandom();
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Arrives at the barrier in the same place of block `rank` of the cluster.
__device__ inline void arriveAt(std::uint32_t barrier, std::uint32_t rank) {
    delayAtRandom();
    asm volatile("{\n .reg .b32 remote;\n"
                 " mapa.shared::cluster.u32 remote, %0, %1;\n"
                 " mbarrier.arrive.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier),
                 "r"(rank)
                 : "memory");
}
/// Waits until the phase of this parity has ended. (Acquiring at cluster scope would drop the whole
/// L1 cache each time and halve the speed: copies into this block need no more than this.)
__device__ inline void waitBarrier(std::uint32_t barrier, std::uint32_t parity) {
    delayAtRandom();
    asm volatile("{\n .reg .pred done;\n"
                 "again:\n"
                 " mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 " @done bra finished;\n bra again;\n"
                 "finished:\n}" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

// ---- copies -------------------------------------------------------------------------------------

/// The box at element (x, y) of a matrix to shared memory; the barrier counts its bytes.
__device__ inline void copyBox(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                               std::uint32_t y, std::uint32_t barrier) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4}], [%2];" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(y)
                 : "memory");
}
/// How long L2 keeps what copies bring. What nobody reads again soon leaves first: the rest of a
/// step (activations, norms, pages, instructions) then stays while the weights pass.
__device__ inline std::uint64_t cachePolicy(bool readOnce) {
    std::uint64_t policy;
    if (readOnce)
        asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    else
        asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}
/// As above, with a policy of L2.
__device__ inline void copyBox(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                               std::uint32_t y, std::uint32_t barrier, std::uint64_t policy) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
                 ".L2::cache_hint [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(y), "l"(policy)
                 : "memory");
}
/// Eight rows of two matrices in turn (describePairs), from byte x of row group `group`.
__device__ inline void copyPairs(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                                 std::uint32_t group, std::uint32_t barrier) {
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %4, %5}], [%2];" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(0), "r"(group)
                 : "memory");
}
__device__ inline void copyPairs(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                                 std::uint32_t group, std::uint32_t barrier, std::uint64_t policy) {
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes"
                 ".L2::cache_hint [%0], [%1, {%3, %4, %4, %5}], [%2], %6;" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(0), "r"(group), "l"(policy)
                 : "memory");
}
/// copyBox() into every block of the cluster whose bit is set in `blocks`.
__device__ inline void copyBoxToAll(std::uint32_t to, const CUtensorMap* map, std::uint32_t x,
                                    std::uint32_t y, std::uint32_t barrier, std::uint16_t blocks) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
                 ".multicast::cluster [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x), "r"(y), "h"(blocks)
                 : "memory");
}
/// `bytes` in a row, a multiple of 16.
__device__ inline void copyBytes(std::uint32_t to, const void* from, std::uint32_t bytes,
                                 std::uint32_t barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
}
/// Orders this thread's ordinary accesses of shared memory before what bulk copies and products do
/// there later. Its ordinary loads have brought their values then: an arrival alone is no more than
/// issued behind them, and a copy that it lets go may be faster. Waits for loads of global memory
/// under way, too.
__device__ inline void fenceShared() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- clusters and registers ---------------------------------------------------------------------

__device__ inline std::uint32_t rankInCluster() {
    std::uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
__device__ inline std::uint32_t blocksInCluster() {
    std::uint32_t blocks;
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(blocks));
    return blocks;
}
/// Every thread of every block of the cluster; whole warps, which a branch may have divided. (Not
/// aligned the barrier becomes the same instructions: none of them brings a warp together.)
__device__ inline void syncCluster() {
    delayAtRandom();
    __syncwarp();
    asm volatile("barrier.cluster.arrive.release.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}
__device__ inline void storeShared(std::uint32_t address, float4 v) {
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(address), "f"(v.x), "f"(v.y),
                 "f"(v.z), "f"(v.w)
                 : "memory");
}
__device__ inline float4 loadShared(std::uint32_t address) {
    const uint4 bits = loadShared16(address);
    return make_float4(__uint_as_float(bits.x), __uint_as_float(bits.y), __uint_as_float(bits.z),
                       __uint_as_float(bits.w));
}
__device__ inline float loadSharedFloat(std::uint32_t address) {
    float v;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(address) : "memory");
    return v;
}
/// Reads 16 bytes of the shared memory of block `rank`.
__device__ inline float4 readFrom(std::uint32_t address, std::uint32_t rank) {
    float4 v;
    asm volatile("{\n .reg .b32 remote;\n"
                 " mapa.shared::cluster.u32 remote, %4, %5;\n"
                 " ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [remote];\n}"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                 : "r"(address), "r"(rank)
                 : "memory");
    return v;
}
template<int kRegisters>
__device__ inline void giveUpRegisters() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template<int kRegisters>
__device__ inline void takeRegisters() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
/// Named barrier among `threads` threads: one side waits, the other only arrives.
__device__ inline void waitNamed(int barrier, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ inline void arriveNamed(int barrier, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

} // namespace kernels::cuda
