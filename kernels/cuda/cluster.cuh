#pragma once
// A cluster of blocks (sm_90): its barrier, and what its blocks send each other. Compiles
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
    /// sync() in two steps. Whole warps, which may have parted before.
    __device__ void arrive() const {
#if __CUDA_ARCH__ >= 900
        __syncwarp();
        asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
    }
    /// By a block that so far only has opened Arrivals, and shown it: nothing else is awaited.
    __device__ void arriveOpen() const {
#if __CUDA_ARCH__ >= 900
        __syncwarp();
        asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
    }
    __device__ void wait() const {
#if __CUDA_ARCH__ >= 900
        __syncwarp();
        asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
    }
    /// All threads of all blocks; what they wrote before is seen behind it.
    __device__ void sync() const {
#if __CUDA_ARCH__ >= 900
        __syncwarp();
        asm volatile("barrier.cluster.arrive.release.aligned;\n"
                     "barrier.cluster.wait.acquire.aligned;" ::
                         : "memory");
#endif
    }
};

/// What the blocks of a cluster send into one block's shared memory: it arrives by itself, and a
/// barrier there counts its bytes, turn by turn: a block expects, waits, and expects again before
/// anybody can know that it has waited.
struct Arrivals {
    std::uint64_t barrier;

    /// By one thread, then showOpen(), before the blocks meet; then expect(), by the same.
    __device__ void open() {
#if __CUDA_ARCH__ >= 900
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address(&barrier)) : "memory");
#endif
    }
    /// All that it has opened.
    static __device__ void showOpen() {
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
    }
    __device__ void expect(std::uint32_t bytes) {
#if __CUDA_ARCH__ >= 900
        asm volatile(
            "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address(&barrier)),
            "r"(bytes)
            : "memory");
#endif
    }
    /// Until all that was expected is there; `turn` from 0 on.
    __device__ void wait(std::uint32_t turn = 0) {
#if __CUDA_ARCH__ >= 900
        asm volatile("{\n .reg .pred done;\n"
                     "again:\n"
                     " mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;\n"
                     " @!done bra again;\n}" ::"r"(address(&barrier)),
                     "r"(turn % 2)
                     : "memory");
#endif
    }
    /// Eight bytes to the same place of block `rank`, on its barrier's account.
    __device__ void send(std::uint64_t* to, std::uint64_t v, std::uint32_t rank) {
#if __CUDA_ARCH__ >= 900
        asm volatile("{\n .reg .b32 there, counter;\n"
                     " mapa.shared::cluster.u32 there, %0, %2;\n"
                     " mapa.shared::cluster.u32 counter, %1, %2;\n"
                     " st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b64 [there], "
                     "%3, [counter];\n}" ::"r"(address(to)),
                     "r"(address(&barrier)), "r"(rank), "l"(v)
                     : "memory");
#endif
    }
    /// Two or four floats to the same places of block `rank`, on its barrier's account.
    __device__ void send(float2* to, float2 v, std::uint32_t rank) {
#if __CUDA_ARCH__ >= 900
        asm volatile("{\n .reg .b32 there, counter;\n"
                     " mapa.shared::cluster.u32 there, %0, %2;\n"
                     " mapa.shared::cluster.u32 counter, %1, %2;\n"
                     " st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [there], "
                     "{%3, %4}, [counter];\n}" ::"r"(address(to)),
                     "r"(address(&barrier)), "r"(rank), "f"(v.x), "f"(v.y)
                     : "memory");
#endif
    }
    __device__ void send(float4* to, float4 v, std::uint32_t rank) {
#if __CUDA_ARCH__ >= 900
        asm volatile("{\n .reg .b32 there, counter;\n"
                     " mapa.shared::cluster.u32 there, %0, %2;\n"
                     " mapa.shared::cluster.u32 counter, %1, %2;\n"
                     " st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [there], "
                     "{%3, %4, %5, %6}, [counter];\n}" ::"r"(address(to)),
                     "r"(address(&barrier)), "r"(rank), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
                     : "memory");
#endif
    }

  private:
    static __device__ std::uint32_t address(const void* shared) {
        return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
    }
};

} // namespace kernels::cuda
