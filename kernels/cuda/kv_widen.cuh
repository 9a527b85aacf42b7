#pragma once
// Int8 keys and values as fp16, their scale folded in.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// What widenFour() takes for a scale. It comes 256 times as large, so that a small one keeps its
/// bits; one too large for fp16 stays finite.
__device__ inline __half2 wideScale(float scale) {
    return __float2half2_rn(fminf(scale * 256.0F, 65504.0F));
}
/// Four bytes times the scale.
__device__ inline uint2 widenFour(std::uint32_t word, __half2 scale) {
    const std::uint32_t biased = word ^ 0x80808080U; // q + 128
    const std::uint32_t words[2] = {permute(biased, 0x64646464U, 0x4140),
                                    permute(biased, 0x64646464U, 0x4342)}; // on top of 1024
    std::uint32_t out[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const __half2 integer = *reinterpret_cast<const __half2*>(&words[i]);
        const __half2 q = __hfma2(integer, __float2half2_rn(1.0F / 256.0F),
                                  __float2half2_rn(-1152.0F / 256.0F)); // q / 256, exact
        const __half2 v = __hmul2(q, scale);
        out[i] = *reinterpret_cast<const std::uint32_t*>(&v);
    }
    return make_uint2(out[0], out[1]);
}

} // namespace kernels::cuda
