#pragma once
// How kernels read and write memory that several GPUs share, and how long they wait for it.

#include "kernels/all_reduce_layout.h"
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// Past every cache of this multiprocessor: other GPUs write there.
__device__ inline uint4 loadShared16(const void* address) {
    uint4 v;
    asm volatile("ld.volatile.global.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(address)
                 : "memory");
    return v;
}
__device__ inline void storeShared16(void* address, uint4 v) {
    asm volatile("st.volatile.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(address), "r"(v.x),
                 "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
}

__device__ inline bool absent(uint4 v) {
    return v.x == kAbsent || v.y == kAbsent || v.z == kAbsent || v.w == kAbsent;
}
__device__ inline uint4 allAbsent() {
    return make_uint4(kAbsent, kAbsent, kAbsent, kAbsent);
}
__device__ inline uint4 present(float4 v) {
    return make_uint4(presentBits(__float_as_uint(v.x)), presentBits(__float_as_uint(v.y)),
                      presentBits(__float_as_uint(v.z)), presentBits(__float_as_uint(v.w)));
}
__device__ inline float4 floats(uint4 v) {
    return make_float4(__uint_as_float(v.x), __uint_as_float(v.y), __uint_as_float(v.z),
                       __uint_as_float(v.w));
}
__device__ inline float4 operator+(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

__device__ inline std::uint64_t now_ns() {
    std::uint64_t t;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(t));
    return t;
}

/// In a build with INGLENOOK_DELAYS some warps rest here, never the same ones for the same time:
/// before they send, raise a flag, wait, empty a word. Whatever order that makes, the bits must be
/// those of a build without.
__device__ inline void stumble() {
#ifdef INGLENOOK_DELAYS
    std::uint32_t dice = static_cast<std::uint32_t>(now_ns() / 32) + blockIdx.x * 0x9E3779B9U +
                         blockIdx.y * 0x85EBCA6BU + threadIdx.x / 32 * 0xC2B2AE35U;
    dice = (dice ^ (dice >> 15)) * 0x2C1B3C6DU;
    dice ^= dice >> 12;
    if (dice % 4 == 0)
        __nanosleep(dice / 4 % 4096);
#endif
}

/// Patience of a waiting thread. `Waits` has the fields fault, limit_ns and rank of RankLinks.
template<class Waits>
class Patience {
  public:
    __device__ explicit Patience(const Waits& waits) : m_waits(waits) {}
    /// True when the wait is to end without what it waits for.
    __device__ bool ends() {
        if (++m_looks % 2048 != 0)
            return false;
        if (*static_cast<volatile std::uint32_t*>(m_waits.fault) != 0)
            return true; // somebody else gave up
        const std::uint64_t now = now_ns();
        if (m_begin_ns == 0)
            m_begin_ns = now;
        if (now - m_begin_ns < m_waits.limit_ns)
            return false;
        *static_cast<volatile std::uint32_t*>(m_waits.fault) = m_waits.rank + 1;
        __threadfence_system();
        return true;
    }

  private:
    const Waits& m_waits;
    std::uint32_t m_looks = 0;
    std::uint64_t m_begin_ns = 0;
};

} // namespace kernels::cuda
