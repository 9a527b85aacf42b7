// Checks the decode kernels against their slow twins on random operands, and times them over
// operands that no cache holds. Needs a GPU; no model, no engine.
// usage: inglenook_cuda_kernels check | time
// check: exit code 1 when a kernel is further from its twin than 1e-3 (2e-3 after rounding to
// bf16).
#include "kernels/cuda/gemv.cuh"
#include "tests/bench/case_share.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace kernels::cuda;

void check(cudaError_t error, const char* what) {
    if (error == cudaSuccess)
        return;
    std::printf("%s: %s\n", what, cudaGetErrorString(error));
    std::exit(3);
}

__device__ std::uint32_t hashed(std::uint32_t v) {
    v ^= v >> 16, v *= 0x7FEB352DU, v ^= v >> 15, v *= 0x846CA68BU, v ^= v >> 16;
    return v;
}
/// Bytes of any value but -128, halves of a small positive size, or floats around zero.
__global__ void fillBytes(std::int8_t* to, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        to[i] = static_cast<std::int8_t>(hashed(static_cast<std::uint32_t>(i) ^ seed) % 255 - 127);
}
__global__ void fillHalves(std::uint16_t* to, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL)
        to[i] = static_cast<std::uint16_t>(0x1000 +
                                           hashed(static_cast<std::uint32_t>(i) ^ seed) % 1024);
}
__global__ void fillFloats(float* to, std::size_t count, std::uint32_t seed, float size) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL) {
        const std::uint32_t h = hashed(static_cast<std::uint32_t>(i) * 2654435761U ^ seed);
        to[i] = (static_cast<float>(h & 65535U) + static_cast<float>(h >> 16) - 65535.0F) /
                40000.0F * size;
    }
}

std::uint32_t g_seed = 1;
std::vector<void*> g_allocated;
template<typename T>
T* allocate(std::size_t count) {
    void* memory = nullptr;
    constexpr std::size_t kBehind = 256; // read in whole words, as behind every tensor in an arena
    check(cudaMalloc(&memory, count * sizeof(T) + kBehind), "cudaMalloc");
    check(cudaMemset(static_cast<T*>(memory) + count, 0, kBehind), "memset");
    g_allocated.push_back(memory);
    return static_cast<T*>(memory);
}
void freeAll() {
    check(cudaDeviceSynchronize(), "kernels");
    for (void* memory : g_allocated)
        (void)cudaFree(memory);
    g_allocated.clear();
}
float* floats(std::size_t count, float size = 1) {
    float* memory = allocate<float>(count);
    fillFloats<<<512, 256>>>(memory, count, g_seed++ * 7919U, size);
    return memory;
}

Matrix matrixOf(WeightKind kind, std::uint32_t group, std::uint32_t rows, std::uint32_t columns) {
    Matrix matrix;
    matrix.kind = kind;
    matrix.group = group;
    matrix.rows = rows;
    matrix.columns = columns;
    const std::size_t bytes = matrix.rowBytes() * rows;
    const std::size_t scales = std::size_t{rows} * matrix.groupsPerRow();
    matrix.values = reinterpret_cast<std::byte*>(allocate<std::int8_t>(bytes));
    matrix.scales = allocate<std::uint16_t>(scales);
    matrix.minima = allocate<std::uint16_t>(scales);
    fillBytes<<<1024, 256>>>(reinterpret_cast<std::int8_t*>(matrix.values), bytes, g_seed++ * 31U);
    fillHalves<<<256, 256>>>(matrix.scales, scales, g_seed++ * 131U);
    fillHalves<<<256, 256>>>(matrix.minima, scales, g_seed++ * 17U);
    return matrix;
}

std::vector<float> toHost(const float* memory, std::size_t count) {
    std::vector<float> values(count);
    check(cudaMemcpy(values.data(), memory, count * 4, cudaMemcpyDeviceToHost), "copy");
    return values;
}
std::vector<float> roundedToHost(const std::uint16_t* memory, std::size_t count) {
    std::vector<std::uint16_t> bits(count);
    check(cudaMemcpy(bits.data(), memory, count * 2, cudaMemcpyDeviceToHost), "copy");
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t word = std::uint32_t{bits[i]} << 16;
        std::memcpy(&values[i], &word, 4);
    }
    return values;
}
float rounded(float value) {
    return __bfloat162float(__float2bfloat16_rn(value));
}
double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        norm += double{b[i]} * b[i];
    }
    return std::sqrt(difference / norm);
}
int judge(const std::string& name, double error, double limit) {
    const bool good = std::isfinite(error) && error <= limit;
    std::printf("%-60s %.2e %s\n", name.c_str(), error, good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

DeviceLimits g_limits;

cudaError_t slowGemv(const Gemv& task) {
    Gemv slow = task;
    slow.splitInput = false; // fp32 as it is
    slow.roundedOut = nullptr;
    switch (task.matrices[0].kind) {
    case WeightKind::Int8:
        return gemvInt8(slow, g_limits, nullptr);
    case WeightKind::Int4:
        return gemvInt4(slow, g_limits, nullptr);
    default:
        return gemvInt4Min(slow, g_limits, nullptr);
    }
}

struct Format {
    const char* name;
    WeightKind kind;
    std::uint32_t group;
};
constexpr Format kFormats[] = {{"int8 g128", WeightKind::Int8, 128},
                               {"int8 g32", WeightKind::Int8, 32},
                               {"int4", WeightKind::Int4, 32},
                               {"int4 min", WeightKind::Int4Min, 32}};

/// One product against its twin; `mode` 0 store of three, 1 add, 2 SwiGLU to bf16, 3 split input, 4
/// add of rows that are bf16 already.
int checkGemv(const Format& format, std::uint32_t n, std::uint32_t k, std::uint32_t rows,
              int mode) {
    if (!tests::isMyCase(2.0 * n * k * rows))
        return 0;
    Gemv task;
    task.rows = rows;
    task.xStride = (k + 3) / 4 * 4;
    task.x = floats(std::size_t{rows} * task.xStride);
    task.normWeight = mode == 1 || mode == 4 ? nullptr : floats(k);
    task.eps = 1e-5F;
    task.roundInput = mode != 3;
    task.splitInput = mode == 3;
    task.matrixCount = mode == 0 || mode == 3 ? 3 : mode == 2 ? 2 : 1;
    task.epilogue = mode == 1 || mode == 4 ? Epilogue::Add
                    : mode == 2            ? Epilogue::SwiGlu
                                           : Epilogue::Store;
    std::uint32_t total = 0;
    std::uint32_t each[3] = {n, mode == 0 ? n / 3 + 1 : n, n / 3 + 1};
    for (std::uint32_t i = 0; i < task.matrixCount; ++i) {
        task.matrices[i] = matrixOf(format.kind, format.group, each[i], k);
        total += each[i];
    }
    Gemv slow = task;
    if (mode == 4) {
        std::vector<float> x = toHost(task.x, std::size_t{rows} * task.xStride);
        std::vector<std::uint16_t> bits;
        for (float& v : x) {
            std::uint32_t word = 0;
            v = rounded(v);
            std::memcpy(&word, &v, 4);
            bits.push_back(static_cast<std::uint16_t>(word >> 16));
        }
        auto* half = allocate<std::uint16_t>(bits.size());
        auto* same = allocate<float>(x.size());
        check(cudaMemcpy(half, bits.data(), bits.size() * 2, cudaMemcpyHostToDevice), "copy");
        check(cudaMemcpy(same, x.data(), x.size() * 4, cudaMemcpyHostToDevice), "copy");
        task.rounded = half;
        slow.x = same;
    }
    const std::size_t size = std::size_t{rows} * total;
    float* fastOut = floats(size);
    float* slowOut = allocate<float>(size);
    auto* roundedOut = allocate<std::uint16_t>(size);
    check(cudaMemset(roundedOut, 0xFF, size * 2), "memset"); // NaN where nobody writes
    check(cudaMemcpy(slowOut, fastOut, size * 4, cudaMemcpyDeviceToDevice), "copy");
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < task.matrixCount; ++i) {
        task.outs[i] = fastOut + at, slow.outs[i] = slowOut + at;
        task.outStrides[i] = slow.outStrides[i] = total;
        at += mode == 2 ? 0 : each[i];
    }
    task.roundedOut = mode == 2 ? roundedOut : nullptr;
    check(gemv(task, g_limits, nullptr), "gemv");
    check(slowGemv(slow), "slow gemv");
    check(cudaDeviceSynchronize(), "gemv run");
    double error = 0;
    if (mode == 2) {
        std::vector<float> a = roundedToHost(roundedOut, size);
        std::vector<float> b = toHost(slowOut, size);
        std::vector<float> fast;
        std::vector<float> twin;
        for (std::uint32_t m = 0; m < rows; ++m)
            for (std::uint32_t i = 0; i < n; ++i)
                fast.push_back(a[std::size_t{m} * total + i]),
                    twin.push_back(rounded(b[std::size_t{m} * total + i]));
        error = distance(fast, twin);
    } else {
        error = distance(toHost(fastOut, size), toHost(slowOut, size));
    }
    freeAll();
    const char* modes[] = {"store three", "add", "swiglu bf16", "split input", "add, bf16 rows"};
    return judge(std::string(format.name) + " " + std::to_string(n) + "x" + std::to_string(k) +
                     " rows " + std::to_string(rows) + " " + modes[mode],
                 error, mode == 2 ? 2e-3 : 1e-3);
}

struct AttentionCase {
    KvKind kind;
    std::uint32_t heads, kvHeads, dim, pairs;
    bool adjacent, biased, norms;
    std::vector<std::uint32_t> positions;
    std::uint32_t splits;
};

/// One layer's pages filled with what an earlier run would have left; unused parts with NaN bytes.
int checkAttention(const AttentionCase& one, const std::string& name) {
    if (!tests::isMyCase())
        return 0;
    const auto rows = static_cast<std::uint32_t>(one.positions.size());
    KvLayout kv{one.kind, one.kvHeads, one.dim};
    std::vector<std::uint32_t> pages;
    std::vector<Row> rowList;
    for (std::uint32_t i = 0; i < rows; ++i) {
        rowList.push_back({0, one.positions[i], static_cast<std::uint32_t>(pages.size()), i});
        for (std::uint32_t p = 0; p <= one.positions[i] / 32; ++p)
            pages.push_back(static_cast<std::uint32_t>(pages.size()) + 1);
    }
    const auto pageCount = static_cast<std::uint32_t>(pages.size()) + 1;
    std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
    const std::size_t stride = kv.layerBytes();
    std::vector<std::uint8_t> pool(stride * pageCount, 0xFF);
    std::mt19937 random(3);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::uint32_t i = 0; i < rows; ++i)
        for (std::uint32_t p = 0; p < one.positions[i]; ++p) {
            std::uint8_t* page = pool.data() + stride * pages[rowList[i].pageOffset + p / 32];
            for (std::uint32_t h = 0; h < one.kvHeads; ++h)
                for (int side = 0; side < 2; ++side) {
                    std::uint8_t* to = page + (side == 0 ? 0 : kv.valuesOffset()) +
                                       (std::size_t{h} * 32 + p % 32) * one.dim * kv.elementBytes();
                    for (std::uint32_t d = 0; d < one.dim; ++d)
                        if (one.kind == KvKind::Int8) {
                            to[d] = static_cast<std::uint8_t>(
                                static_cast<std::int8_t>(random() % 255 - 127));
                        } else {
                            const float v = uniform(random) * 1.5F;
                            std::uint32_t word = 0;
                            std::memcpy(&word, &v, 4);
                            const auto bits = static_cast<std::uint16_t>(word >> 16);
                            std::memcpy(to + d * 2, &bits, 2);
                        }
                    if (one.kind == KvKind::Int8) {
                        const float scale = 0.01F + 0.005F * uniform(random);
                        std::memcpy(
                            page + (side == 0 ? kv.keyScalesOffset() : kv.valueScalesOffset()) +
                                (h * 32 + p % 32) * 4,
                            &scale, 4);
                    }
                }
        }
    const std::uint32_t longest = *std::max_element(one.positions.begin(), one.positions.end()) + 1;
    const std::uint32_t blocks = (longest + 31) / 32;
    std::vector<float> table(std::size_t{blocks} * 2 * one.pairs * 32);
    std::vector<float> turns(16 * 2 * one.pairs);
    for (std::uint32_t p = 0; p < blocks * 32; ++p)
        for (std::uint32_t i = 0; i < one.pairs; ++i) {
            const double angle = p * std::pow(1e4, -static_cast<double>(i) / one.pairs);
            const std::size_t at = (std::size_t{p / 32} * 2 * one.pairs + i) * 32 + p % 32;
            table[at] = static_cast<float>(std::cos(angle));
            table[at + std::size_t{one.pairs} * 32] = static_cast<float>(std::sin(angle));
            if (p < 16) {
                turns[(p * one.pairs + i) * 2] = static_cast<float>(std::cos(angle));
                turns[(p * one.pairs + i) * 2 + 1] = static_cast<float>(std::sin(angle));
            }
        }
    const auto upload = [](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        T* memory = allocate<T>(values.size());
        check(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
              "copy");
        return memory;
    };
    const std::uint32_t queryStride = one.heads * one.dim;
    const std::uint32_t kvStride = one.kvHeads * one.dim;
    QkvFinish finish;
    float* query = floats(std::size_t{rows} * queryStride, 2);
    finish.query = query;
    finish.key = floats(std::size_t{rows} * kvStride);
    finish.value = floats(std::size_t{rows} * kvStride);
    finish.queryStride = queryStride;
    finish.kvStride = kvStride;
    finish.heads = one.heads;
    finish.queryBias = one.biased ? floats(queryStride) : nullptr;
    finish.valueBias = one.biased ? floats(kvStride) : nullptr;
    finish.queryNorm = one.norms ? floats(one.dim) : nullptr;
    finish.keyNorm = one.norms ? floats(one.dim) : nullptr;
    finish.eps = 1e-6F;
    finish.rope = {upload(table), one.pairs, one.adjacent};
    finish.kv = kv;
    finish.pageStride = stride;
    finish.rows = upload(rowList);
    finish.pages = upload(pages);
    finish.count = rows;
    Attention attend;
    attend.query = query;
    attend.queryStride = attend.outStride = queryStride;
    attend.heads = one.heads;
    attend.scale = 1.0F / std::sqrt(static_cast<float>(one.dim));
    attend.keyBias = one.biased ? floats(kvStride, 20) : nullptr;
    attend.rope = finish.rope;
    attend.kv = kv;
    attend.pageStride = stride;
    attend.rows = finish.rows;
    attend.pages = finish.pages;
    attend.count = rows;
    attend.splits = one.splits;
    attend.partials =
        allocate<float>(attentionPartialFloats(rows * one.splits, one.heads, one.dim));
    attend.arrivals = allocate<std::uint32_t>(rows * one.heads);
    check(cudaMemset(attend.arrivals, 0, rows * one.heads * 4), "memset");
    attend.turns = upload(turns);
    const std::size_t size = std::size_t{rows} * queryStride;
    std::byte* fastPool = reinterpret_cast<std::byte*>(upload(pool));
    std::byte* slowPool = reinterpret_cast<std::byte*>(upload(pool));
    float* fastOut = allocate<float>(size);
    float* slowOut = allocate<float>(size);
    check(cudaMemset(fastOut, 0xFF, size * 4), "memset");
    finish.pool = fastPool, attend.pool = fastPool, attend.out = fastOut;
    for (int twice = 0; twice < 2; ++twice) // the second time finds the arrivals as it needs them
        check(finishAndAttend(finish, attend, g_limits, nullptr), "finishAndAttend");
    finish.pool = slowPool, attend.pool = slowPool, attend.out = slowOut;
    attend.splits = 1;
    check(finishQkv(finish, nullptr), "finishQkv");
    check(attention(attend, nullptr), "attention");
    check(cudaDeviceSynchronize(), "attention run");
    const double error = distance(toHost(fastOut, size), toHost(slowOut, size));
    std::vector<std::uint8_t> a(pool.size());
    std::vector<std::uint8_t> b(pool.size());
    check(cudaMemcpy(a.data(), fastPool, a.size(), cudaMemcpyDeviceToHost), "copy");
    check(cudaMemcpy(b.data(), slowPool, b.size(), cudaMemcpyDeviceToHost), "copy");
    freeAll();
    return judge(name, error, 1e-4) + judge(name + ", pages", a == b ? 0 : 1, 0.5);
}

int checkAll() {
    int failures = 0;
    for (const Format& format : kFormats)
        for (const auto& [n, k] : {std::pair{1536U, 1536U},
                                   {1000U, 8960U},
                                   {77U, 128U},
                                   {333U, 14336U},
                                   {51U, 1100U},
                                   {20001U, 512U}})
            for (const std::uint32_t rows : {1U, 2U, 3U, 8U})
                for (int mode = 0; mode < 5; ++mode)
                    if (rows != 3 || n == 333)
                        failures += checkGemv(format, n, k, rows, mode);
    std::vector<std::uint32_t> some = {0, 1, 15, 16, 17, 63, 200, 700, 1023};
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16})
        for (const std::uint32_t dim : {64U, 128U})
            for (int variant = 0; variant < 4; ++variant) {
                const bool biased = variant % 2 == 1;
                AttentionCase one{kind,   biased ? 12U : 8U, 2,    dim, dim / 2, variant == 2,
                                  biased, variant == 2,      some, 5};
                if (variant == 3)
                    one = {kind, 24, 2, dim, dim / 4, true, true, false, {4000, 31, 32}, 33};
                for (const std::uint32_t splits : {one.splits, 8U}) {
                    one.splits = splits;
                    failures += checkAttention(
                        one, std::string(kind == KvKind::Int8 ? "int8" : "bf16") + " KV, dim " +
                                 std::to_string(dim) + ", variant " + std::to_string(variant) +
                                 ", splits " + std::to_string(splits));
                }
            }
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}

// ---- timing ------------------------------------------------------------------------------------

/// Median microseconds of a captured graph of `body`.
double timeGraph(const std::function<void(cudaStream_t)>& body) {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    body(stream); // loads the kernels
    check(cudaStreamSynchronize(stream), "first run");
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
    body(stream);
    check(cudaStreamEndCapture(stream, &graph), "capture");
    check(cudaGraphInstantiate(&exec, graph, 0), "instantiate");
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    check(cudaEventCreate(&begin), "event");
    check(cudaEventCreate(&end), "event");
    std::vector<float> times;
    for (int i = 0; i < 9; ++i) {
        float ms = 0;
        check(cudaEventRecord(begin, stream), "event");
        check(cudaGraphLaunch(exec, stream), "launch");
        check(cudaEventRecord(end, stream), "event");
        check(cudaEventSynchronize(end), "run");
        check(cudaEventElapsedTime(&ms, begin, end), "event");
        if (i > 1)
            times.push_back(ms);
    }
    std::sort(times.begin(), times.end());
    (void)cudaGraphExecDestroy(exec);
    (void)cudaGraphDestroy(graph);
    (void)cudaEventDestroy(begin);
    (void)cudaEventDestroy(end);
    (void)cudaStreamDestroy(stream);
    return times[times.size() / 2] * 1e3;
}

struct Model {
    const char* name;
    std::uint32_t hidden, query, kv, inner;
    bool biased;
    std::uint32_t layers; // that no cache holds
};
constexpr std::uint32_t kTimedPositions = 1024;

/// Attention of one layer over pages of its own, on the outputs of `query`.
struct TimedAttention {
    QkvFinish finish;
    Attention attend;

    TimedAttention(const Model& model, std::uint32_t rows, float* query, std::uint16_t* out) {
        constexpr std::uint32_t kDim = 128;
        const KvLayout kv{KvKind::Int8, model.kv / kDim, kDim};
        const std::uint32_t pages = kTimedPositions / kPagePositions;
        const std::size_t stride = kv.layerBytes();
        auto* pool = reinterpret_cast<std::byte*>(allocate<std::int8_t>(rows * pages * stride));
        fillBytes<<<512, 256>>>(reinterpret_cast<std::int8_t*>(pool), rows * pages * stride, 5);
        std::vector<std::uint32_t> list(rows * pages);
        std::vector<Row> batch(rows);
        for (std::uint32_t i = 0; i < rows * pages; ++i) {
            list[i] = i;
            auto* scales = reinterpret_cast<float*>(pool + i * stride + kv.keyScalesOffset());
            fillFloats<<<1, 256>>>(scales, 2 * kPagePositions * kv.kvHeads, i, 0.01F);
        }
        for (std::uint32_t i = 0; i < rows; ++i)
            batch[i] = {0, kTimedPositions - 1, i * pages, i};
        auto* devicePages = allocate<std::uint32_t>(list.size());
        auto* deviceRows = allocate<Row>(rows);
        check(cudaMemcpy(devicePages, list.data(), list.size() * 4, cudaMemcpyHostToDevice),
              "copy");
        check(cudaMemcpy(deviceRows, batch.data(), rows * sizeof(Row), cudaMemcpyHostToDevice),
              "copy");
        finish.query = query;
        finish.key = query + model.query;
        finish.value = query + model.query + model.kv;
        finish.queryStride = finish.kvStride = model.query + 2 * model.kv;
        finish.heads = attend.heads = model.query / kDim;
        finish.queryBias = model.biased ? floats(model.query) : nullptr;
        finish.valueBias = model.biased ? floats(model.kv) : nullptr;
        finish.rope = {floats(std::size_t{pages} * kDim * kPagePositions), kDim / 2, false};
        finish.kv = attend.kv = kv;
        finish.pool = pool, attend.pool = pool;
        finish.pageStride = attend.pageStride = stride;
        finish.rows = attend.rows = deviceRows;
        finish.pages = attend.pages = devicePages;
        finish.count = attend.count = rows;
        attend.query = query;
        attend.queryStride = finish.queryStride;
        attend.outStride = model.query;
        attend.roundedOut = out;
        attend.scale = 0.088F;
        attend.keyBias = model.biased ? floats(model.kv) : nullptr;
        attend.rope = finish.rope;
        const std::uint32_t groups = (attend.heads / kv.kvHeads + 7) / 8;
        const std::uint32_t room = g_limits.multiprocessors / (rows * kv.kvHeads * groups);
        attend.splits = std::min(room, 8U);
        attend.partials = allocate<float>(attentionPartialFloats(512, attend.heads, kDim));
        attend.arrivals = allocate<std::uint32_t>(rows * attend.heads);
        check(cudaMemset(attend.arrivals, 0, rows * attend.heads * 4), "memset");
        attend.turns = floats(16 * kDim);
    }
    cudaError_t launch(cudaStream_t stream) const {
        return finishAndAttend(finish, attend, g_limits, stream);
    }
};

/// The four products of some layers, every layer with memory of its own.
struct Layers {
    std::vector<Gemv> stages[4];
    std::vector<TimedAttention> attention;
    double bytes[4] = {};
    static constexpr const char* kNames[4] = {"qkv", "out", "gate_up", "down"};

    Layers(const Model& model, const Format& format, std::uint32_t rows) {
        float* residual = floats(std::size_t{rows} * model.hidden);
        float* query = floats(std::size_t{rows} * (model.query + 2 * model.kv));
        auto* mixed = reinterpret_cast<std::uint16_t*>(floats(std::size_t{rows} * model.query));
        auto* inner = reinterpret_cast<std::uint16_t*>(floats(std::size_t{rows} * model.inner));
        float* norm = floats(model.hidden);
        for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
            attention.emplace_back(model, rows, query, mixed);
            Gemv task;
            task.rows = rows;
            task.eps = 1e-5F;
            task.normWeight = norm;
            task.x = residual;
            task.xStride = model.hidden;
            task.roundInput = !model.biased, task.splitInput = model.biased;
            task.matrixCount = 3;
            for (int i = 0; i < 3; ++i) {
                task.matrices[i] = matrixOf(format.kind, format.group,
                                            i == 0 ? model.query : model.kv, model.hidden);
                task.outs[i] = query + (i == 0 ? 0 : model.query + (i - 1) * model.kv);
                task.outStrides[i] = model.query + 2 * model.kv;
            }
            add(0, task, layer);
            task.roundInput = true, task.splitInput = false;
            task.matrixCount = 2;
            task.epilogue = Epilogue::SwiGlu;
            for (int i = 0; i < 2; ++i)
                task.matrices[i] = matrixOf(format.kind, format.group, model.inner, model.hidden);
            task.roundedOut = inner;
            task.outStrides[0] = model.inner;
            add(2, task, layer);
            task.matrixCount = 1;
            task.epilogue = Epilogue::Add;
            task.normWeight = nullptr;
            task.roundedOut = nullptr;
            task.outs[0] = residual;
            task.outStrides[0] = model.hidden;
            task.rounded = mixed;
            task.xStride = model.query;
            task.matrices[0] = matrixOf(format.kind, format.group, model.hidden, model.query);
            add(1, task, layer);
            task.rounded = inner;
            task.xStride = model.inner;
            task.matrices[0] = matrixOf(format.kind, format.group, model.hidden, model.inner);
            add(3, task, layer);
        }
    }
    void add(int stage, const Gemv& task, std::uint32_t layer) {
        stages[stage].push_back(task);
        if (layer == 0)
            for (std::uint32_t i = 0; i < task.matrixCount; ++i)
                bytes[stage] +=
                    static_cast<double>(task.matrices[i].rowBytes()) * task.matrices[i].rows +
                    2.0 * task.matrices[i].groupsPerRow() * task.matrices[i].rows;
    }
    void time(const std::string& label) {
        std::printf("%-24s", label.c_str());
        const auto timed = [&](const std::function<void(std::size_t, cudaStream_t)>& layer) {
            return timeGraph([&](cudaStream_t stream) {
                       for (std::size_t i = 0; i < stages[0].size(); ++i)
                           layer(i, stream);
                   }) /
                   static_cast<double>(stages[0].size());
        };
        const auto multiply = [&](int stage, std::size_t i, cudaStream_t stream) {
            check(gemv(stages[stage][i], g_limits, stream), "gemv");
        };
        for (int stage = 0; stage < 4; ++stage) {
            const double us =
                timed([&](std::size_t i, cudaStream_t stream) { multiply(stage, i, stream); });
            std::printf(" %s %.2f us %.0f", kNames[stage], us, bytes[stage] / us / 1e3);
        }
        const double attends = timed([&](std::size_t i, cudaStream_t stream) {
            check(attention[i].launch(stream), "attention");
        });
        const double us = timed([&](std::size_t i, cudaStream_t stream) {
            multiply(0, i, stream);
            check(attention[i].launch(stream), "attention");
            for (int stage = 1; stage < 4; ++stage)
                multiply(stage, i, stream);
        });
        std::printf(" attention %.2f us | layer %.2f us %.0f GB/s\n", attends, us,
                    (bytes[0] + bytes[1] + bytes[2] + bytes[3]) / us / 1e3);
        std::fflush(stdout);
    }
};

/// The end of a step: head and sampling, over two heads in turn.
void timeEnd(const Model& model, std::uint32_t vocabulary) {
    constexpr int kHeads = 2;
    Gemv heads[kHeads];
    float* logits = floats(vocabulary, 3);
    float* residual = floats(model.hidden);
    float* norm = floats(model.hidden);
    for (Gemv& head : heads) {
        head.rows = 1;
        head.eps = 1e-5F;
        head.normWeight = norm;
        head.x = residual;
        head.xStride = model.hidden;
        head.roundInput = true;
        head.matrices[0] = matrixOf(WeightKind::Int8, 128, vocabulary, model.hidden);
        head.outs[0] = floats(vocabulary);
        head.outStrides[0] = vocabulary;
    }
    SlotState slot;
    slot.temperature = 0.6F;
    slot.topP = 0.95F;
    slot.seed = 7;
    const SampleJob job;
    const std::uint32_t groups[2] = {0, 1};
    auto* memory = allocate<std::byte>(1024);
    check(cudaMemcpy(memory, &slot, sizeof(slot), cudaMemcpyHostToDevice), "copy");
    check(cudaMemcpy(memory + 256, &job, sizeof(job), cudaMemcpyHostToDevice), "copy");
    check(cudaMemcpy(memory + 512, groups, sizeof(groups), cudaMemcpyHostToDevice), "copy");
    Sampling sampling;
    sampling.logits = logits;
    sampling.vocabulary = vocabulary;
    sampling.slots = reinterpret_cast<const SlotState*>(memory);
    sampling.jobs = reinterpret_cast<const SampleJob*>(memory + 256);
    sampling.groups = reinterpret_cast<const std::uint32_t*>(memory + 512);
    sampling.groupCount = 1;
    sampling.oneJobEach = true;
    sampling.candidates = allocate<Candidate>(vocabulary);
    sampling.lastTokens = reinterpret_cast<std::int32_t*>(memory + 768);
    sampling.tokens = sampling.lastTokens + 1;
    const auto multiply = [&](int i, cudaStream_t stream) {
        check(gemv(heads[i], g_limits, stream), "head");
    };
    const auto draw = [&](cudaStream_t stream) {
        check(sample(sampling, g_limits, stream), "sample");
    };
    const auto timed = [&](const std::function<void(int, cudaStream_t)>& one) {
        return timeGraph([&](cudaStream_t stream) {
                   for (int i = 0; i < 4 * kHeads; ++i)
                       one(i % kHeads, stream);
               }) /
               (4 * kHeads);
    };
    const double head = timed(multiply);
    double sampled[3] = {};
    for (int i = 0; i < 3; ++i) { // greedy, all candidates, top-p
        slot.temperature = i == 0 ? 0.0F : 0.6F;
        slot.topP = i < 2 ? 1.0F : 0.95F;
        check(cudaMemcpy(memory, &slot, sizeof(slot), cudaMemcpyHostToDevice), "copy");
        sampled[i] = timed([&](int, cudaStream_t stream) { draw(stream); });
    }
    const double both = timed([&](int i, cudaStream_t stream) {
        multiply(i, stream);
        draw(stream);
    });
    const double bytes = 1.015625 * vocabulary * model.hidden;
    std::printf("%s head %.2f us %.0f GB/s, sampling %.2f us (greedy %.2f, top-p 1 %.2f), in turn "
                "%.2f us\n",
                model.name, head, bytes / head / 1e3, sampled[2], sampled[0], sampled[1], both);
    std::fflush(stdout);
    freeAll();
}

int timeAll() {
    constexpr Model kSmall{"qwen2-1.5b", 1536, 1536, 256, 8960, true, 16};
    constexpr Model kLarge{"llama-8b", 4096, 4096, 1024, 14336, false, 8};
    const struct {
        const Model& model;
        const Format& format;
        std::uint32_t rows;
    } kRuns[] = {{kSmall, kFormats[0], 1},
                 {kLarge, kFormats[0], 1},
                 {kLarge, kFormats[0], 8},
                 {kLarge, kFormats[2], 1}};
    for (const auto& run : kRuns) {
        Layers layers(run.model, run.format, run.rows);
        layers.time(std::string(run.model.name) + " " + run.format.name + " rows " +
                    std::to_string(run.rows));
        freeAll();
    }
    timeEnd(kSmall, 151936);
    timeEnd(kLarge, 128256);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0), "device");
    g_limits.multiprocessors = static_cast<std::uint32_t>(properties.multiProcessorCount);
    g_limits.sharedBytes = static_cast<std::uint32_t>(properties.sharedMemPerBlockOptin);
    g_limits.hopper = properties.major >= 9;
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "check")
        return checkAll();
    if (what == "time")
        return timeAll();
    std::fprintf(stderr, "usage: inglenook_cuda_kernels check | time\n");
    return 2;
}
