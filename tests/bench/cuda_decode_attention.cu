// Attention of decoding alone: both kernels against their slow twin over odd lengths, splits and
// numbers of rows, bits that must not change from launch to launch, and timed over the pages of as
// many layers as no cache holds, as the program lays them out.
// usage: inglenook_decode_attention [check|small|time]...   default: all
#include "kernels/cuda/common.cuh"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

using namespace kernels::cuda;
using tests::distance;
using tests::hashedLong;

namespace {

DeviceLimits g_limits;

__device__ float uniformOf(std::uint64_t at) { // -1 to 1
    return static_cast<float>(hashedLong(at * 2 + 1)) * 4.66e-10F - 1;
}
__global__ void fillFloats(float* out, std::size_t count, std::uint64_t seed) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        out[i] = uniformOf(i + seed) * 2;
}
/// One layer of every page of a list: positions [0, held[page]), NaN bytes behind.
__global__ void fillPages(std::byte* pool, std::size_t stride, const KvLayout kv,
                          const std::uint32_t* pages, const std::uint32_t* held,
                          std::uint32_t seed) {
    std::byte* page = pool + pages[blockIdx.x] * stride;
    const std::uint32_t dims = kv.kvHeads * kPagePositions * kv.headDim;
    for (std::uint32_t i = threadIdx.x; i < 2 * dims; i += blockDim.x) {
        const std::uint32_t at = i % dims;
        if (at / kv.headDim % kPagePositions >= held[blockIdx.x])
            continue;
        std::byte* to = page + (i < dims ? 0 : kv.valuesOffset());
        const float v = uniformOf((std::uint64_t{seed} << 40) + blockIdx.x * 131071ULL + i);
        if (kv.kind == KvKind::Int8)
            reinterpret_cast<std::int8_t*>(to)[at] = static_cast<std::int8_t>(rintf(v * 127));
        else
            reinterpret_cast<__nv_bfloat16*>(to)[at] = __float2bfloat16_rn(v);
    }
    if (kv.kind == KvKind::Int8)
        for (std::uint32_t i = threadIdx.x; i < 2 * kv.kvHeads * kPagePositions; i += blockDim.x)
            if (i % kPagePositions < held[blockIdx.x])
                reinterpret_cast<float*>(page + kv.keyScalesOffset())[i] =
                    0.01F + 0.005F * uniformOf(i * 7919ULL + blockIdx.x);
}

struct Case {
    KvKind kind;
    std::uint32_t heads, kvHeads, dim;
    bool norms;
    std::vector<std::uint32_t> positions; // of the rows
    std::uint32_t layers;
};

/// Pages of all layers, rows and what the kernels take.
struct Material {
    QkvFinish finish;
    Attention attend;
    std::byte* pool = nullptr;
    std::size_t poolBytes = 0;
    std::size_t layerBytes = 0;
    double read = 0; // bytes of a layer's attention
    std::uint32_t rows;
    std::vector<void*> memory;

    template<typename T>
    T* take(std::size_t count) {
        void* to = nullptr;
        CHECK(cudaMalloc(&to, count * sizeof(T)));
        memory.push_back(to);
        return static_cast<T*>(to);
    }
    template<typename T>
    T* upload(const std::vector<T>& values) {
        T* to = take<T>(values.size());
        CHECK(cudaMemcpy(to, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
        return to;
    }
    float* floats(std::size_t count, std::uint64_t seed) {
        float* to = take<float>(count);
        fillFloats<<<256, 256>>>(to, count, seed * 1000003);
        return to;
    }
    explicit Material(const Case& one) : rows(static_cast<std::uint32_t>(one.positions.size())) {
        const KvLayout kv{one.kind, one.kvHeads, one.dim};
        std::vector<Row> list;
        std::vector<std::uint32_t> pages;
        std::vector<std::uint32_t> held;
        for (std::uint32_t i = 0; i < rows; ++i) {
            list.push_back({0, one.positions[i], static_cast<std::uint32_t>(pages.size()), i});
            for (std::uint32_t at = 0; at <= one.positions[i]; at += kPagePositions) {
                pages.push_back(static_cast<std::uint32_t>(pages.size()) + 1);
                held.push_back(std::min(one.positions[i] - at, kPagePositions));
            }
            read += static_cast<double>(kv.layerBytes()) * one.positions[i] / kPagePositions;
        }
        std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
        layerBytes = (kv.layerBytes() + 255) / 256 * 256;
        const std::size_t stride = layerBytes * one.layers;
        poolBytes = stride * (pages.size() + 1);
        pool = take<std::byte>(poolBytes);
        CHECK(cudaMemset(pool, 0xFF, poolBytes));
        finish.rows = upload(list);
        finish.pages = upload(pages);
        const std::uint32_t* counts = upload(held);
        for (std::uint32_t layer = 0; layer < one.layers; ++layer)
            fillPages<<<static_cast<unsigned>(pages.size()), 256>>>(
                pool + layer * layerBytes, stride, kv, finish.pages, counts, layer);
        finish.kv = kv;
        finish.heads = one.heads;
        finish.queryStride = one.heads * one.dim;
        finish.kvStride = one.kvHeads * one.dim;
        finish.query = floats(std::size_t{rows} * finish.queryStride, 2);
        finish.key = floats(std::size_t{rows} * finish.kvStride, 3);
        finish.value = floats(std::size_t{rows} * finish.kvStride, 4);
        finish.queryNorm = one.norms ? floats(one.dim, 5) : nullptr;
        finish.keyNorm = one.norms ? floats(one.dim, 6) : nullptr;
        finish.eps = 1e-6F;
        const std::uint32_t longest =
            *std::max_element(one.positions.begin(), one.positions.end()) + 1;
        finish.rope = {
            floats(std::size_t{longest / kPagePositions + 1} * one.dim * kPagePositions, 8),
            one.dim / 2, false};
        finish.pageStride = stride;
        finish.count = rows;
        attend.query = finish.query;
        attend.queryStride = attend.outStride = finish.queryStride;
        attend.heads = one.heads;
        attend.scale = 1.0F / std::sqrt(static_cast<float>(one.dim));
        attend.rope = finish.rope;
        attend.kv = kv;
        attend.pageStride = stride;
        attend.rows = finish.rows;
        attend.pages = finish.pages;
        attend.count = rows;
        constexpr std::uint32_t kMostSplits = 66;
        attend.partials =
            take<float>(attentionPartialFloats(rows * kMostSplits, one.heads, one.dim));
        attend.arrivals = take<std::uint32_t>(std::size_t{rows} * one.heads);
        CHECK(cudaMemset(attend.arrivals, 0, std::size_t{rows} * one.heads * 4));
        attend.out = take<float>(std::size_t{rows} * attend.outStride);
        // Of prepared rows half stays as it is.
        CHECK(cudaMemset(attend.out, 0, std::size_t{rows} * attend.outStride * 4));
        inLayer(0);
    }
    ~Material() {
        for (void* one : memory)
            (void)cudaFree(one);
    }
    Material(const Material&) = delete;
    Material& operator=(const Material&) = delete;

    void inLayer(std::size_t layer) {
        finish.pool = pool + layer * layerBytes;
        attend.pool = finish.pool;
    }
    std::vector<float> result() const {
        CHECK(cudaDeviceSynchronize());
        std::vector<float> out(std::size_t{rows} * attend.outStride);
        CHECK(cudaMemcpy(out.data(), attend.out, out.size() * 4, cudaMemcpyDeviceToHost));
        return out;
    }
    std::vector<unsigned char> pages() const {
        std::vector<unsigned char> all(poolBytes);
        CHECK(cudaMemcpy(all.data(), pool, poolBytes, cudaMemcpyDeviceToHost));
        return all;
    }
};

/// Bf16 rows in prepared order (gemm_wgmma.cuh) as plain fp32.
std::vector<float> unpacked(const std::vector<std::uint16_t>& prepared) {
    std::vector<float> out(prepared.size());
    for (std::size_t k = 0; k < out.size(); ++k) {
        const std::size_t i = k % 4;
        const std::uint32_t word =
            std::uint32_t{
                prepared[k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2 + i % 2 + i / 2 * 8]}
            << 16;
        std::memcpy(&out[k], &word, 4);
    }
    return out;
}

/// Bytes of the pages that differ. The twin turns a key with other instructions: one of some
/// thousand values may round the other way.
std::size_t differing(const std::vector<unsigned char>& a, const std::vector<unsigned char>& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        count += a[i] != b[i] ? 1 : 0;
    return count;
}

/// A kernel, and how it writes its rows.
struct Way {
    const char* name;
    bool few; // attention_fused.cu
    bool prepared;
    double limit;
};

/// Whether launches again give the same bits; they also find the arrivals as they need them.
bool sameAgain(const Material& material, const std::function<cudaError_t()>& launch,
               const std::vector<float>& first) {
    for (int again = 0; again < 3; ++again) {
        CHECK(launch());
        const std::vector<float> out = material.result();
        if (std::memcmp(out.data(), first.data(), out.size() * 4) != 0)
            return false;
    }
    return true;
}

int checkWay(const Case& one, std::uint32_t splits, const Way& way,
             const std::vector<float>& expected, const std::vector<unsigned char>& expectedPages) {
    Material fast(one);
    fast.attend.splits = splits;
    if (way.prepared)
        fast.attend.preparedOut = reinterpret_cast<std::uint16_t*>(fast.attend.out);
    const auto launch = [&] {
        return way.few ? finishAndAttend(fast.finish, fast.attend, g_limits, nullptr)
                       : finishAndAttendRows(fast.finish, fast.attend, g_limits, nullptr);
    };
    CHECK(launch());
    std::vector<float> out = fast.result();
    const bool same = sameAgain(fast, launch, out);
    const std::size_t written = std::size_t{2} * fast.rows * one.kvHeads * one.dim;
    const std::size_t otherBytes = differing(fast.pages(), expectedPages);
    const bool samePages = otherBytes <= written / 1000;
    if (way.prepared) {
        std::vector<std::uint16_t> bits(out.size());
        std::memcpy(bits.data(), out.data(), bits.size() * 2);
        out = unpacked(bits);
    }
    const double error = distance(out, expected);
    const char* fault = !samePages              ? " pages differ!"
                        : !same                 ? " other bits again!"
                        : !(error <= way.limit) ? "!"
                                                : "";
    std::printf("  %s %.1e, %zu bytes%s", way.name, error, otherBytes, fault);
    return *fault != 0 ? 1 : 0;
}

int checkOne(const Case& one, std::uint32_t splits) {
    Material slow(one);
    CHECK(finishQkv(slow.finish, nullptr));
    CHECK(attention(slow.attend, nullptr));
    const std::vector<float> expected = slow.result();
    const std::vector<unsigned char> expectedPages = slow.pages();
    std::printf("%s %2u heads of %u, dim %3u, %u rows to %5u, splits %2u%s:",
                one.kind == KvKind::Int8 ? "int8" : "bf16", one.heads, one.kvHeads, one.dim,
                static_cast<unsigned>(one.positions.size()),
                *std::max_element(one.positions.begin(), one.positions.end()), splits,
                one.norms ? ", norms" : "");
    int failures = 0;
    for (const Way& way : {Way{"few rows", true, false, 1e-4}, Way{"many rows", false, false, 1e-4},
                           Way{"prepared rows", false, true, 3e-3}})
        if (way.few || finishAndAttendRowsTakes(slow.finish, slow.attend))
            failures += checkWay(one, splits, way, expected, expectedPages);
    std::printf("\n");
    return failures;
}

int checkAll() {
    int failures = 0;
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16})
        for (const std::uint32_t dim : {64U, 128U})
            for (const std::uint32_t splits : {1U, 8U, 16U, 33U, 64U}) {
                failures += checkOne(
                    {kind, 8, 2, dim, true, {0, 1, 15, 16, 17, 200, 1023, 40, 31}, 1}, splits);
                failures += checkOne({kind, 6, 2, dim, false, {9000, 31}, 2}, splits);
            }
    // As many blocks as share a multiprocessor by two, four and eight.
    for (const std::uint32_t heads : {14U, 8U}) // qwen2-0.5b, and at most four a KV head
        for (const std::uint32_t rows : {3U, 17U, 64U, 160U, 300U}) {
            std::vector<std::uint32_t> positions;
            for (std::uint32_t i = 0; i < rows; ++i)
                positions.push_back(i * 7919 % 700);
            failures += checkOne({KvKind::Int8, heads, 2, 64, false, positions, 1}, 1);
            failures += checkOne({KvKind::Int8, heads, 2, 64, false, positions, 1}, 2);
        }
    std::printf("%d failed\n", failures);
    return failures;
}

/// Every kernel over few and short rows, for the tools that watch each access.
int checkSmall() {
    int failures = 0;
    std::vector<std::uint32_t> many;
    for (std::uint32_t i = 0; i < 90; ++i)
        many.push_back(i * 13 % 50);
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16})
        for (const std::uint32_t dim : {64U, 128U}) {
            failures += checkOne({kind, 6, 2, dim, true, {0, 17, 200, 31}, 1}, 1);
            failures += checkOne({kind, 8, 2, dim, false, {700, 40}, 1}, 5);
            for (const std::uint32_t splits : {8U, 16U}) // clusters of as many blocks
                failures += checkOne({kind, 6, 2, dim, true, {0, 130, 1100}, 1}, splits);
            failures += checkOne({kind, 16, 8, dim, true, {1100}, 1}, 9);
            failures += checkOne({kind, 8, 2, dim, false, many, 1}, 3);
        }
    std::printf("%d failed\n", failures);
    return failures;
}

/// Median microseconds a layer, all layers in one graph.
float medianTime(std::uint32_t layers, const std::function<cudaError_t(std::uint32_t)>& launch,
                 cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    CHECK(launch(0));
    CHECK(cudaStreamSynchronize(stream));
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (std::uint32_t layer = 0; layer < layers; ++layer)
        CHECK(launch(layer));
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    std::vector<float> times;
    for (int round = 0; round < 8; ++round) {
        CHECK(cudaEventRecord(begin, stream));
        CHECK(cudaGraphLaunch(exec, stream));
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        float ms = 0;
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        if (round > 0)
            times.push_back(ms * 1000 / static_cast<float>(layers));
    }
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

/// What the card reads, GB/s.
double readBandwidth(cudaStream_t stream) {
    constexpr std::size_t kBytes = std::size_t{2} << 30;
    void* memory = nullptr;
    std::uint32_t* sink = nullptr;
    CHECK(cudaMalloc(&memory, kBytes));
    CHECK(cudaMalloc(&sink, sizeof *sink));
    CHECK(cudaMemset(memory, 1, kBytes));
    const float us = medianTime(
        1, [&](std::uint32_t) { return readOnce(memory, kBytes, sink, g_limits, stream); }, stream);
    CHECK(cudaFree(memory));
    CHECK(cudaFree(sink));
    return static_cast<double>(kBytes) / us / 1e3;
}

/// llama-8b, int8 KV.
void timeAll() {
    struct Timed {
        std::uint32_t rows;
        std::uint32_t positions;
        std::uint32_t layers;
        std::vector<std::uint32_t> splits;
    };
    const Timed cases[] = {{1, 32768, 11, {32, 33}}, {2, 32768, 6, {16}}, {1, 8192, 20, {16, 33}},
                           {4, 8192, 10, {8}},       {8, 1024, 20, {4}},  {16, 1024, 16, {2}},
                           {32, 1024, 10, {1}},      {64, 1024, 6, {1}},  {128, 1024, 3, {1}}};
    cudaStream_t stream = nullptr;
    CHECK(cudaStreamCreate(&stream));
    const double reads = readBandwidth(stream);
    std::printf("card reads %.0f GB/s; llama-8b, int8 KV: us a layer (share)\n", reads);
    for (const Timed& one : cases) {
        Material material({KvKind::Int8, 32, 8, 128, false,
                           std::vector<std::uint32_t>(one.rows, one.positions - 1), one.layers});
        const auto time = [&](const auto& kernel) {
            return medianTime(
                one.layers,
                [&](std::uint32_t layer) {
                    material.inLayer(layer);
                    return kernel(material.finish, material.attend, g_limits, stream);
                },
                stream);
        };
        for (const std::uint32_t splits : one.splits) {
            material.attend.splits = splits;
            const float few = time(finishAndAttend);
            const float many = time(finishAndAttendRows);
            const double percent = material.read / 10 / reads;
            std::printf(
                "%3u rows at %5u, splits %2u: few rows %6.1f (%.1f %%), many %6.1f (%.1f %%)\n",
                one.rows, one.positions, splits, few, percent / few, many, percent / many);
            std::fflush(stdout);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    g_limits = tests::deviceLimits();
    const auto time = [] {
        timeAll();
        return 0;
    };
    return tests::runParts(argc, argv,
                           {{"check", checkAll}, {"small", checkSmall}, {"time", time}});
}
