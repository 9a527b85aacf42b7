// Checks the decode kernels against their slow twins on random operands, and times them over
// operands that no cache holds. Needs a GPU; no model, no engine.
// usage: inglenook_cuda_kernels check | attention | sampling | time | layers [FORMAT] | heads |
//        draws | handed
// check: products, attention and sampling; exit code 1 when a kernel is further from its twin than
// 1e-3 (2e-3 after rounding to bf16), or samples another token.
// time: layers, the head and sampling in turn, sampling of many rows.
#include "kernels/cuda_handed_row.h"
#include "tests/bench/case_share.h"
#include "tests/bench/cuda_kernels_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace kernels::cuda;
using namespace tests;

std::vector<float> toHost(const float* memory, std::size_t count) {
    std::vector<float> values(count);
    CHECK(cudaMemcpy(values.data(), memory, count * 4, cudaMemcpyDeviceToHost));
    return values;
}
std::vector<float> roundedToHost(const std::uint16_t* memory, std::size_t count) {
    std::vector<std::uint16_t> bits(count);
    CHECK(cudaMemcpy(bits.data(), memory, count * 2, cudaMemcpyDeviceToHost));
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
int judge(const std::string& name, double error, double limit) {
    const bool good = std::isfinite(error) && error <= limit;
    std::printf("%-60s %.2e %s\n", name.c_str(), error, good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

cudaError_t slowGemv(const Gemv& task) {
    Gemv slow = task;
    slow.splitInput = false; // fp32 as it is
    slow.roundInput = task.roundInput && !gemvTakesDigits(task);
    slow.roundedOut = nullptr;
    return tests::plainGemv(slow);
}

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
        CHECK(cudaMemcpy(half, bits.data(), bits.size() * 2, cudaMemcpyHostToDevice));
        CHECK(cudaMemcpy(same, x.data(), x.size() * 4, cudaMemcpyHostToDevice));
        task.rounded = half;
        slow.x = same;
    }
    const std::size_t size = std::size_t{rows} * total;
    float* fastOut = floats(size);
    float* slowOut = allocate<float>(size);
    auto* roundedOut = allocate<std::uint16_t>(size);
    CHECK(cudaMemset(roundedOut, 0xFF, size * 2)); // NaN where nobody writes
    CHECK(cudaMemcpy(slowOut, fastOut, size * 4, cudaMemcpyDeviceToDevice));
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < task.matrixCount; ++i) {
        task.outs[i] = fastOut + at, slow.outs[i] = slowOut + at;
        task.outStrides[i] = slow.outStrides[i] = total;
        at += mode == 2 ? 0 : each[i];
    }
    task.roundedOut = mode == 2 ? roundedOut : nullptr;
    CHECK(gemv(task, g_limits, nullptr));
    CHECK(slowGemv(slow));
    CHECK(cudaDeviceSynchronize());
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
    float keyBias = 20; // about the largest
    double angle = 1;   // length: more than 1 where positions are stretched (YaRN)
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
            table[at] = static_cast<float>(std::cos(angle) * one.angle);
            table[at + std::size_t{one.pairs} * 32] =
                static_cast<float>(std::sin(angle) * one.angle);
            if (p < 16) {
                turns[(p * one.pairs + i) * 2] = static_cast<float>(std::cos(angle));
                turns[(p * one.pairs + i) * 2 + 1] = static_cast<float>(std::sin(angle));
            }
        }
    const auto upload = [](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        T* memory = allocate<T>(values.size());
        CHECK(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
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
    attend.keyBias = one.biased ? floats(kvStride, one.keyBias) : nullptr;
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
    CHECK(cudaMemset(attend.arrivals, 0, rows * one.heads * 4));
    attend.turns = upload(turns);
    const std::size_t size = std::size_t{rows} * queryStride;
    std::byte* fastPool = reinterpret_cast<std::byte*>(upload(pool));
    std::byte* slowPool = reinterpret_cast<std::byte*>(upload(pool));
    float* fastOut = allocate<float>(size);
    float* slowOut = allocate<float>(size);
    CHECK(cudaMemset(fastOut, 0xFF, size * 4));
    finish.pool = fastPool, attend.pool = fastPool, attend.out = fastOut;
    for (int twice = 0; twice < 2; ++twice) // the second time finds the arrivals as it needs them
        CHECK(finishAndAttend(finish, attend, g_limits, nullptr));
    double handedError = 0; // of the same row handed to the product behind
    if (finishAndAttendHands(attend, g_limits)) {
        attend.handedOut = allocate<std::byte>(kernels::handedBytes(queryStride));
        for (const auto order : {kernels::HandedOrder::Bytes, kernels::HandedOrder::Nibbles}) {
            attend.handedOrder = order;
            CHECK(finishAndAttend(finish, attend, g_limits, nullptr));
            handedError =
                std::max(handedError, distance(tests::unhand(order, attend.handedOut, queryStride),
                                               toHost(fastOut, size)));
        }
        attend.handedOut = nullptr;
    }
    double askedError = 0; // of the same row while L2 is asked for its pool
    if (finishAndAttendAsks(attend, g_limits)) {
        attend.ahead = {{fastPool, fastPool}, pool.size(), 3, 4096, {0, 2048}, 2, 1024};
        attend.out = allocate<float>(size);
        CHECK(finishAndAttend(finish, attend, g_limits, nullptr));
        askedError = distance(toHost(attend.out, size), toHost(fastOut, size));
        attend.ahead = {};
    }
    finish.pool = slowPool, attend.pool = slowPool, attend.out = slowOut;
    attend.splits = 1;
    CHECK(finishQkv(finish, nullptr));
    CHECK(attention(attend, nullptr));
    CHECK(cudaDeviceSynchronize());
    const double error = distance(toHost(fastOut, size), toHost(slowOut, size));
    std::vector<std::uint8_t> a(pool.size());
    std::vector<std::uint8_t> b(pool.size());
    CHECK(cudaMemcpy(a.data(), fastPool, a.size(), cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(b.data(), slowPool, b.size(), cudaMemcpyDeviceToHost));
    freeAll();
    return judge(name, error, 1e-4) + judge(name + ", handed", handedError, 1e-4) +
           judge(name + ", asking", askedError, 0) + judge(name + ", pages", a == b ? 0 : 1, 0.5);
}

int checkProducts() {
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
    std::printf("%d failed\n", failures);
    return failures;
}

int checkAttentions() {
    int failures = 0;
    std::vector<std::uint32_t> some = {0, 1, 15, 16, 17, 63, 200, 700, 1023};
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16})
        for (const std::uint32_t dim : {64U, 128U})
            for (int variant = 0; variant < 8; ++variant) {
                const bool biased = variant % 2 == 1;
                AttentionCase one{kind,   biased ? 12U : 8U, 2,    dim, dim / 2, variant == 2,
                                  biased, variant == 2,      some, 5};
                if (variant == 3)
                    one = {kind, 24, 2, dim, dim / 4, true, true, false, {4000, 31, 32}, 33};
                if (variant == 4) // so few rows that sixteen blocks make a cluster
                    one = {kind, 12, 2, dim, dim / 2, false, true, false, {0, 1100, 1999}, 5};
                if (variant == 5) // and so many KV heads that nine do
                    one = {kind, 32, 8, dim, dim / 2, false, biased, false, {1100}, 5};
                if (variant == 6) // dimensions that do not turn, seven heads of a KV head
                    one = {kind, 28, 4, dim, dim / 2 - 4, false, true, false, {1055}, 5};
                if (variant == 7) // what it adds is far beyond fp16
                    one = {kind, 12, 2, dim, dim / 2, false, true, false, {1100}, 5, 1e6F, 1.5};
                for (const std::uint32_t splits : {one.splits, 8U, 9U, 16U}) {
                    one.splits = splits;
                    failures += checkAttention(
                        one, std::string(kind == KvKind::Int8 ? "int8" : "bf16") + " KV, dim " +
                                 std::to_string(dim) + ", variant " + std::to_string(variant) +
                                 ", splits " + std::to_string(splits));
                }
            }
    std::printf("%d failed\n", failures);
    return failures;
}

} // namespace

int main(int argc, char** argv) {
    tests::g_limits = tests::deviceLimits();
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "check")
        return checkProducts() + checkAttentions() + tests::checkHanded() + tests::checkAhead() +
                           checkSampling() ==
                       0
                   ? 0
                   : 1;
    if (what == "attention")
        return checkAttentions() == 0 ? 0 : 1;
    if (what == "sampling")
        return checkSampling();
    if (what == "handed")
        return tests::checkHanded() == 0 ? 0 : 1;
    if (what == "ahead")
        return tests::checkAhead() == 0 ? 0 : 1;
    if (what == "time")
        return tests::timeLayers() + tests::timeHeads() + tests::timeDraws();
    if (what == "layers")
        return tests::timeLayers(argc > 2 ? argv[2] : "");
    if (what == "heads")
        return tests::timeHeads();
    if (what == "draws")
        return tests::timeDraws();
    std::fprintf(stderr,
                 "usage: inglenook_cuda_kernels check | attention | handed | ahead | sampling | "
                 "time | layers [FORMAT] | heads | draws\n");
    return 2;
}
