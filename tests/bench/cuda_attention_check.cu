// Checks attention of many rows against its slow twin and times it: every variant, one and several
// sequences, odd numbers of heads and rows, poison behind the last position. Also what stands
// before it, of many rows against few at a time. Needs a GPU only. usage: inglenook_attention_check
// [check|finish|time]...   default: all
#include "kernels/cuda/attention_hopper.h"
#include "tests/bench/attention_bed.cuh"
#include "tests/bench/attention_finish.h"
#include "tests/bench/case_share.h"

#include <cstdio>

using namespace kernels::cuda;
using namespace tests;

namespace {

DeviceLimits g_limits;

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

/// Bf16 rounds queries and weights to 8 bits, what prepared rows hold as well. With a key bias the
/// queries are fp16, which holds these: weights alone are 1.6e-3, and bf16 queries made it 1.9e-3.
double limitOf(const Variant& variant, const Case& one, KvKind kind) {
    if (one.biased)
        return variant.hopper ? 3e-3 : 1.8e-3;
    return kind == KvKind::Int8 && variant.hopper ? 3e-3 : 5e-3;
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
                const bool good = error <= limitOf(variant, one, kind);
                failures += good ? 0 : 1;
                std::printf("  %s %.1e%s", variant.name, error, good ? "" : " FAILED");
            }
            std::printf("\n");
            std::fflush(stdout);
        }
    std::printf("%d failed\n", failures);
    return failures;
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
        timeFinishedRows();
        timeAll();
        return 0;
    };
    return tests::runParts(argc, argv,
                           {{"check", checkAll}, {"finish", checkFinish}, {"time", time}});
}
