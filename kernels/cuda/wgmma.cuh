#pragma once
// Products of a warpgroup: d[64][N] += a[64][K] b[N][K], asynchronous, sm_90a.
//
// b lies in shared memory, rows of K side by side in the 128-byte swizzle (sharedTile). d: element
// 4 i + {0, 1} of a thread is row lane / 4 (of its warp's 16), columns 8 i + 2 (lane % 4) + {0, 1};
// 4 i + {2, 3} the same columns eight rows below. Registers given to a product must rest until
// waitProducts() says that it is done.

#include <cstdint>

// The registers of a product in an instruction's text and in its operands: PTX names each of them.
#define WGMMA_PLACES_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define WGMMA_PLACES_16 WGMMA_PLACES_8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define WGMMA_PLACES_32                                                                            \
    WGMMA_PLACES_16                                                                                \
    ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define WGMMA_PLACES_48                                                                            \
    WGMMA_PLACES_32                                                                                \
    ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define WGMMA_PLACES_64                                                                            \
    WGMMA_PLACES_48                                                                                \
    ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define WGMMA_PLACES_96                                                                            \
    WGMMA_PLACES_64                                                                                \
    ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"             \
    ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define WGMMA_PLACES_128                                                                           \
    WGMMA_PLACES_96                                                                                \
    ", %96, %97, %98, %99, %100, %101, %102, %103"                                                 \
    ", %104, %105, %106, %107, %108, %109, %110, %111"                                             \
    ", %112, %113, %114, %115, %116, %117, %118, %119"                                             \
    ", %120, %121, %122, %123, %124, %125, %126, %127"
// `how`: "+f" or "+r"; from d[i] on.
#define WGMMA_FOUR(how, d, i) how(d[i]), how(d[i + 1]), how(d[i + 2]), how(d[i + 3])
#define WGMMA_SUMS_8(how, d, i) WGMMA_FOUR(how, d, i), WGMMA_FOUR(how, d, i + 4)
#define WGMMA_SUMS_16(how, d, i) WGMMA_SUMS_8(how, d, i), WGMMA_SUMS_8(how, d, i + 8)
#define WGMMA_SUMS_32(how, d, i) WGMMA_SUMS_16(how, d, i), WGMMA_SUMS_16(how, d, i + 16)
#define WGMMA_SUMS_48(how, d, i) WGMMA_SUMS_32(how, d, i), WGMMA_SUMS_16(how, d, i + 32)
#define WGMMA_SUMS_64(how, d, i) WGMMA_SUMS_32(how, d, i), WGMMA_SUMS_32(how, d, i + 32)
#define WGMMA_SUMS_96(how, d, i) WGMMA_SUMS_64(how, d, i), WGMMA_SUMS_32(how, d, i + 64)
#define WGMMA_SUMS_128(how, d, i) WGMMA_SUMS_64(how, d, i), WGMMA_SUMS_64(how, d, i + 64)

namespace kernels::cuda {

/// Where a tile of 128-byte rows lies, for the tensor cores; the address is a multiple of 1024,
/// plus 32 bytes for each step of K inside a row.
__device__ inline std::uint64_t sharedTile(std::uint32_t address) {
    constexpr std::uint64_t kEightRows = 1024 / 16;
    constexpr std::uint64_t kSwizzle128 = 1;
    return kSwizzle128 << 62 | kEightRows << 32 | std::uint64_t{1} << 16 |
           ((address & 0x3FFFF) >> 4);
}

/// Tiles and steps of K at known distances from one address, an addition each.
struct SharedTiles {
    std::uint32_t low;
    __device__ explicit SharedTiles(std::uint32_t address)
        : low(static_cast<std::uint32_t>(sharedTile(address))) {}
    /// At a distance in bytes.
    __device__ std::uint64_t at(int bytes) const {
        constexpr std::uint32_t kHigh = 0x40000040; // as sharedTile() says
        std::uint64_t tile;
        asm("mov.b64 %0, {%1, %2};"
            : "=l"(tile)
            : "r"(low + static_cast<std::uint32_t>(bytes) / 16), "r"(kHigh));
        return tile;
    }
};

__device__ inline void fenceProducts() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void commitProducts() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most kPending committed groups are under way.
template<int kPending>
__device__ inline void waitProducts() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving what defines a sum, or reads it, in between products or ahead of
/// the wait for them.
__device__ inline void settle(float& sum) {
    asm volatile("" : "+f"(sum));
}
__device__ inline void settle(std::int32_t& sum) {
    asm volatile("" : "+r"(sum));
}

/// bf16, K = 16, a in registers (as for mma m16n8k16), d fp32.
__device__ inline void productBf16(float (&d)[8], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_8 "}, {%8, %9, %10, %11}, %12, 1, 1, 1, 0;"
                 : WGMMA_SUMS_8("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ inline void productBf16(float (&d)[16], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_16 "}, {%16, %17, %18, %19}, %20, 1, 1, 1, 0;"
                 : WGMMA_SUMS_16("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ inline void productBf16(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 0;"
                 : WGMMA_SUMS_32("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ inline void productBf16(float (&d)[48], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_48 "}, {%48, %49, %50, %51}, %52, 1, 1, 1, 0;"
                 : WGMMA_SUMS_48("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ inline void productBf16(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 0;"
                 : WGMMA_SUMS_64("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ inline void productBf16(float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
                 "{" WGMMA_PLACES_128 "}, {%128, %129, %130, %131}, %132, 1, 1, 1, 0;"
                 : WGMMA_SUMS_128("+f", d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

/// int8, K = 32, both in shared memory, d int32; without kAdds d is overwritten.
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[8], std::uint64_t a, std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %10, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_8 "}, %8, %9, adds;\n}"
                 : WGMMA_SUMS_8("+r", d, 0)
                 : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[16], std::uint64_t a, std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %18, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n32k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_16 "}, %16, %17, adds;\n}"
                 : WGMMA_SUMS_16("+r", d, 0)
                 : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[32], std::uint64_t a, std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %34, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n64k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_32 "}, %32, %33, adds;\n}"
                 : WGMMA_SUMS_32("+r", d, 0)
                 : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[64], std::uint64_t a, std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %66, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_64 "}, %64, %65, adds;\n}"
                 : WGMMA_SUMS_64("+r", d, 0)
                 : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}
template<bool kAdds>
__device__ inline void productInt8(std::int32_t (&d)[96], std::uint64_t a, std::uint64_t b) {
    asm volatile("{\n .reg .pred adds;\n setp.ne.b32 adds, %98, 0;\n"
                 " wgmma.mma_async.sync.aligned.m64n192k32.s32.s8.s8 "
                 "{" WGMMA_PLACES_96 "}, %96, %97, adds;\n}"
                 : WGMMA_SUMS_96("+r", d, 0)
                 : "l"(a), "l"(b), "n"(kAdds ? 1 : 0));
}

} // namespace kernels::cuda
