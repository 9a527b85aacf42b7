#pragma once
// The few instructions that C++ has no word for.

#include <cstdint>

namespace kernels::cuda {

__device__ inline std::uint32_t permute(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
    return __byte_perm(a, b, selector);
}

/// Four matrices of eight rows of 16 bytes; lane l says where row l % 8 of matrix l / 8 lies.
__device__ inline void loadMatrices(std::uint32_t (&v)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "r"(address)
                 : "memory");
}

/// Four 8x8 bf16 matrices from shared memory; `address` is this lane's row.
__device__ inline void loadMatrices(std::uint32_t (&r)[4], const void* address) {
    const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(address));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared));
}

/// The same, each matrix transposed.
__device__ inline void loadMatricesTransposed(std::uint32_t (&r)[4], const void* address) {
    const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(address));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared));
}

/// Transposes an 8x8 matrix of 16-bit elements held two a lane.
__device__ inline std::uint32_t transpose8x8(std::uint32_t rowPair) {
    std::uint32_t columnPair;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(columnPair) : "r"(rowPair));
    return columnPair;
}

/// c += a b; a is 16x16 row-major, b 16x8 column-major, bf16; c fp32. sm_80.
__device__ inline void mmaBf16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                               std::uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, "
                 "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// The same for fp16.
__device__ inline void mmaHalf(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                               std::uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
        "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// c += a b; a is 16x32 row-major, b 32x8 column-major, int8; c int32. sm_80.
__device__ inline void mmaInt8(std::int32_t (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                               std::uint32_t b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, "
        "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// The same, a unsigned.
__device__ inline void mmaUnsigned8(std::int32_t (&c)[4], const std::uint32_t (&a)[4],
                                    std::uint32_t b0, std::uint32_t b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, "
        "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Two bf16 differences, exact where both operands are small integers.
__device__ inline std::uint32_t subtractBf16(std::uint32_t a, std::uint32_t b) {
    std::uint32_t d;
#if __CUDA_ARCH__ >= 900
    asm("sub.rn.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
#else
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(b), "r"(0xBF80BF80U), "r"(a));
#endif
    return d;
}

/// Makes the compiler hold v in a register instead of computing it again where it is used.
__device__ inline void hold(std::uint32_t& v) {
    asm("" : "+r"(v));
}

/// (v & kMask) | kSet in one instruction.
template<std::uint32_t kMask, std::uint32_t kSet>
__device__ inline std::uint32_t maskAndSet(std::uint32_t v) {
    std::uint32_t d;
    asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(d) : "r"(v), "r"(kMask), "r"(kSet));
    return d;
}

__device__ inline uint4 loadShared16(std::uint32_t shared) {
    uint4 v;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(shared)
                 : "memory");
    return v;
}
/// The same in lanes where `active`; in others v stays as it is.
__device__ inline void loadSharedWhere(uint4& v, std::uint32_t shared, bool active) {
    asm volatile("{\n .reg .pred loads;\n setp.ne.u32 loads, %5, 0;\n"
                 " @loads ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];\n}"
                 : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
                 : "r"(shared), "r"(active ? 1U : 0U)
                 : "memory");
}
__device__ inline void loadSharedWhere(uint2& v, std::uint32_t shared, bool active) {
    asm volatile("{\n .reg .pred loads;\n setp.ne.u32 loads, %3, 0;\n"
                 " @loads ld.shared.v2.u32 {%0,%1}, [%2];\n}"
                 : "+r"(v.x), "+r"(v.y)
                 : "r"(shared), "r"(active ? 1U : 0U)
                 : "memory");
}

/// 16 bytes into shared memory while the thread goes on; only the first `bytes` of them are read,
/// the rest becomes zero. The memory may be written by earlier stages.
__device__ inline void copyAsync16(std::uint32_t shared, const void* from, std::uint32_t bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared), "l"(from),
                 "r"(bytes)
                 : "memory");
}
/// The same for 8 or 4 bytes.
template<int kBytes>
__device__ inline void copyAsyncSmall(std::uint32_t shared, const void* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(from), "n"(kBytes)
                 : "memory");
}
template<int kBytes>
__device__ inline void copyAsyncSmall(std::uint32_t shared, const void* from, std::uint32_t bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared), "l"(from),
                 "n"(kBytes), "r"(bytes)
                 : "memory");
}
__device__ inline void commitAsync() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits until at most kLeft of the thread's groups are under way.
template<int kLeft>
__device__ inline void waitAsync() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}
__device__ inline std::uint32_t sharedAddress(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// In a build with INGLENOOK_DELAYS: every warp waits for a while of its own, mostly below
/// 0.3 us, now and then up to 8 us. What works by luck of timing alone then fails. The same
/// instructions in every lane, so that warps stay together.
__device__ inline void delayAtRandom() {
#ifdef INGLENOOK_DELAYS
    std::uint32_t now;
    std::uint32_t multiprocessor;
    asm volatile("mov.u32 %0, %%clock;" : "=r"(now));
    asm volatile("mov.u32 %0, %%smid;" : "=r"(multiprocessor));
    std::uint32_t h = __shfl_sync(__activemask(), now, __ffs(__activemask()) - 1);
    h ^= multiprocessor * 0x9E3779B1U ^ (threadIdx.x / 32) * 0x85EBCA77U ^ blockIdx.x * 0xC2B2AE3DU;
    h ^= h >> 15, h *= 0x846CA68BU, h ^= h >> 13;
    __nanosleep(h >> 28 == 0 ? h & 8191U : h & 255U);
#endif
}

/// Programmatic dependent launch (sm_90): the next kernel may start now; its waitForPrevious()
/// still waits for all of this one. Without it a kernel starts when the one before is done.
__device__ inline void letNextStart() {
    delayAtRandom();
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
/// Until here only weights, tables and what earlier steps left may be read.
__device__ inline void waitForPrevious() {
    delayAtRandom();
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    delayAtRandom();
}
/// Asks for memory to be brought into L2; bytes a multiple of 16.
__device__ inline void prefetchL2(const void* from, std::uint32_t bytes) {
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(from), "r"(bytes) : "memory");
#endif
}

/// 16 bytes that nobody reads again soon.
__device__ inline uint4 loadStream(const void* address) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(address));
    return v;
}

} // namespace kernels::cuda
