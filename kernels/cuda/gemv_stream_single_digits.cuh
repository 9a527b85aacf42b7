#pragma once
// How the fast GEMV against a single row (gemv_stream_single.cuh) lays that row into shared memory:
// normed, as two int8 digits each, x = s (256 h + l) with a scale s for 32 columns.
//
// A group of 32 columns is 32 bytes of h, then 32 of l, each in the format's order (digitsAt()).
#include "kernels/cuda/gemv_stream_single_task.cuh"
#include "kernels/cuda/handed_row.cuh"

namespace kernels::cuda {

constexpr std::uint32_t kDigitBlockBytes = 256;  // of 128 columns
constexpr std::uint32_t kDigitGroupColumns = 32; // that share a scale

/// What 32 columns of the row share.
struct DigitGroup {
    float scale; // times the format's kSumScale
    union {
        float sum; // of the columns: of formats with minima as it is, else times -kOffset
        // Of formats with zero points: what one half of a zero point takes away from sixteen times
        // the product in whole numbers; below 2^24, so that a product of 31 halves stays exact.
        std::int32_t wholes;
    };
};

__device__ __forceinline__ void copyFour(float* to, float4 v) {
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}

/// Columns of a row of `slices` units as they lie in shared memory: a warp's at a time.
template<class F>
__host__ __device__ constexpr std::uint32_t digitColumns(std::uint32_t slices) {
    constexpr std::uint32_t kWarpColumns = 256;
    return (slices * F::kColumns + kWarpColumns - 1) / kWarpColumns * kWarpColumns;
}
template<class F>
__host__ __device__ constexpr std::uint32_t digitBytes(std::uint32_t slices) {
    return digitColumns<F>(slices) * 2;
}
template<class F>
__host__ __device__ constexpr std::uint32_t digitGroupBytes(std::uint32_t slices) {
    return digitColumns<F>(slices) / kDigitGroupColumns *
           static_cast<std::uint32_t>(sizeof(DigitGroup));
}

/// Byte kByte of four words, as one word.
template<std::uint32_t kByte>
__device__ __forceinline__ std::uint32_t packBytes(const std::uint32_t* v) {
    constexpr std::uint32_t kPair = kByte | (kByte + 4) << 4;
    return permute(permute(v[0], v[1], kPair), permute(v[2], v[3], kPair), 0x5410U);
}

/// Eight columns, the item-th of the row, as digits; four lanes have a group, all lanes come here.
template<class F>
__device__ __forceinline__ void storeDigits(std::byte* digits, DigitGroup* groups,
                                            std::uint32_t item, const float (&x)[8]) {
    constexpr float kLargest = 127.0F * kDigitBase;
    // 1.5 * 2^23 and half of the base: a sum with them has the rounded integer in its lowest bits,
    // h in the second byte and l + 128 in the first.
    constexpr float kInteger = 12582912.0F + kDigitBase / 2;
    constexpr std::uint32_t kIntegerBits = 0x4B400000U + kDigitBase / 2;
    float largest = fmaxf(fabsf(x[0]), fabsf(x[1])); // NaN where all are
#pragma unroll
    for (int i = 2; i < 8; ++i)
        largest = fmaxf(largest, fabsf(x[i]));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
    const float scale = largest * (1 / kLargest);
    const float inverse = largest < 1e-30F ? 0.0F : __fdividef(kLargest, largest);
    std::uint32_t v[8];
#pragma unroll
    for (int i = 0; i < 8; ++i)
        v[i] = __float_as_uint(fmaf(x[i], inverse, kInteger));
    auto* to = reinterpret_cast<std::uint32_t*>(digits + item / 4 * (2 * kDigitGroupColumns) +
                                                F::digitsAt(item % 4 * 8));
    constexpr std::uint32_t kNext = F::kDigitStep / 4;
    constexpr std::uint32_t kLow = kDigitGroupColumns / 4;
    constexpr std::uint32_t kLess = 0x80808080U; // 128 less of each byte
    to[0] = packBytes<1>(v), to[kNext] = packBytes<1>(v + 4);
    to[kLow] = packBytes<0>(v) ^ kLess, to[kLow + kNext] = packBytes<0>(v + 4) ^ kLess;
    DigitGroup group;
    group.scale = scale * F::kSumScale;
    group.sum = 0;
    if constexpr (F::kOffset != 0 || F::kMinima || F::kZeroPoints) {
        std::uint32_t all = 0U - 8 * kIntegerBits;
#pragma unroll
        for (int i = 0; i < 8; ++i)
            all += v[i];
        all += __shfl_xor_sync(kAllLanes, all, 1);
        all += __shfl_xor_sync(kAllLanes, all, 2);
        const auto whole = static_cast<std::int32_t>(all);
        if constexpr (F::kZeroPoints)
            group.wholes = -8 * whole;
        else
            group.sum = static_cast<float>(whole) * scale * (F::kOffset != 0 ? -F::kOffset : 1.0F);
    }
    if (item % 4 == 0)
        groups[item / 4] = group;
}

/// Times eight columns that a thread has of the row at once: what is normed fits (streamsSingle()).
constexpr std::uint32_t kSingleItems = 4;
constexpr std::uint32_t kSingleThreads = kSingleWarps * 32;

/// w: the norm's weights of the items threadIdx.x + i kSingleThreads; zeros behind the last.
__device__ __forceinline__ void loadNorm(const SingleTask& task, float (&w)[kSingleItems][8]) {
    const auto* weights = reinterpret_cast<const float4*>(task.normWeight);
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i) {
        const std::uint32_t item = threadIdx.x + i * kSingleThreads;
#pragma unroll
        for (std::uint32_t half = 0; half < 2; ++half)
            copyFour(w[i] + half * 4,
                     item < task.columns / 8 ? weights[item * 2 + half] : make_float4(0, 0, 0, 0));
    }
}

/// v: the same items of the row, normed: all that it has.
__device__ __forceinline__ void loadNormed(const SingleTask& task,
                                           const float (&w)[kSingleItems][8], float* rms,
                                           float (&v)[kSingleItems][8]) {
    const std::uint32_t source = task.rowMap != nullptr ? task.rowMap[0] : 0;
    const auto* x = reinterpret_cast<const float4*>(task.x + std::size_t{source} * task.xStride);
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i) {
        const std::uint32_t item = threadIdx.x + i * kSingleThreads;
        if (item >= task.columns / 8)
            break;
        copyFour(v[i], __ldcg(x + item * 2)), copyFour(v[i] + 4, __ldcg(x + item * 2 + 1));
    }
    float sums[kSingleItems] = {}; // four short chains instead of a long one
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i)
#pragma unroll
        for (int k = 0; k < 8; ++k)
            sums[i] = fmaf(v[i][k], v[i][k], sums[i]);
    float sum = warpSum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (threadIdx.x % 32 == 0)
        rms[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleWarps / 4; ++i) {
        const float4 four = reinterpret_cast<const float4*>(rms)[i];
        sum += four.x + four.y + four.z + four.w;
    }
    const float inverse = rsqrtf(__fdividef(sum, static_cast<float>(task.columns)) + task.eps);
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i)
#pragma unroll
        for (int k = 0; k < 8; ++k)
            v[i][k] *= inverse * w[i][k];
}

/// v: the items first + i kSingleThreads of the row, which is bf16 already.
__device__ __forceinline__ void loadRounded(const SingleTask& task, std::uint32_t first,
                                            float (&v)[kSingleItems][8]) {
    const std::uint32_t items = task.columns / 8;
    const auto* from = reinterpret_cast<const uint4*>(task.rounded);
    uint4 raw[kSingleItems]; // all under way at once
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i) {
        const std::uint32_t item = first + i * kSingleThreads;
        raw[i] = item < items ? __ldcg(from + item) : make_uint4(0, 0, 0, 0);
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleItems; ++i) {
        const std::uint32_t words[4] = {raw[i].x, raw[i].y, raw[i].z, raw[i].w};
#pragma unroll
        for (int k = 0; k < 4; ++k)
            v[i][k * 2] = bf16Low(words[k]), v[i][k * 2 + 1] = bf16High(words[k]);
    }
}

/// The whole row; `norm`: loadNorm(). Ends with a barrier.
template<class F>
__device__ __forceinline__ void prepareDigits(const SingleTask& task,
                                              const float (&norm)[kSingleItems][8],
                                              std::byte* digits, DigitGroup* groups, float* rms) {
    const std::uint32_t padded = digitColumns<F>(task.slices) / 8;
#pragma unroll 1
    for (std::uint32_t batch = 0; batch < padded; batch += kSingleThreads * kSingleItems) {
        const std::uint32_t first = batch + threadIdx.x;
        float v[kSingleItems][8] = {};
        if (task.rounded != nullptr)
            loadRounded(task, first, v);
        else
            loadNormed(task, norm, rms, v);
#pragma unroll
        for (std::uint32_t i = 0; i < kSingleItems; ++i) {
            const std::uint32_t item = first + i * kSingleThreads;
            if (item >= padded) // all lanes of a warp
                break;
            storeDigits<F>(digits, groups, item, v[i]);
        }
    }
    __syncthreads();
}

/// The row as it was handed over, from memory; ends with a barrier.
__device__ __forceinline__ void copyHanded(const SingleTask& task, std::byte* digits) {
    constexpr std::uint32_t kBatch = 5; // 16 bytes each, all under way at once
    const std::uint32_t pieces = handedBytes(task.slices * kHandedUnit) / 16;
    const auto* from = reinterpret_cast<const uint4*>(task.handed);
    auto* to = reinterpret_cast<uint4*>(digits);
#pragma unroll 1
    for (std::uint32_t first = threadIdx.x; first < pieces; first += kSingleThreads * kBatch) {
        uint4 raw[kBatch];
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i)
            if (const std::uint32_t piece = first + i * kSingleThreads; piece < pieces)
                raw[i] = __ldcg(from + piece);
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i)
            if (const std::uint32_t piece = first + i * kSingleThreads; piece < pieces)
                to[piece] = raw[i];
    }
    __syncthreads();
}

} // namespace kernels::cuda
