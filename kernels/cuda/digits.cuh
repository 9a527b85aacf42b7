#pragma once
// A group of 128 activations as two int8 digits each (DigitRows), by one warp.
#include "kernels/cuda/largest.cuh"

namespace kernels::cuda {

/// Columns k..k+3 of a row, k a multiple of 128 plus four times the lane: x = s (256 h + l). A
/// value that is not finite makes a scale that is not.
__device__ inline void writeDigits(const DigitRows& out, std::uint32_t row, std::uint32_t k,
                                   float4 v) {
    constexpr float kLargest = 127.0F * kDigitBase;
    const float largest = warpLargest(largestOf(v));
    const bool some = !(largest <= 1e-30F); // or not a number
    const float scale = some ? largest / kLargest : 0.0F;
    const float inverse = some ? kLargest / largest : 0.0F;
    const float values[4] = {v.x, v.y, v.z, v.w};
    std::uint32_t high = 0;
    std::uint32_t low = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float q = fminf(fmaxf(values[i] * inverse, -kLargest), kLargest);
        const std::int32_t both = __float2int_rn(q);
        const std::int32_t h = (both + kDigitBase / 2) >> 8;
        high |= (static_cast<std::uint32_t>(h) & 0xFFU) << (8 * i);
        low |= (static_cast<std::uint32_t>(both - h * kDigitBase) & 0xFFU) << (8 * i);
    }
    std::int8_t* to = out.values + std::size_t{row} * out.paddedColumns + k;
    *reinterpret_cast<std::uint32_t*>(to) = high;
    *reinterpret_cast<std::uint32_t*>(to + std::size_t{out.planeRows} * out.paddedColumns) = low;
    if (threadIdx.x % 32 == 0)
        out.scales[std::size_t{k / 128} * out.stride + row] = scale;
}

} // namespace kernels::cuda
