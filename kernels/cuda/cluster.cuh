#pragma once
// A cluster of blocks (sm_90): its barrier, and the shared memory of its other blocks. Compiles
// everywhere, runs on sm_90 alone.

#include <cstdint>

namespace kernels::cuda {

struct Cluster {
    __device__ std::uint32_t rank() const {
        std::uint32_t r = 0;
#if __CUDA_ARCH__ >= 900
        asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
#endif
        return r;
    }
    /// sync() in two steps.
    __device__ void arrive() const {
#if __CUDA_ARCH__ >= 900
        asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
    }
    __device__ void wait() const {
#if __CUDA_ARCH__ >= 900
        asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
    }
    /// All threads of all blocks; what they wrote before is seen behind it.
    __device__ void sync() const {
#if __CUDA_ARCH__ >= 900
        asm volatile("barrier.cluster.arrive.release.aligned;\n"
                     "barrier.cluster.wait.acquire.aligned;" ::
                         : "memory");
#endif
    }
    /// The same place in another block's shared memory.
    template<typename T>
    __device__ T* in(T* own, std::uint32_t rank) const {
#if __CUDA_ARCH__ >= 900
        std::uint64_t address = 0;
        asm volatile("mapa.u64 %0, %1, %2;"
                     : "=l"(address)
                     : "l"(reinterpret_cast<std::uint64_t>(own)), "r"(rank));
        return reinterpret_cast<T*>(address);
#else
        return rank == 0 ? own : nullptr;
#endif
    }
};

} // namespace kernels::cuda
