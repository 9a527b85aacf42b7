// Times of the Hopper GEMMs over matrices that no cache holds: inglenook_gemm_check time, batch.
#include "tests/bench/cuda_gemm_variants.cuh"

#include <algorithm>
#include <cstdio>

namespace tests {

namespace {

/// Of llama-8b, and gate or up alone without its epilogue.
constexpr NamedProduct kProducts[] = {
    {"qkv 6144x4096", {{4096, 1024, 1024}, 4096, Epilogue::Store}},
    {"out 4096x4096", {{4096, 0, 0}, 4096, Epilogue::Add}},
    {"gate/up 2x14336x4096", {{14336, 0, 0}, 4096, Epilogue::SwiGlu}},
    {"down 4096x14336", {{4096, 0, 0}, 14336, Epilogue::Add}},
    {"14336x4096 store", {{14336, 0, 0}, 4096, Epilogue::Store}}};

/// Median microseconds of a launch, of seven graphs of them; launches by the host would bound short
/// kernels.
template<class Launch>
float timeLaunches(const Launch& launch) {
    constexpr std::size_t kLaunches = 16;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    cudaStream_t stream = nullptr;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    CHECK(cudaStreamCreate(&stream));
    CHECK(launch(0, stream)); // loads the kernel
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (std::size_t i = 0; i < kLaunches; ++i)
        CHECK(launch(i, stream));
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    std::vector<float> times_us;
    for (int round = 0; round < 7; ++round) {
        CHECK(cudaEventRecord(begin, stream));
        CHECK(cudaGraphLaunch(exec, stream));
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        float elapsed_ms = 0;
        CHECK(cudaEventElapsedTime(&elapsed_ms, begin, end));
        if (round > 1)
            times_us.push_back(elapsed_ms * 1000 / kLaunches);
    }
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
    CHECK(cudaStreamDestroy(stream));
    CHECK(cudaEventDestroy(begin));
    CHECK(cudaEventDestroy(end));
    std::sort(times_us.begin(), times_us.end());
    return times_us[times_us.size() / 2];
}

/// Microseconds of a variant; matrices take turns, and together they do not fit into L2.
float timeVariant(const Variant& variant, const ProductShape& shape, std::uint32_t tokens,
                  std::uint32_t splits) {
    constexpr std::size_t kLeastBytes = 240'000'000;
    constexpr std::size_t kMostProducts = 40;
    const std::uint32_t group = variant.kind == WeightKind::BF16   ? 0
                                : variant.kind == WeightKind::Int8 ? 128
                                                                   : 32;
    std::vector<TensorProduct> products;
    std::size_t bytes = 0;
    do {
        products.push_back(
            makeProduct(shape, variant.kind, group, tokens, products.size() * 3 + 1));
        bytes += products.back().matrices[0].rowBytes() * shape.allRows();
    } while (bytes < kLeastBytes && products.size() < kMostProducts);
    const Inputs in = makeInputs(tokens, shape.columns, 3);
    const float time_us = timeLaunches([&](std::size_t i, cudaStream_t stream) {
        return variant.launch(products[i % products.size()], in, splits, stream);
    });
    for (const TensorProduct& product : products)
        freeProduct(product);
    freeInputs(in);
    return time_us;
}

double operationsOf(const ProductShape& shape, std::uint32_t tokens) {
    return 2.0 * shape.allRows() * shape.columns * tokens;
}

/// Of a matrix with its scales.
double bytesPerWeight(WeightKind kind) {
    return kind == WeightKind::Int8 ? 1.016 : kind == WeightKind::BF16 ? 2.0 : 0.5625;
}

/// Whether it is worth timing with K shared by so many blocks.
bool takesSplits(const Variant& variant, std::uint32_t splits) {
    const bool digits = variant.operand == Operand::Digits;
    if (splits > 2 && splits % 4 != 0 && !digits && !variant.is("tall"))
        return false;
    if (splits > 1 && variant.share > 1 && !digits)
        return false;
    return splits == 1 || (!variant.is("even") && !variant.is("chosen")); // share K by themselves
}

} // namespace

void timePrefill(const std::vector<Variant>& variants) {
    for (const std::uint32_t tokens : {2048U, 1000U, 512U}) {
        std::printf("%u tokens: us (T op/s)\n%-20s", tokens, "");
        for (const NamedProduct& product : kProducts)
            std::printf(" %22s", product.name);
        std::printf("\n");
        for (const Variant& variant : variants) {
            if (variant.mostTokens < tokens)
                continue;
            std::printf("%-20s", variant.name.c_str());
            for (const auto& [name, shape] : kProducts) {
                const float time_us = timeVariant(variant, shape, tokens, 1);
                std::printf("     %8.1f (%6.1f)", time_us,
                            operationsOf(shape, tokens) / time_us / 1e6);
                std::fflush(stdout);
            }
            std::printf("\n");
        }
    }
}

void timeBatches(const std::vector<Variant>& variants, std::uint32_t tokens) {
    std::printf("batches of %u: us (GB/s of weights)\n", tokens);
    for (const Variant& variant : variants) {
        if (variant.mostTokens > 128) // int8 rows take prefill alone
            continue;
        for (const std::uint32_t splits : {1U, 2U, 3U, 4U, 5U, 6U, 8U}) {
            if (!takesSplits(variant, splits))
                continue;
            std::printf("%-18s k/%u", variant.name.c_str(), splits);
            for (const auto& [name, shape] : kProducts) {
                if (shape.epilogue == Epilogue::Store && shape.rows[1] == 0)
                    continue;
                const float time_us =
                    timeVariant(variant, shape, tokens != 0 ? tokens : variant.mostTokens, splits);
                const double bytes = operationsOf(shape, 1) / 2 * bytesPerWeight(variant.kind);
                std::printf("   %7.1f (%6.0f)", time_us, bytes / time_us / 1e3);
                std::fflush(stdout);
            }
            std::printf("\n");
        }
    }
}

} // namespace tests
