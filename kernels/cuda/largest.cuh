#pragma once
// The largest of some magnitudes, of which the scale of int8 rows is made. A NaN among them is the
// largest: fmaxf() would drop it, the row would come out of its product as numbers, and nobody
// would see the fault. An infinite one makes a scale that is not finite by itself.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

__device__ inline float largerOf(float a, float b) {
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
}
__device__ inline float largestOf(float4 v) {
    return largerOf(largerOf(fabsf(v.x), fabsf(v.y)), largerOf(fabsf(v.z), fabsf(v.w)));
}
/// Of a warp's values, in every lane.
__device__ inline float warpLargest(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value = largerOf(value, __shfl_xor_sync(kAllLanes, value, offset));
    return value;
}

} // namespace kernels::cuda
