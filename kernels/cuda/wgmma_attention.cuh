#pragma once
// Products of a warpgroup for attention: scores (both operands in shared memory, rows of K side by
// side) and outputs (weights in registers, values as the cache holds them: N side by side). bf16 or
// fp16 with fp32 sums; registers and order of sums as in wgmma.cuh.

#include "kernels/cuda/wgmma.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <type_traits>

namespace kernels::cuda {

/// A tile of values for productOut: blocks of 64 columns, `blockBytes` apart, rows of 128 bytes in
/// the 128-byte swizzle; the address is a multiple of 1024, plus 2048 for each step of 16 rows.
__device__ inline std::uint64_t sharedColumns(std::uint32_t address, std::uint32_t blockBytes) {
    constexpr std::uint64_t kEightRows = 1024 / 16;
    constexpr std::uint64_t kSwizzle128 = 1;
    return kSwizzle128 << 62 | kEightRows << 32 | std::uint64_t{blockBytes / 16} << 16 |
           ((address & 0x3FFFF) >> 4);
}

/// d[64][128] (+)= a[64][16] b[128][16]; without kAdds d is overwritten.
template<typename E, bool kAdds>
__device__ inline void productScores(float (&d)[64], std::uint64_t a, std::uint64_t b) {
    if constexpr (std::is_same_v<E, __half>)
        asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %66, 0;\n"
                     " wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
                     "{" WGMMA_PLACES_64 "}, %64, %65, adds, 1, 1, 0, 0;\n}"
                     : WGMMA_SUMS_64("+f", d, 0)
                     : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
    else
        asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %66, 0;\n"
                     " wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
                     "{" WGMMA_PLACES_64 "}, %64, %65, adds, 1, 1, 0, 0;\n}"
                     : WGMMA_SUMS_64("+f", d, 0)
                     : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}
/// d[64][64] += a[64][16] b[16][64].
template<typename E>
__device__ inline void productOut(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b) {
    if constexpr (std::is_same_v<E, __half>)
        asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
                     "{" WGMMA_PLACES_32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
                     : WGMMA_SUMS_32("+f", d, 0)
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    else
        asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
                     "{" WGMMA_PLACES_32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
                     : WGMMA_SUMS_32("+f", d, 0)
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
/// d[64][128] += a[64][16] b[16][128].
template<typename E>
__device__ inline void productOut(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b) {
    if constexpr (std::is_same_v<E, __half>)
        asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
                     "{" WGMMA_PLACES_64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
                     : WGMMA_SUMS_64("+f", d, 0)
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    else
        asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
                     "{" WGMMA_PLACES_64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
                     : WGMMA_SUMS_64("+f", d, 0)
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

} // namespace kernels::cuda
