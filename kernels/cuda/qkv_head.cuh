#pragma once
// Bias, norm, rotation and rounding of one head, by one warp, the head in shared memory.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

/// Nothing to do while something is under way.
struct Nothing {
    __device__ void operator()() const {}
};

/// Bias and norm of one head into `head` (shared memory); the warp does `meanwhile` when it has
/// asked for the first 128 dimensions.
template<typename Meanwhile = Nothing>
__device__ inline void loadHead(const float* x, const float* bias, const float* norm, float eps,
                                std::uint32_t dim, float* head, const Meanwhile& meanwhile = {}) {
    const std::uint32_t lane = threadIdx.x % 32;
    constexpr std::uint32_t kBatch = 4; // loads under way at once
    float squares = 0;
#pragma unroll 1
    for (std::uint32_t begin = 0; begin < dim; begin += kBatch * 32) {
        const std::uint32_t first = begin + lane;
        float v[kBatch];
        float b[kBatch];
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t d = first + i * 32;
            v[i] = d < dim ? __ldcg(x + d) : 0.0F;
            b[i] = bias != nullptr && d < dim ? bias[d] : 0.0F;
        }
        if (begin == 0)
            meanwhile();
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            v[i] += b[i];
            squares += v[i] * v[i];
            if (first + i * 32 < dim)
                head[first + i * 32] = v[i];
        }
    }
    if (norm != nullptr) {
        const float inverse = 1.0F / sqrtf(warpSum(squares) / static_cast<float>(dim) + eps);
        for (std::uint32_t d = lane; d < dim; d += 32)
            head[d] = head[d] * inverse * norm[d];
    }
    __syncwarp();
}

/// `angles`: cosines of all pairs `stride` apart, then sines.
__device__ inline void rotateHead(const float* angles, std::size_t stride, std::uint32_t pairs,
                                  bool adjacent, float* head) {
#pragma unroll 1
    for (std::uint32_t i = threadIdx.x % 32; i < pairs; i += 32) {
        const std::uint32_t first = adjacent ? 2 * i : i;
        const std::uint32_t second = adjacent ? 2 * i + 1 : i + pairs;
        const float cosine = angles[i * stride];
        const float sine = angles[(i + pairs) * stride];
        const float a = head[first];
        const float b = head[second];
        head[first] = a * cosine - b * sine;
        head[second] = b * cosine + a * sine;
    }
    __syncwarp();
}

/// What a key or value of int8 is divided by: its largest magnitude becomes 127.
__device__ inline float int8Scale(const float* head, std::uint32_t dim) {
    float largest = 0;
    for (std::uint32_t d = threadIdx.x % 32; d < dim; d += 32)
        largest = fmaxf(largest, fabsf(head[d]));
    return warpMax(largest) / 127.0F;
}
__device__ inline std::int8_t toInt8(float value, float scale) {
    return static_cast<std::int8_t>(scale > 0 ? rintf(value / scale) : 0.0F);
}

} // namespace kernels::cuda
