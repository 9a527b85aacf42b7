#pragma once
// Products of attention of many rows (attention_rows.cu) over int8 keys and values, which stay as
// they are: a query is two rows of signed bytes, q = s (256 h + l), 16 bits of the head's largest,
// and a probability times its value's scale two unsigned ones, 16 bits of the chunk's largest. The
// products are exact integers. bf16 halves need three instructions for every two bytes of the cache
// and twice as many products.

#include "kernels/cuda/attention_rows_sums.cuh"

namespace kernels::cuda::fused {

/// d += a b; a is 16x32 row-major, b 32x8 column-major, both signed.
__device__ inline void mmaInt8(std::int32_t (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                               std::uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
                 "{%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// d = a b; a is 16x16 row-major and signed, b 16x8 column-major and unsigned.
__device__ inline void mmaInt8Unsigned(std::int32_t (&d)[4], std::uint32_t a0, std::uint32_t a1,
                                       std::uint32_t b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.u8.s32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
                 "{%7,%7,%7,%7};"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(a0), "r"(a1), "r"(b), "r"(0));
}

template<int kDim>
struct QueryDigits {
    using S = Shape<std::int8_t, kDim>;
    std::uint32_t b[kDim / 32][2]; // column lane / 4: query head lane / 8, one digit of it
    float scale;                   // of head lane % 4

    __device__ explicit QueryDigits(const Fixed<kDim>& fixed) {
        constexpr float kLargest = 127.0F * kDigitBase;
        const std::uint32_t lane = threadIdx.x % 32;
        const float* q = fixed.query[lane / 8];
        float4 v[kDim / 16]; // the lane's dimensions, in the order of the keys' bytes
        float largest = 0;
#pragma unroll
        for (int i = 0; i < kDim / 16; ++i) {
            v[i] = *reinterpret_cast<const float4*>(q + (i / 4 * 4 + lane % 4) * 16 + i % 4 * 4);
            largest = largerOf(largest, largestOf(v[i]));
        }
        largest = largerOf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
        largest = largerOf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
        const bool some = !(largest <= 1e-30F); // or not a number
        const float inverse = some ? kLargest / largest : 0.0F;
        scale = __shfl_sync(kAllLanes, some ? largest / kLargest : 0.0F,
                            static_cast<int>(lane % 4 * 8));
        const bool low = lane / 4 % 2 != 0;
#pragma unroll
        for (int i = 0; i < kDim / 16; ++i) {
            const float values[4] = {v[i].x, v[i].y, v[i].z, v[i].w};
            std::uint32_t bytes = 0;
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const std::int32_t both =
                    __float2int_rn(fminf(fmaxf(values[k] * inverse, -kLargest), kLargest));
                const std::int32_t high = (both + kDigitBase / 2) >> 8;
                const std::int32_t digit = low ? both - high * kDigitBase : high;
                bytes |= (static_cast<std::uint32_t>(digit) & 0xFFU) << (8 * k);
            }
            b[i / 2][i % 2] = bytes;
        }
    }

    /// out[half]: head lane % 4, position lane / 4 + 8 half, without the keys' scales.
    __device__ void scores(const std::byte* slot, float (&out)[2]) const {
        const std::uint32_t lane = threadIdx.x % 32;
        std::int32_t sums[4] = {};
#pragma unroll
        for (int i = 0; i < S::kKeyPieces; ++i) {
            const uint4 upper = *reinterpret_cast<const uint4*>(slot + (i * 32 + lane) * 16);
            const uint4 lower =
                *reinterpret_cast<const uint4*>(slot + ((S::kKeyPieces + i) * 32 + lane) * 16);
            const std::uint32_t left[4] = {upper.x, lower.x, upper.y, lower.y};
            const std::uint32_t right[4] = {upper.z, lower.z, upper.w, lower.w};
            mmaInt8(sums, left, b[i * 2][0], b[i * 2][1]);
            mmaInt8(sums, right, b[i * 2 + 1][0], b[i * 2 + 1][1]);
        }
        out[0] = static_cast<float>(sums[0] * kDigitBase + sums[1]) * scale;
        out[1] = static_cast<float>(sums[2] * kDigitBase + sums[3]) * scale;
    }

    /// run.acc += V^T weights; weights[half] of head lane % 4 at position lane / 4 + 8 half.
    __device__ static void addValues(const std::byte* values, const float (&weights)[2],
                                     Running<kDim, true>& run) {
        constexpr float kLargest = 65535;
        const std::uint32_t group = threadIdx.x % 32 / 4;
        const std::uint32_t quarter = threadIdx.x % 4;
        constexpr int kWords = S::kLaneDims / 4;
        std::uint32_t words[4][kWords]; // positions 2q, 2q + 8, 2q + 1, 2q + 9
#pragma unroll
        for (int r = 0; r < 4; ++r) {
            const std::uint32_t row = quarter * 2 + r / 2 + r % 2 * 8;
            const std::byte* from = values + row * S::kRowBytes;
            if constexpr (kWords == 2) {
                const uint2 raw = *reinterpret_cast<const uint2*>(from + group * 8);
                words[r][0] = raw.x, words[r][1] = raw.y;
            } else {
                const uint4 raw =
                    *reinterpret_cast<const uint4*>(from + S::swizzle(row, group) * 16);
                words[r][0] = raw.x, words[r][1] = raw.y;
                words[r][2] = raw.z, words[r][3] = raw.w;
            }
        }
        float largest = fmaxf(weights[0], weights[1]);
        largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 4));
        largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 8));
        largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 16));
        const float inverse = largest > 1e-30F ? __fdividef(kLargest, largest) : 0.0F;
        // High bytes of both positions, then low ones; a lane gets four positions of its column.
        const std::uint32_t p = transpose8x8(permute(
            __float2uint_rn(weights[0] * inverse), __float2uint_rn(weights[1] * inverse), 0x4051));
        const float scale = largest * (1.0F / kLargest);
#pragma unroll
        for (int i = 0; i < kWords; ++i) {
            const std::uint32_t first[2] = {permute(words[0][i], words[1][i], 0x5140),
                                            permute(words[0][i], words[1][i], 0x7362)};
            const std::uint32_t second[2] = {permute(words[2][i], words[3][i], 0x5140),
                                             permute(words[2][i], words[3][i], 0x7362)};
#pragma unroll
            for (int j = 0; j < 2; ++j) { // dimensions 4 i + 2 j and the next
                std::int32_t d[4];
                mmaInt8Unsigned(d, permute(first[j], second[j], 0x5410),
                                permute(first[j], second[j], 0x7632), p);
                float(&acc)[2] = run.acc[2 * i + j];
                acc[0] = fmaf(static_cast<float>(d[0] * kDigitBase + d[1]), scale, acc[0]);
                acc[1] = fmaf(static_cast<float>(d[2] * kDigitBase + d[3]), scale, acc[1]);
            }
        }
    }
};

} // namespace kernels::cuda::fused
