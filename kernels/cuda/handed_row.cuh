#pragma once
// How a kernel hands a row to the product behind it (kernels/cuda_handed_row.h).

#include "kernels/cuda/common.cuh"
#include "kernels/cuda_handed_row.h"

namespace kernels::cuda {

/// The lane's column of the row; by all eight lanes of a group, neighbours from a multiple of eight
/// on. `row`: handedBytes(paddedColumns), of which nobody writes the padding: zeros.
__device__ __forceinline__ void handColumn(HandedOrder order, std::byte* row,
                                           std::uint32_t paddedColumns, std::uint32_t column,
                                           float value) {
    const std::uint32_t group = 0xFFU << (threadIdx.x % 32 / kHandedGroup * kHandedGroup);
    // What is not finite must show: its scale is infinite, its sums are NaN.
    float largest = value != value ? INFINITY : fabsf(value);
#pragma unroll
    for (std::uint32_t with = 1; with < kHandedGroup; with *= 2)
        largest = fmaxf(largest, __shfl_xor_sync(group, largest, with));
    // As bf16, up, so that no digit overflows.
    const std::uint32_t scaleBits =
        largest == INFINITY ? 0x7F80U
                            : (__float_as_uint(largest * (1 / kHandedLargest)) + 0xFFFFU) >> 16;
    const float scale = __uint_as_float(scaleBits << 16);
    const float inverse = largest < 1e-30F ? 0.0F : __fdividef(1.0F, scale);
    // 1.5 * 2^23 and half of the base: h in the second byte of the sum and l + 128 in the first.
    const std::uint32_t sum = __float_as_uint(fmaf(value, inverse, 12582912.0F + 128.0F));
    const std::uint32_t own = (sum & 0xFFFFU) ^ 0x80U; // l, h
    const std::uint32_t next = __shfl_xor_sync(group, own, 1);
    const std::uint32_t pair =
        column % 2 == 0 ? permute(own, next, 0x5410U) : permute(next, own, 0x5410U);
    const std::uint32_t behind = __shfl_xor_sync(group, pair, 2);
    if (column % 4 < 2) { // the first lane writes four h, the second four l
        const std::uint32_t digit = column % 4;
        *reinterpret_cast<std::uint32_t*>(row + handedDigitAt(order, column - digit, digit)) =
            permute(pair, behind, digit == 0 ? 0x7531U : 0x6420U);
    }
    if (column % kHandedGroup == 2)
        reinterpret_cast<std::uint16_t*>(
            row + handedDigitBytes(paddedColumns))[handedScaleAt(order, column)] =
            static_cast<std::uint16_t>(scaleBits);
}

} // namespace kernels::cuda
