#pragma once
// What the checks of attention of many rows share: rows, pages and queries on the device.
#include "kernels/cuda/common.cuh"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

namespace tests {

using namespace kernels::cuda;

/// Near normal, standard deviation 1.
__device__ inline float normalOf(std::uint32_t at) {
    const std::uint32_t h = hashed(at * 2654435761U + 12345);
    const float sum = static_cast<float>((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24));
    return (sum - 510.0F) * (1.0F / 147.8F);
}
static __global__ void fillNormal(float* out, std::size_t count, std::uint32_t seed, float size) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        out[i] = normalOf(static_cast<std::uint32_t>(i) + seed) * size;
}
/// What Attention::queryHalf holds.
static __global__ void halveQueries(const float* query, std::size_t count, float factor, bool fp16,
                                    std::uint16_t* out) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        out[i] = fp16 ? __half_as_ushort(__float2half_rn(query[i] * factor))
                      : __bfloat16_as_ushort(__float2bfloat16_rn(query[i] * factor));
}
/// Queries that fp16 holds, times `factor`: next to a large bias rounding them would be all one
/// sees.
static __global__ void roundQueries(float* query, std::size_t count, float factor) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        query[i] = __half2float(__float2half_rn(query[i] * factor)) / factor;
}
/// Real positions of a page, NaN in all others; one block a page and KV head.
static __global__ void fillPage(std::byte* pool, std::size_t stride, KvLayout kv,
                                const std::uint32_t* pages, const std::uint32_t* counts) {
    std::byte* page = pool + pages[blockIdx.x] * stride;
    const std::uint32_t head = blockIdx.y;
    for (std::uint32_t i = threadIdx.x; i < kPagePositions * kv.headDim; i += blockDim.x) {
        const std::uint32_t position = i / kv.headDim;
        if (position >= counts[blockIdx.x])
            break;
        const std::size_t at = std::size_t{head} * kPagePositions * kv.headDim + i;
        const std::uint32_t seed = (pages[blockIdx.x] * 64 + head) * 8192 + i;
        const float k = normalOf(seed);
        const float v = normalOf(seed + 0x40000000U);
        if (kv.kind == KvKind::Int8) {
            reinterpret_cast<std::int8_t*>(page)[at] =
                static_cast<std::int8_t>(fminf(fmaxf(rintf(k * 40), -127), 127));
            reinterpret_cast<std::int8_t*>(page + kv.valuesOffset())[at] =
                static_cast<std::int8_t>(fminf(fmaxf(rintf(v * 40), -127), 127));
            if (i % kv.headDim == 0) {
                const std::uint32_t h = hashed(seed);
                const std::uint32_t to = head * kPagePositions + position;
                reinterpret_cast<float*>(page + kv.keyScalesOffset())[to] =
                    0.015F + 1e-5F * static_cast<float>(h % 2000);
                reinterpret_cast<float*>(page + kv.valueScalesOffset())[to] =
                    0.015F + 1e-5F * static_cast<float>(h / 2000 % 2000);
            }
        } else {
            reinterpret_cast<__nv_bfloat16*>(page)[at] = __float2bfloat16_rn(k);
            reinterpret_cast<__nv_bfloat16*>(page + kv.valuesOffset())[at] = __float2bfloat16_rn(v);
        }
    }
}

template<typename T>
T* upload(const std::vector<T>& values) {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, values.size() * sizeof(T) + 256));
    CHECK(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return static_cast<T*>(memory);
}
inline float* floats(std::size_t count) {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, count * 4 + 256));
    return static_cast<float*>(memory);
}

/// Rows of a sequence behind what is cached of it.
struct Part {
    std::uint32_t first;
    std::uint32_t rows;
};
struct Case {
    const char* name;
    std::uint32_t heads;
    std::uint32_t kvHeads;
    std::uint32_t dim;
    std::vector<Part> parts;
    bool biased = false; // keys have a bias of norm 300 that is not in the cache
};

/// A task and all it needs on the device.
struct Material {
    Attention task;
    std::uint16_t* halves = nullptr;
    std::byte* widened = nullptr;
    std::vector<void*> biasMemory;
    double operations = 0;
    std::uint32_t stride = 0;

    Material(const Case& one, KvKind kind) {
        task.heads = one.heads;
        task.kv = {kind, one.kvHeads, one.dim};
        task.scale = 1.0F / std::sqrt(static_cast<float>(one.dim));
        task.pageStride = (task.kv.layerBytes() + 255) / 256 * 256;
        stride = (one.heads * one.dim + 127) / 128 * 128;
        task.queryStride = task.outStride = stride;
        std::vector<Row> rows;
        std::vector<std::uint32_t> pages;
        std::vector<std::uint32_t> counts;
        constexpr std::uint32_t kOthers = 3; // pages of other sequences stand before
        for (std::uint32_t i = 0; i < kOthers; ++i) {
            pages.push_back(i + 1);
            counts.push_back(0);
        }
        for (const Part& part : one.parts) {
            const std::uint32_t length = part.first + part.rows;
            for (std::uint32_t i = 0; i < part.rows; ++i)
                rows.push_back({0, part.first + i, static_cast<std::uint32_t>(pages.size()), 0});
            for (std::uint32_t at = 0; at < length; at += kPagePositions) {
                pages.push_back(static_cast<std::uint32_t>(pages.size()) + 1);
                counts.push_back(std::min(length - at, kPagePositions));
            }
            operations += 4.0 * one.heads * one.dim * part.rows * (part.first + part.rows / 2.0);
        }
        std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
        task.count = static_cast<std::uint32_t>(rows.size());
        task.rows = upload(rows);
        task.pages = upload(pages);
        const std::uint32_t* held = upload(counts);
        void* pool = nullptr;
        CHECK(cudaMalloc(&pool, task.pageStride * (pages.size() + 1)));
        CHECK(cudaMemset(pool, 0xFF, task.pageStride * (pages.size() + 1)));
        fillPage<<<dim3(static_cast<unsigned>(pages.size()), one.kvHeads), 256>>>(
            static_cast<std::byte*>(pool), task.pageStride, task.kv, task.pages, held);
        task.pool = static_cast<const std::byte*>(pool);
        float* query = floats(std::size_t{task.count} * stride);
        fillNormal<<<512, 256>>>(query, std::size_t{task.count} * stride, 99, 3);
        task.query = query;
        const float factor = task.scale * 1.44269504088896340736F;
        if (one.biased) {
            addBias(one);
            roundQueries<<<512, 256>>>(query, std::size_t{task.count} * stride, factor);
        }
        task.firstPage = kOthers;
        task.pageCount = static_cast<std::uint32_t>(pages.size()) - kOthers;
        widened = reinterpret_cast<std::byte*>(
            floats(widenedPageBytes(task.kv, one.biased) * pages.size() / 4));
        halves = reinterpret_cast<std::uint16_t*>(floats(std::size_t{task.count} * stride / 2));
        halveQueries<<<512, 256>>>(query, std::size_t{task.count} * stride, factor,
                                   kind == KvKind::Int8 || one.biased, halves);
        task.out = floats(std::size_t{task.count} * stride);
        CHECK(cudaDeviceSynchronize());
        (void)cudaFree(const_cast<std::uint32_t*>(held));
    }
    ~Material() {
        (void)cudaFree(const_cast<Row*>(task.rows));
        (void)cudaFree(const_cast<std::uint32_t*>(task.pages));
        (void)cudaFree(const_cast<std::byte*>(task.pool));
        (void)cudaFree(const_cast<float*>(task.query));
        (void)cudaFree(task.out);
        (void)cudaFree(halves);
        (void)cudaFree(widened);
        for (void* memory : biasMemory)
            (void)cudaFree(memory);
    }
    void addBias(const Case& one) {
        std::uint32_t longest = 0;
        for (const Part& part : one.parts)
            longest = std::max(longest, part.first + part.rows);
        task.rope.pairs = one.dim / 2;
        const std::uint32_t width = one.dim * kPagePositions; // of a page's angles
        std::vector<float> angles(std::size_t{longest / kPagePositions + 1} * width);
        for (std::size_t i = 0; i < angles.size(); ++i) {
            const std::size_t position = i / width * kPagePositions + i % kPagePositions;
            const std::size_t pair = i % width / kPagePositions;
            const double turn = static_cast<double>(position) *
                                std::pow(1e6, -static_cast<double>(pair % task.rope.pairs) /
                                                  static_cast<double>(task.rope.pairs));
            angles[i] =
                static_cast<float>(pair < task.rope.pairs ? std::cos(turn) : std::sin(turn));
        }
        task.rope.values = upload(angles);
        float* bias = floats(std::size_t{one.kvHeads} * one.dim);
        fillNormal<<<16, 256>>>(bias, std::size_t{one.kvHeads} * one.dim, 4242,
                                300.0F / std::sqrt(static_cast<float>(one.dim)));
        task.keyBias = bias;
        biasMemory = {const_cast<float*>(task.rope.values), bias};
    }
    Material(const Material&) = delete;
    Material& operator=(const Material&) = delete;

    std::vector<float> run(const std::function<cudaError_t(const Attention&)>& launch,
                           bool prepared, bool widens = false) {
        const std::size_t size = std::size_t{task.count} * stride;
        CHECK(cudaMemset(task.out, 0xFF, size * 4));
        Attention one = task;
        one.widened = widens ? widened : nullptr;
        if (prepared)
            one.preparedOut = reinterpret_cast<std::uint16_t*>(task.out), one.queryHalf = halves;
        CHECK(launch(one));
        CHECK(cudaDeviceSynchronize());
        std::vector<float> out(size);
        if (!prepared) {
            CHECK(cudaMemcpy(out.data(), task.out, size * 4, cudaMemcpyDeviceToHost));
            return out;
        }
        std::vector<std::uint16_t> bits(size);
        CHECK(cudaMemcpy(bits.data(), task.out, size * 2, cudaMemcpyDeviceToHost));
        for (std::size_t i = 0; i < size; ++i) { // strides are multiples of 64
            const std::size_t k = i % 64;
            const std::size_t at =
                i / 64 * 64 + k % 16 / 4 * 16 + k / 16 * 2 + k % 2 + k % 4 / 2 * 8;
            const std::uint32_t word = std::uint32_t{bits[at]} << 16;
            std::memcpy(&out[i], &word, 4);
        }
        return out;
    }
};

} // namespace tests
