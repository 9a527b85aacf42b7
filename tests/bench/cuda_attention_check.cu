// Checks attention of many rows against its slow twin and times it: every variant, one and several
// sequences, odd numbers of heads and rows, poison behind the last position. Also what stands
// before it, of many rows against few at a time. Needs a GPU only. usage: inglenook_attention_check
// [check|finish|time]...   default: all
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/common.cuh"
#include "tests/bench/case_share.h"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

using namespace kernels::cuda;
using tests::hashed;

namespace {

DeviceLimits g_limits;

/// Near normal, standard deviation 1.
__device__ float normalOf(std::uint32_t at) {
    const std::uint32_t h = hashed(at * 2654435761U + 12345);
    const float sum = static_cast<float>((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24));
    return (sum - 510.0F) * (1.0F / 147.8F);
}
__global__ void fillNormal(float* out, std::size_t count, std::uint32_t seed, float size) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        out[i] = normalOf(static_cast<std::uint32_t>(i) + seed) * size;
}
/// What Attention::queryHalf holds.
__global__ void halveQueries(const float* query, std::size_t count, float factor, bool fp16,
                             std::uint16_t* out) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        out[i] = fp16 ? __half_as_ushort(__float2half_rn(query[i] * factor))
                      : __bfloat16_as_ushort(__float2bfloat16_rn(query[i] * factor));
}
/// Queries that fp16 holds, times `factor`: next to a large bias rounding them would be all one
/// sees.
__global__ void roundQueries(float* query, std::size_t count, float factor) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        query[i] = __half2float(__float2half_rn(query[i] * factor)) / factor;
}
/// Real positions of a page, NaN in all others; one block a page and KV head.
__global__ void fillPage(std::byte* pool, std::size_t stride, KvLayout kv,
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
float* floats(std::size_t count) {
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

struct Variant {
    const char* name;
    bool prepared;
    bool hopper;
    bool widens; // int8 pages once for all
    cudaError_t (*launch)(const Attention&);
};
cudaError_t launchPortable(const Attention& task) {
    DeviceLimits limits = g_limits;
    limits.hopper = false;
    return prefillAttention(task, limits, nullptr);
}
cudaError_t launchHopper(const Attention& task) {
    return hopperAttention(task, g_limits, nullptr);
}
constexpr Variant kVariants[] = {
    {"mma.sync", false, false, false, launchPortable},
    {"wgmma", false, true, false, launchHopper},
    {"16 bits", true, true, false, launchHopper},
    {"widened", true, true, true, launchHopper},
};

/// A key bias is joined to keys where pages are widened.
bool applies(const Variant& variant, const Case& one) {
    return !variant.hopper || (g_limits.hopper && (variant.widens || !one.biased));
}

double distance(const Material& material, const Case& one, const std::vector<float>& a,
                const std::vector<float>& b) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (i % material.stride >= std::size_t{one.heads} * one.dim)
            continue;
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        norm += double{b[i]} * b[i];
    }
    return std::sqrt(difference / norm);
}

double operationsOf(const Case& one) {
    double positions = 0;
    for (const Part& part : one.parts)
        positions += static_cast<double>(part.rows) * (part.first + part.rows);
    return 4.0 * positions * one.heads * one.dim;
}

int checkAll() {
    const Case cases[] = {
        {"one of 300", 32, 8, 128, {{0, 300}}},
        {"six, from 1 to 64 rows",
         32,
         8,
         128,
         {{0, 1}, {5, 3}, {100, 40}, {1000, 33}, {31, 1}, {0, 64}}},
        {"six heads share", 12, 2, 128, {{0, 130}, {700, 77}}},
        {"seven heads share, 64 wide", 14, 2, 64, {{3, 200}, {0, 129}}},
        {"no sharing, 64 wide", 4, 4, 64, {{0, 400}, {64, 200}, {127, 1}, {128, 2}}},
        {"one KV head of 64", 64, 1, 128, {{10, 70}}},
        {"forty of 3 rows", 8, 2, 128, std::vector<Part>(40, {250, 3})},
        {"64 behind 30000", 32, 8, 128, {{30000, 64}}},
        {"2048", 32, 8, 128, {{0, 2048}}},
        {"key bias, several", 28, 4, 128, {{0, 130}, {700, 77}, {31, 1}, {64, 33}}, true},
        {"key bias, 64 wide", 14, 2, 64, {{3, 200}, {0, 129}}, true},
        {"key bias, 2048", 28, 4, 128, {{0, 2048}}, true},
        {"key bias, 64 behind 30000", 28, 4, 128, {{30000, 64}}, true},
    };
    int failures = 0;
    for (const Case& one : cases)
        for (const KvKind kind : {KvKind::Int8, KvKind::BF16}) {
            if (!tests::isMyCase(operationsOf(one)))
                continue;
            Material material(one, kind);
            const std::vector<float> expected =
                material.run([](const Attention& task) { return attention(task, nullptr); }, false);
            std::printf("%-28s %s", one.name, kind == KvKind::Int8 ? "int8" : "bf16");
            for (const Variant& variant : kVariants) {
                if (!applies(variant, one))
                    continue;
                const std::vector<float> out =
                    material.run(variant.launch, variant.prepared, variant.widens);
                const double error = distance(material, one, out, expected);
                // bf16 rounds queries and weights to 8 bits, what prepared rows hold as well.
                const bool fine = (kind == KvKind::Int8 || one.biased) && variant.hopper;
                const bool good = error <= (fine ? 3e-3 : 5e-3);
                failures += good ? 0 : 1;
                std::printf("  %s %.1e%s", variant.name, error, good ? "" : " FAILED");
            }
            std::printf("\n");
            std::fflush(stdout);
        }
    std::printf("%d failed\n", failures);
    return failures;
}

float asFloat(std::uint16_t bits, bool fp16) {
    if (fp16)
        return __half2float(__ushort_as_half(bits));
    const std::uint32_t word = std::uint32_t{bits} << 16;
    float v;
    std::memcpy(&v, &word, 4);
    return v;
}

/// Rows, tables and weights of finishQkv().
struct FinishMaterial {
    static constexpr std::uint32_t kHeads = 6;
    static constexpr std::uint32_t kKvHeads = 2;
    static constexpr std::uint32_t kRows = 300;
    QkvFinish task;
    std::size_t poolBytes = 0;
    std::size_t queryFloats = 0;
    std::vector<void*> memory;

    float* normal(std::size_t count, std::uint32_t seed) {
        float* values = floats(count);
        memory.push_back(values);
        fillNormal<<<256, 256>>>(values, count, seed, 1);
        return values;
    }
    FinishMaterial(KvKind kind, std::uint32_t dim, bool adjacent, bool biased, bool norms) {
        task.kv = {kind, kKvHeads, dim};
        task.heads = kHeads;
        task.queryStride = kHeads * dim;
        task.kvStride = kKvHeads * dim;
        queryFloats = std::size_t{kRows} * task.queryStride;
        task.query = normal(queryFloats, 1);
        task.key = normal(std::size_t{kRows} * task.kvStride, 2000000);
        task.value = normal(std::size_t{kRows} * task.kvStride, 3000000);
        task.queryBias = biased ? normal(task.queryStride, 11) : nullptr;
        task.keyBias = biased ? normal(task.kvStride, 5000) : nullptr;
        task.valueBias = biased ? normal(task.kvStride, 9000) : nullptr;
        task.queryNorm = norms ? normal(dim, 17) : nullptr;
        task.keyNorm = norms ? normal(dim, 1700) : nullptr;
        task.eps = 1e-6F;
        std::vector<float> table((kRows / 32 + 2) * 32 * dim);
        for (std::size_t i = 0; i < table.size(); ++i)
            table[i] = std::cos(static_cast<float>(i % 1000)); // any numbers do
        task.rope = {upload(table), dim / 2, adjacent};
        memory.push_back(const_cast<float*>(task.rope.values));
        task.pageStride = (task.kv.layerBytes() + 255) / 256 * 256;
        std::vector<Row> rows;
        std::vector<std::uint32_t> pages;
        for (std::uint32_t i = 0; i < kRows; ++i) {
            rows.push_back({0, i + 5, 0, 0});
            if (i % 32 == 0)
                pages.push_back(i / 32 + 1);
        }
        pages.push_back(static_cast<std::uint32_t>(pages.size()) + 1);
        std::shuffle(pages.begin(), pages.end(), std::mt19937(3));
        task.rows = upload(rows);
        task.pages = upload(pages);
        memory.push_back(const_cast<Row*>(task.rows));
        memory.push_back(const_cast<std::uint32_t*>(task.pages));
        task.count = kRows;
        poolBytes = task.pageStride * (pages.size() + 1);
    }
    ~FinishMaterial() {
        for (void* one : memory)
            (void)cudaFree(one);
    }
    FinishMaterial(const FinishMaterial&) = delete;
    FinishMaterial& operator=(const FinishMaterial&) = delete;

    struct Result {
        std::vector<float> query;
        std::vector<float> kept; // keys, values and scales
    };
    /// `atOnce` rows a launch.
    Result run(std::uint32_t atOnce, bool half) {
        std::byte* pool = reinterpret_cast<std::byte*>(floats(poolBytes / 4));
        float* query = floats(queryFloats);
        auto* halves = reinterpret_cast<std::uint16_t*>(floats(queryFloats));
        CHECK(cudaMemset(pool, 0, poolBytes));
        CHECK(cudaMemcpy(query, task.query, queryFloats * 4, cudaMemcpyDeviceToDevice));
        for (std::uint32_t first = 0; first < kRows; first += atOnce) {
            QkvFinish part = task;
            part.count = std::min(atOnce, kRows - first);
            part.rows += first;
            part.query = query + std::size_t{first} * task.queryStride;
            part.key += std::size_t{first} * task.kvStride;
            part.value += std::size_t{first} * task.kvStride;
            part.pool = pool;
            part.queryHalf = half ? halves : nullptr;
            part.queryFactor = 2;
            CHECK(finishQkv(part, nullptr));
        }
        CHECK(cudaDeviceSynchronize());
        Result result;
        result.query.resize(queryFloats);
        if (half) {
            std::vector<std::uint16_t> bits(queryFloats);
            CHECK(cudaMemcpy(bits.data(), halves, queryFloats * 2, cudaMemcpyDeviceToHost));
            for (std::size_t i = 0; i < queryFloats; ++i)
                result.query[i] = asFloat(bits[i], task.kv.kind == KvKind::Int8) / 2;
        } else {
            CHECK(cudaMemcpy(result.query.data(), query, queryFloats * 4, cudaMemcpyDeviceToHost));
        }
        std::vector<std::byte> bytes(poolBytes);
        CHECK(cudaMemcpy(bytes.data(), pool, poolBytes, cudaMemcpyDeviceToHost));
        readPool(bytes, result.kept);
        (void)cudaFree(pool);
        (void)cudaFree(query);
        (void)cudaFree(halves);
        return result;
    }
    /// Everything in a page as floats; integers without their scales.
    void readPool(const std::vector<std::byte>& bytes, std::vector<float>& out) const {
        for (std::size_t page = 0; page < bytes.size(); page += task.pageStride) {
            const std::byte* at = bytes.data() + page;
            const std::size_t elements = task.kv.keyScalesOffset() / task.kv.elementBytes();
            for (std::size_t i = 0; i < elements; ++i)
                if (task.kv.kind == KvKind::Int8)
                    out.push_back(reinterpret_cast<const std::int8_t*>(at)[i]);
                else if (task.kv.kind == KvKind::BF16)
                    out.push_back(asFloat(reinterpret_cast<const std::uint16_t*>(at)[i], false));
                else
                    out.push_back(reinterpret_cast<const float*>(at)[i]);
            for (std::size_t i = task.kv.keyScalesOffset(); i < task.kv.layerBytes(); i += 4)
                out.push_back(100 * *reinterpret_cast<const float*>(at + i));
        }
    }
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        norm += double{b[i]} * b[i];
    }
    return std::sqrt(difference / norm);
}

int checkFinish() {
    int failures = 0;
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16, KvKind::F32})
        for (const std::uint32_t dim : {64U, 128U})
            for (int variant = 0; variant < 4; ++variant) {
                if (!tests::isMyCase())
                    continue;
                FinishMaterial material(kind, dim, variant % 2 == 1, variant >= 2, variant == 3);
                const auto few = material.run(30, false);
                const auto many = material.run(FinishMaterial::kRows, false);
                const auto half = material.run(FinishMaterial::kRows, true);
                const double errors[] = {
                    distance(many.query, few.query), distance(many.kept, few.kept),
                    distance(half.query, few.query), distance(half.kept, few.kept)};
                // A sum rounded otherwise may turn an integer or a bf16 over.
                const bool good = errors[0] <= 1e-6 && errors[1] <= 2e-4 && errors[2] <= 3e-3 &&
                                  errors[3] <= 2e-4;
                failures += good ? 0 : 1;
                std::printf("finish: kind %d, %3u wide, variant %d: query %.1e kept %.1e, halves "
                            "%.1e %.1e%s\n",
                            static_cast<int>(kind), dim, variant, errors[0], errors[1], errors[2],
                            errors[3], good ? "" : " FAILED");
            }
    std::printf("%d failed\n", failures);
    return failures;
}

void timeFinish(const char* name, const std::function<cudaError_t()>& launch) {
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    CHECK(launch());
    CHECK(cudaEventRecord(begin));
    for (int i = 0; i < 20; ++i)
        CHECK(launch());
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    float ms = 0;
    CHECK(cudaEventElapsedTime(&ms, begin, end));
    std::printf("%s %.1f us\n", name, ms * 1000 / 20);
}

/// 2048 rows of llama-8b.
void timeRows() {
    constexpr std::uint32_t kRows = 2048;
    Material material({"2048", 32, 8, 128, {{0, kRows}}}, KvKind::Int8);
    QkvFinish finish;
    finish.kv = material.task.kv;
    finish.heads = 32;
    finish.queryStride = 4096;
    finish.kvStride = 1024;
    finish.query = const_cast<float*>(material.task.query);
    float* kv = floats(std::size_t{kRows} * 2048);
    fillNormal<<<256, 256>>>(kv, std::size_t{kRows} * 2048, 5, 1);
    finish.key = kv;
    finish.value = kv + std::size_t{kRows} * 1024;
    finish.rope = {upload(std::vector<float>(std::size_t{kRows} * 128, 0.5F)), 64, false};
    finish.pageStride = material.task.pageStride;
    finish.pool = const_cast<std::byte*>(material.task.pool);
    finish.rows = material.task.rows;
    finish.pages = material.task.pages;
    finish.count = kRows;
    timeFinish("bias, rotation, cache of 2048", [&] { return finishQkv(finish, nullptr); });
    finish.queryHalf = material.halves;
    timeFinish("the same, queries of 16 bits", [&] { return finishQkv(finish, nullptr); });
    RowSource source;
    source.x = material.task.query;
    source.stride = 4096;
    source.rows = kRows;
    source.columns = 4096;
    source.normWeight = kv;
    const PreparedRows out{reinterpret_cast<std::uint16_t*>(material.task.out), nullptr, 4096};
    timeFinish("norm and rounding of 2048 x 4096",
               [&] { return prepareTensorRows(source, out, nullptr); });
    (void)cudaFree(kv);
    (void)cudaFree(const_cast<float*>(finish.rope.values));
}

void timeAll() {
    const Case cases[] = {
        {"2048", 32, 8, 128, {{0, 2048}}},
        {"8 x 1024", 32, 8, 128, std::vector<Part>(8, {0, 1024})},
        {"2048 behind 30720", 32, 8, 128, {{30720, 2048}}},
        {"512 behind 4096", 32, 8, 128, {{4096, 512}}},
        {"2048, 64 wide", 32, 8, 64, {{0, 2048}}},
        {"2048, key bias", 28, 4, 128, {{0, 2048}}, true},
        {"16 x 64, key bias", 28, 4, 128, std::vector<Part>(16, {0, 64}), true},
        {"32 behind 4096, bias", 28, 4, 128, {{4096, 32}}, true},
    };
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    std::printf("us a launch (T op/s)\n");
    for (const Case& one : cases)
        for (const KvKind kind : {KvKind::Int8, KvKind::BF16}) {
            Material material(one, kind);
            std::printf("%-20s %s", one.name, kind == KvKind::Int8 ? "int8" : "bf16");
            for (const Variant& variant : kVariants) {
                if (!applies(variant, one))
                    continue;
                Attention task = material.task;
                task.widened = variant.widens ? material.widened : nullptr;
                if (variant.prepared)
                    task.preparedOut = reinterpret_cast<std::uint16_t*>(task.out),
                    task.queryHalf = material.halves;
                const int inner = material.operations > 2e11 ? 2 : 10;
                std::vector<float> times;
                for (int round = 0; round < 6; ++round) {
                    CHECK(cudaEventRecord(begin));
                    for (int i = 0; i < inner; ++i)
                        CHECK(variant.launch(task));
                    CHECK(cudaEventRecord(end));
                    CHECK(cudaEventSynchronize(end));
                    float ms = 0;
                    CHECK(cudaEventElapsedTime(&ms, begin, end));
                    if (round > 0)
                        times.push_back(ms * 1000 / static_cast<float>(inner));
                }
                std::sort(times.begin(), times.end());
                const float us = times[times.size() / 2];
                std::printf("  %s %.1f (%.0f)", variant.name, us, material.operations / us / 1e6);
            }
            std::printf("\n");
            std::fflush(stdout);
        }
}

} // namespace

int main(int argc, char** argv) {
    g_limits = tests::deviceLimits();
    const auto time = [] {
        timeRows();
        timeAll();
        return 0;
    };
    return tests::runParts(argc, argv,
                           {{"check", checkAll}, {"finish", checkFinish}, {"time", time}});
}
