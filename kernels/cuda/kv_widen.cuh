#pragma once
// Cached keys and values as fp16, their scale folded in.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// widenedPageBytes()
__host__ __device__ inline std::size_t widenedPageBytesOf(const KvLayout& kv, bool keyBias) {
    KvLayout wide = kv;
    wide.kind = KvKind::BF16;
    return wide.layerBytes() + (keyBias ? wide.valuesOffset() : 0);
}

/// A scale as the sum of two fp16: rounded to one, it would turn all scores of a key one way. It
/// comes 256 times as large, so that a small one keeps its bits; one too large for fp16 stays
/// finite.
struct WideScale {
    __half2 high;
    __half2 low;

    __device__ explicit WideScale(float scale) {
        const float large = fminf(scale * 256.0F, 65504.0F);
        high = __float2half2_rn(large);
        low = __float2half2_rn(large - __low2float(high));
    }
};
/// Four bytes times the scale, rounded once.
__device__ inline uint2 widenFour(std::uint32_t word, const WideScale& scale) {
    const std::uint32_t biased = word ^ 0x80808080U; // q + 128
    const std::uint32_t words[2] = {permute(biased, 0x64646464U, 0x4140),
                                    permute(biased, 0x64646464U, 0x4342)}; // on top of 1024
    std::uint32_t out[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const __half2 integer = *reinterpret_cast<const __half2*>(&words[i]);
        const __half2 q = __hfma2(integer, __float2half2_rn(1.0F / 256.0F),
                                  __float2half2_rn(-1152.0F / 256.0F)); // q / 256, exact
        const __half2 v = __hfma2(q, scale.high, __hmul2(q, scale.low));
        out[i] = *reinterpret_cast<const std::uint32_t*>(&v);
    }
    return make_uint2(out[0], out[1]);
}

} // namespace kernels::cuda
