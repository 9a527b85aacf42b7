#pragma once
// How the fast GEMV against a single row (gemv_stream_single.cuh) lays that row into shared memory:
// times the norm's weights, as two int8 digits each, x = s (256 h + l) with a scale s for 32
// columns. The norm's factor, one for the row, meets the sums at the end (rmsFactor()).
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

/// Everything of a row of `slices` units in shared memory.
template<class F>
__host__ __device__ constexpr std::uint32_t rowBytes(std::uint32_t slices) {
    const std::uint32_t sums = digitColumns<F>(slices) / kDigitGroupColumns * 4;
    return digitBytes<F>(slices) + digitGroupBytes<F>(slices) + (F::kSumsHanded ? sums : 0);
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
    const std::uint32_t high[2] = {packBytes<1>(v), packBytes<1>(v + 4)};
    const std::uint32_t low[2] = {packBytes<0>(v) ^ kLess, packBytes<0>(v + 4) ^ kLess};
    if constexpr (kNext == 1) {
        *reinterpret_cast<uint2*>(to) = make_uint2(high[0], high[1]);
        *reinterpret_cast<uint2*>(to + kLow) = make_uint2(low[0], low[1]);
    } else {
        to[0] = high[0], to[kNext] = high[1];
        to[kLow] = low[0], to[kLow + kNext] = low[1];
    }
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

/// Times eight columns that a thread has of a normed row, all at once: rows of up to 4,096 columns
/// have kernels of their own, with registers for other things.
constexpr int kFewItems = 2;
constexpr int kMostItems = 4;
constexpr std::uint32_t kSingleThreads = kSingleWarps * 32;

/// w: the norm's weights of eight columns; zeros behind the last.
__device__ __forceinline__ void loadNorm(const SingleTask& task, std::uint32_t item,
                                         float (&w)[8]) {
    const auto* weights = reinterpret_cast<const float4*>(task.normWeight);
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half)
        copyFour(w + half * 4,
                 item < task.columns / 8 ? weights[item * 2 + half] : make_float4(0, 0, 0, 0));
}

/// The row times the norm's weights, which for the first items are in `norm`; and in `rms` what
/// rmsFactor() makes the rest of the norm from: a factor of every sum, so that nobody waits for it.
template<class F, int kItems>
__device__ __forceinline__ void normDigits(const SingleTask& task,
                                           const float (&norm)[kFewItems][8], std::byte* digits,
                                           DigitGroup* groups, float* rms) {
    const std::uint32_t padded = digitColumns<F>(task.slices) / 8;
    // All warps skip the same, so that short rows pass few instructions.
    const auto batches = static_cast<int>((padded + kSingleThreads - 1) / kSingleThreads);
    const std::uint32_t source = task.rowMap != nullptr ? task.rowMap[0] : 0;
    const auto* x = reinterpret_cast<const float4*>(task.x + std::size_t{source} * task.xStride);
    float v[kItems][8];
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
        if (i >= batches)
            break;
        const std::uint32_t item = threadIdx.x + i * kSingleThreads;
#pragma unroll
        for (std::uint32_t half = 0; half < 2; ++half)
            copyFour(v[i] + half * 4, item < task.columns / 8 ? __ldcg(x + item * 2 + half)
                                                              : make_float4(0, 0, 0, 0));
    }
    float squares[2] = {}; // two short chains
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
        if (i >= batches)
            break;
#pragma unroll
        for (int k = 0; k < 8; ++k)
            squares[k % 2] = fmaf(v[i][k], v[i][k], squares[k % 2]);
    }
    const float sum = warpSum(squares[0] + squares[1]);
    if (threadIdx.x % 32 == 0)
        rms[threadIdx.x / 32] = sum;
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
        if (i >= batches)
            break;
        const std::uint32_t item = threadIdx.x + i * kSingleThreads;
        float late[8];
        if (i >= kFewItems)
            loadNorm(task, item, late);
#pragma unroll
        for (int k = 0; k < 8; ++k)
            v[i][k] *= i < kFewItems ? norm[i % kFewItems][k] : late[k];
        if (item < padded) // all lanes of a warp
            storeDigits<F>(digits, groups, item, v[i]);
    }
}

/// What sums of a normed row are to be multiplied by; 1 for other rows.
__device__ __forceinline__ float rmsFactor(const SingleTask& task, const float* rms) {
    if (task.normWeight == nullptr)
        return 1;
    float sum = 0;
#pragma unroll
    for (std::uint32_t i = 0; i < kSingleWarps / 4; ++i) {
        const float4 four = reinterpret_cast<const float4*>(rms)[i];
        sum += (four.x + four.y) + (four.z + four.w);
    }
    return rsqrtf(__fdividef(sum, static_cast<float>(task.columns)) + task.eps);
}

/// The row that is bf16 already: it comes to where its digits will lie, four lanes' sixteen bytes
/// for those of a group.
template<class F>
__device__ __forceinline__ void roundedDigits(const SingleTask& task, std::byte* digits,
                                              DigitGroup* groups) {
    const std::uint32_t items = task.columns / 8;
    const std::uint32_t padded = digitColumns<F>(task.slices) / 8;
    const std::uint32_t to = sharedAddress(digits);
#pragma unroll 1
    for (std::uint32_t item = threadIdx.x; item < padded; item += kSingleThreads)
        copyAsync16(to + item * 16, task.rounded + std::size_t{min(item, items - 1)} * 8,
                    item < items ? 16 : 0);
    commitAsync();
    waitAsync<0>();
    __syncwarp(); // which reads only what it asked for
#pragma unroll 1
    for (std::uint32_t item = threadIdx.x; item < padded; item += kSingleThreads) {
        const uint4 raw = loadShared16(to + item * 16);
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
        float v[8];
#pragma unroll
        for (int k = 0; k < 4; ++k)
            v[k * 2] = bf16Low(words[k]), v[k * 2 + 1] = bf16High(words[k]);
        storeDigits<F>(digits, groups, item, v);
    }
}

/// The row as it was handed over.
template<class F>
__device__ __forceinline__ void copyHanded(const SingleTask& task, std::byte* digits) {
    const std::uint32_t pieces = handedBytes(task.slices * F::kColumns) / 16;
    const std::uint32_t to = sharedAddress(digits);
#pragma unroll 1
    for (std::uint32_t piece = threadIdx.x; piece < pieces; piece += kSingleThreads)
        copyAsync16(to + piece * 16, task.handed + std::size_t{piece} * 16, 16);
    commitAsync();
    waitAsync<0>();
}

/// Behind a row that was handed over, [columns / 32] fp32: the sums of its groups, which meet the
/// minima and zero points of weights. Nobody else reads a group meanwhile.
template<class F>
__device__ __forceinline__ void sumHanded(const SingleTask& task, std::byte* row) {
    const std::uint32_t columns = task.slices * F::kColumns;
    auto* sums = reinterpret_cast<float*>(row + handedBytes(columns));
#pragma unroll 1
    for (std::uint32_t group = threadIdx.x; group < columns / kDigitGroupColumns;
         group += kSingleThreads) {
        const auto* digits = reinterpret_cast<const uint4*>(row + group * 64);
        const uint2 scales =
            *reinterpret_cast<const uint2*>(row + handedDigitBytes(columns) + group * 8);
        const float scale[4] = {bf16Low(scales.x), bf16High(scales.x), bf16Low(scales.y),
                                bf16High(scales.y)};
        constexpr std::int32_t kOnes = 0x01010101;
        float sum = 0;
#pragma unroll
        for (int half = 0; half < 2; ++half) { // of sixteen columns
            const uint4 high = digits[half];
            const uint4 low = digits[2 + half];
            const auto whole = [](std::uint32_t h0, std::uint32_t h1, std::uint32_t l0,
                                  std::uint32_t l1) {
                const int h =
                    __dp4a(static_cast<int>(h0), kOnes, __dp4a(static_cast<int>(h1), kOnes, 0));
                const int l =
                    __dp4a(static_cast<int>(l0), kOnes, __dp4a(static_cast<int>(l1), kOnes, 0));
                return static_cast<float>(h * kDigitBase + l);
            };
            sum = fmaf(scale[half * 2], whole(high.x, high.y, low.x, low.y), sum);
            sum = fmaf(scale[half * 2 + 1], whole(high.z, high.w, low.z, low.w), sum);
        }
        sums[group] = sum;
    }
}

} // namespace kernels::cuda
