#pragma once
// What kernels that round activation rows share: reading four columns, RMSNorm.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// Columns k..k+3, zero behind the last.
__device__ inline float4 readFour(const RowSource& from, std::size_t row, std::uint32_t k) {
    float4 v = make_float4(0, 0, 0, 0);
    if (k >= from.columns)
        return v;
    if (from.half != nullptr) {
        const std::uint16_t* at = from.half + row * from.stride;
        uint2 pairs;
        if (from.prepared) { // see gemm_wgmma.cuh
            at += k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2;
            pairs.x = *reinterpret_cast<const std::uint32_t*>(at);
            pairs.y = *reinterpret_cast<const std::uint32_t*>(at + 8);
        } else {
            pairs = *reinterpret_cast<const uint2*>(at + k);
        }
        v = make_float4(bf16Low(pairs.x), bf16High(pairs.x), bf16Low(pairs.y), bf16High(pairs.y));
    } else {
        v = *reinterpret_cast<const float4*>(from.x + row * from.stride + k);
    }
    if (k + 1 >= from.columns)
        v.y = 0;
    if (k + 2 >= from.columns)
        v.z = 0;
    if (k + 3 >= from.columns)
        v.w = 0;
    return v;
}

/// v times the norm's weight of columns k..k+3 and `inverse`; as it is without a norm.
__device__ inline float4 normFour(const RowSource& from, std::uint32_t k, float inverse, float4 v) {
    if (from.normWeight == nullptr || k >= from.columns)
        return v;
    const float* w = from.normWeight + k;
    if (k + 3 < from.columns) {
        const float4 four = *reinterpret_cast<const float4*>(w);
        return make_float4(v.x * inverse * four.x, v.y * inverse * four.y, v.z * inverse * four.z,
                           v.w * inverse * four.w);
    }
    v.x *= inverse * w[0];
    v.y = k + 1 < from.columns ? v.y * inverse * w[1] : 0;
    v.z = k + 2 < from.columns ? v.z * inverse * w[2] : 0;
    v.w = k + 3 < from.columns ? v.w * inverse * w[3] : 0;
    return v;
}

/// The sum over a block, in every thread.
template<int kThreads>
__device__ float blockSum(float value, float (&sums)[kThreads / 32]) {
    value = warpSum(value);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    float sum = 0;
    for (const float part : sums)
        sum += part;
    return sum;
}
__device__ inline float inverseRms(float squares, const RowSource& from) {
    return 1.0F / sqrtf(squares / static_cast<float>(from.columns) + from.eps);
}

} // namespace kernels::cuda
