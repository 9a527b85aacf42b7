#pragma once
// How the fast GEMV (gemv_stream.cuh) lays activations into shared memory: normed, rounded to bf16
// with what rounding lost beside, in the order in which the lanes read them.

#include "kernels/cuda/gemv_stream_task.cuh"

namespace kernels::cuda {

/// Eight columns of an activation row.
struct Columns {
    float4 low, high;
};
/// v, zero from column `left` on.
__device__ inline float4 clipped(float4 v, std::uint32_t left) {
    return make_float4(left > 0 ? v.x : 0, left > 1 ? v.y : 0, left > 2 ? v.z : 0,
                       left > 3 ? v.w : 0);
}
/// From column k on, zero behind the last. Strides are multiples of 4, so that 4 columns may be
/// read where one of them exists.
__device__ inline Columns loadColumns(const StreamTask& task, std::uint32_t row, std::uint32_t k) {
    const std::uint32_t left = k < task.columns ? task.columns - k : 0;
    Columns v{};
    if (task.rounded != nullptr) {
        const std::uint16_t* from = task.rounded + std::size_t{row} * task.xStride + k;
        uint2 raw[2] = {};
        if (left > 0)
            raw[0] = *reinterpret_cast<const uint2*>(from);
        if (left > 4)
            raw[1] = *reinterpret_cast<const uint2*>(from + 4);
        v.low = make_float4(bf16Low(raw[0].x), bf16High(raw[0].x), bf16Low(raw[0].y),
                            bf16High(raw[0].y));
        v.high = make_float4(bf16Low(raw[1].x), bf16High(raw[1].x), bf16Low(raw[1].y),
                             bf16High(raw[1].y));
    } else {
        const std::uint32_t source = task.rowMap != nullptr ? task.rowMap[row] : row;
        const float* from = task.x + std::size_t{source} * task.xStride + k;
        if (left > 0)
            v.low = *reinterpret_cast<const float4*>(from);
        if (left > 4)
            v.high = *reinterpret_cast<const float4*>(from + 4);
    }
    if (left < 8) {
        v.low = clipped(v.low, left);
        v.high = clipped(v.high, left > 4 ? left - 4 : 0);
    }
    return v;
}
__device__ inline Columns loadNorm(const float* weights, std::uint32_t k, std::uint32_t columns) {
    const std::uint32_t left = k < columns ? columns - k : 0;
    Columns v{};
    if (left >= 8) {
        v.low = *reinterpret_cast<const float4*>(weights + k);
        v.high = *reinterpret_cast<const float4*>(weights + k + 4);
    } else {
        float* to = &v.low.x;
        for (std::uint32_t i = 0; i < 4; ++i) {
            to[i] = i < left ? weights[k + i] : 0;
            (&v.high.x)[i] = i + 4 < left ? weights[k + 4 + i] : 0;
        }
    }
    return v;
}
__device__ inline float squares(float4 v) {
    return v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
}
__device__ inline float4 scaled(float4 v, float factor, float4 w) {
    return make_float4(v.x * factor * w.x, v.y * factor * w.y, v.z * factor * w.z,
                       v.w * factor * w.w);
}

/// 1 / rms of every activation row into `inverse` [rows]. Ends with a barrier.
template<int kWarps>
__device__ void inverseRms(const StreamTask& task, float* sums, float* inverse) {
    constexpr std::uint32_t kThreads = kWarps * 32;
    for (std::uint32_t m = 0; m < task.rows; ++m) {
        float sum = 0;
#pragma unroll 4
        for (std::uint32_t k = threadIdx.x * 8; k < task.columns; k += kThreads * 8) {
            const Columns v = loadColumns(task, m, k);
            sum += squares(v.low) + squares(v.high);
        }
        sum = warpSum(sum);
        if (threadIdx.x % 32 == 0)
            sums[m * kWarps + threadIdx.x / 32] = sum;
    }
    __syncthreads();
    if (threadIdx.x < task.rows) {
        float sum = 0;
        for (int w = 0; w < kWarps; ++w)
            sum += sums[threadIdx.x * kWarps + w];
        inverse[threadIdx.x] = 1.0F / sqrtf(sum / static_cast<float>(task.columns) + task.eps);
    }
    __syncthreads();
}

/// Four columns of a row, rounded, where the lanes will read them.
template<class F>
__device__ void placeColumns(std::byte* row, bool split, std::uint32_t lowOffset,
                             std::uint32_t local, float4 v) {
    std::uint32_t piece = 0;
    std::uint32_t quarter = 0;
    std::uint32_t half = 0;
    F::place(local % F::kColumns, piece, quarter, half);
    std::byte* to =
        row + ((local / F::kColumns * F::kPieces + piece) * 4 + quarter) * 16 + half * 8;
    // Columns 0 and 2 in one word, 1 and 3 in the next: as masks leave the weights.
    *reinterpret_cast<uint2*>(to) = make_uint2(packBf16(v.x, v.z), packBf16(v.y, v.w));
    if (split)
        *reinterpret_cast<uint2*>(to + lowOffset) =
            make_uint2(packBf16(v.x - roundBf16(v.x), v.z - roundBf16(v.z)),
                       packBf16(v.y - roundBf16(v.y), v.w - roundBf16(v.w)));
}

/// Where eight columns from `local` on lie in a row of activations.
template<class F>
__device__ __forceinline__ std::uint32_t placeOfEight(std::uint32_t local) {
    std::uint32_t piece = 0;
    std::uint32_t quarter = 0;
    std::uint32_t half = 0;
    F::place(local % F::kColumns, piece, quarter, half);
    return ((local / F::kColumns * F::kPieces + piece) * 4 + quarter) * 16 + half * 8;
}
/// Bf16 of columns 0 and 2, 1 and 3, then 4 and 6, 5 and 7.
template<class F>
__device__ __forceinline__ void storeEight(std::byte* to, uint4 v) {
    if constexpr (F::kHalfStep == 8) {
        *reinterpret_cast<uint4*>(to) = v;
    } else {
        *reinterpret_cast<uint2*>(to) = make_uint2(v.x, v.y);
        *reinterpret_cast<uint2*>(to + F::kHalfStep) = make_uint2(v.z, v.w);
    }
}

/// Eight bf16 columns in their order, as storeEight() takes them.
__device__ __forceinline__ uint4 pairColumns(uint4 v) {
    return make_uint4(permute(v.x, v.y, 0x5410U), permute(v.x, v.y, 0x7632U),
                      permute(v.z, v.w, 0x5410U), permute(v.z, v.w, 0x7632U));
}
/// Rows that are bf16 already, of a part's columns; four rows' loads are under way at once.
template<class F, int kWarps>
__device__ void copyActivations(const StreamTask& task, const StreamPart& part, std::byte* shared,
                                std::uint32_t pitch) {
    constexpr std::uint32_t kBatch = 4;
    const std::uint32_t begin = part.sliceBegin * F::kColumns;
    const std::uint32_t perRow = (part.sliceEnd - part.sliceBegin) * F::kColumns / 8;
    for (std::uint32_t row = 0; row < task.rows; row += kBatch)
        for (std::uint32_t item = threadIdx.x; item < perRow; item += kWarps * 32) {
            const std::uint32_t k = begin + item * 8;
            const std::uint16_t* from = task.rounded + std::size_t{row} * task.xStride + k;
            uint4 v[kBatch];
#pragma unroll
            for (std::uint32_t i = 0; i < kBatch; ++i)
                v[i] = row + i < task.rows && k < task.columns
                           ? *reinterpret_cast<const uint4*>(from + std::size_t{i} * task.xStride)
                           : make_uint4(0, 0, 0, 0);
            std::byte* to = shared + std::size_t{row} * pitch + placeOfEight<F>(item * 8);
#pragma unroll
            for (std::uint32_t i = 0; i < kBatch; ++i)
                if (row + i < task.rows)
                    storeEight<F>(to + i * pitch, pairColumns(v[i]));
        }
    __syncthreads();
}

/// Normed, rounded activations of a part's columns, in the order in which lanes read them:
/// [row][unit][piece][quarter][8], high parts of all rows, then low parts. All loads of a batch are
/// under way before the first is used.
template<class F, int kWarps>
__device__ void fillActivations(const StreamTask& task, const float* norm, bool split,
                                const StreamPart& part, const float* inverse, std::byte* shared,
                                std::uint32_t pitch) {
    if (task.rounded != nullptr && task.columns % 8 == 0 && task.xStride % 8 == 0 && !split)
        return copyActivations<F, kWarps>(task, part, shared, pitch);
    constexpr std::uint32_t kThreads = kWarps * 32;
    constexpr std::uint32_t kBatch = 2;
    const std::uint32_t begin = part.sliceBegin * F::kColumns;
    const std::uint32_t perRow = (part.sliceEnd - part.sliceBegin) * F::kColumns / 8;
    const std::uint32_t count = perRow * task.rows;
    const bool normed = norm != nullptr;
    for (std::uint32_t first = threadIdx.x; first < count; first += kThreads * kBatch) {
        Columns values[kBatch];
        Columns norms[kBatch];
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t item = first + i * kThreads;
            const std::uint32_t m = task.rows == 1 ? 0 : item / perRow;
            const std::uint32_t k = begin + (item - m * perRow) * 8;
            if (item < count) {
                values[i] = loadColumns(task, m, k);
                if (normed)
                    norms[i] = loadNorm(norm, k, task.columns);
            }
        }
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t item = first + i * kThreads;
            if (item >= count)
                break;
            const std::uint32_t m = task.rows == 1 ? 0 : item / perRow;
            const std::uint32_t local = (item - m * perRow) * 8;
            Columns v = values[i];
            if (normed) {
                v.low = scaled(v.low, inverse[m], norms[i].low);
                v.high = scaled(v.high, inverse[m], norms[i].high);
            }
            std::byte* row = shared + std::size_t{m} * pitch;
            placeColumns<F>(row, split, task.rows * pitch, local, v.low);
            placeColumns<F>(row, split, task.rows * pitch, local + 4, v.high);
        }
    }
    __syncthreads();
}

} // namespace kernels::cuda
