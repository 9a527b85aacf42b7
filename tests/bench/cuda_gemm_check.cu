// Checks and times every variant of the Hopper GEMMs: error against a slow twin over odd and real
// shapes, TFLOP/s with operands that rotate over more memory than the cache holds.
// usage: inglenook_gemm_check [=NAME] [check|time|batch|batch=ROWS|repeat]...
// default: check time batch; =NAME: from there on only variants whose names hold it; repeat: W8A8,
// rows made anew right before their product, equal bits every time (digits: inglenook_digit_repeat)
#include "tests/bench/case_share.h"
#include "tests/bench/cuda_gemm_variants.cuh"

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace kernels::cuda;
using namespace tests;

namespace {

/// The weight as it is or, `rounded`, as a bf16 tensor core sees it.
__device__ float weightOf(const Matrix& m, std::uint32_t row, std::uint32_t k, bool rounded) {
    const std::byte* values = m.values + m.rowBytes() * row;
    if (m.kind == WeightKind::BF16)
        return bf16Low(reinterpret_cast<const std::uint16_t*>(values)[k]);
    const float s = halfToFloat(m.scales[std::size_t{row} * m.groupsPerRow() + k / m.group]);
    float w;
    if (m.kind == WeightKind::Int8) {
        w = s * static_cast<float>(reinterpret_cast<const std::int8_t*>(values)[k]);
    } else {
        const auto byte = static_cast<std::uint32_t>(values[k / 32 * 16 + k % 16]);
        const auto q = static_cast<float>(k % 32 < 16 ? byte & 15U : byte >> 4);
        const std::size_t at = std::size_t{row} * m.groupsPerRow() + k / m.group;
        if (m.kind == WeightKind::Int4Min)
            w = s * q + halfToFloat(m.minima[at]);
        else // half of the scale's five lowest bits is its zero point
            w = s * (q - (m.kind == WeightKind::Int4 ? 8.0F
                                                     : static_cast<float>(m.scales[at] % 32) / 2));
    }
    return rounded ? roundBf16(w) : w;
}
/// The activation as the kernel sees it.
__device__ float rowValue(const Inputs& in, Operand operand, std::uint32_t token, std::uint32_t k) {
    if (operand == Operand::Bf16)
        return roundBf16(in.x[std::size_t{token} * in.stride + k]);
    if (operand == Operand::Int8) {
        const Int8Rows& rows = in.rows8;
        return static_cast<float>(rows.values[std::size_t{token} * rows.paddedColumns + k]) *
               rows.scales[std::size_t{k / kInt8RunColumns} * rows.stride + int8ScalePlace(token)];
    }
    const DigitRows& digits = in.digits;
    const std::int8_t* at = digits.values + std::size_t{token} * digits.paddedColumns + k;
    const int both = at[0] * kDigitBase + at[std::size_t{digits.planeRows} * digits.paddedColumns];
    return static_cast<float>(both) * digits.scales[std::size_t{k / 128} * digits.stride + token];
}
/// Slow twin: one thread an output.
__global__ void slowProduct(const Matrix m, const Inputs in, Operand operand, float* out) {
    const std::uint32_t row = blockIdx.x * blockDim.x + threadIdx.x;
    const std::uint32_t token = blockIdx.y;
    if (row >= m.rows)
        return;
    double sum = 0;
    float part = 0;
    for (std::uint32_t k = 0; k < m.columns; ++k) {
        const float v = rowValue(in, operand, token, k);
        part = fmaf(v, weightOf(m, row, k, operand == Operand::Bf16), part);
        if (k % 64 == 63)
            sum += part, part = 0;
    }
    out[std::size_t{token} * m.rows + row] = static_cast<float>(sum + part);
}
__global__ void slowSwiGlu(float* gate, const float* up, std::size_t count) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        gate[i] = gate[i] / (1.0F + expf(-gate[i])) * up[i];
}
/// Back into plain fp32: [tokens][rows].
__global__ void unpackActivated(const std::uint16_t* from, std::uint32_t stride, std::uint32_t rows,
                                bool prepared, float* out) {
    const std::uint32_t k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= rows)
        return;
    const std::uint32_t i = k % 4;
    const std::uint32_t at =
        prepared ? k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2 + i % 2 + i / 2 * 8 : k;
    out[std::size_t{blockIdx.y} * rows + k] = bf16Low(from[std::size_t{blockIdx.y} * stride + at]);
}
__global__ void compareFloats(const float* a, const float* b, std::size_t count, double* sums) {
    double difference = 0;
    double size = 0;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x) {
        const double d = static_cast<double>(a[i]) - b[i];
        difference += d * d;
        size += static_cast<double>(b[i]) * b[i];
    }
    atomicAdd(sums, difference);
    atomicAdd(sums + 1, size);
}

double relativeError(const float* a, const float* b, std::size_t count) {
    double* sums = allocate<double>(2);
    CHECK(cudaMemset(sums, 0, 16));
    compareFloats<<<512, 256>>>(a, b, count, sums);
    double host[2];
    CHECK(cudaMemcpy(host, sums, 16, cudaMemcpyDeviceToHost));
    (void)cudaFree(sums);
    return std::sqrt(host[0] / host[1]);
}

/// Rows of three matrices (0: none), columns, epilogue; tokens; blocks that share K.
struct Case {
    ProductShape shape;
    std::uint32_t tokens;
    std::uint32_t splits;
};
constexpr Case kCases[] = {{{{136, 0, 0}, 200, Epilogue::Store}, 1, 1},
                           {{{256, 72, 328}, 640, Epilogue::Store}, 33, 1},
                           {{{1536, 256, 256}, 1536, Epilogue::Add}, 300, 1},
                           {{{200, 0, 0}, 896, Epilogue::SwiGlu}, 67, 1},
                           {{{1000, 0, 0}, 1024, Epilogue::SwiGlu}, 515, 1},
                           {{{4096, 0, 0}, 14336, Epilogue::Store}, 520, 1},
                           {{{328, 0, 0}, 896, Epilogue::Store}, 290, 1},
                           {{{264, 120, 0}, 1408, Epilogue::Add}, 61, 4},
                           {{{456, 0, 0}, 2048, Epilogue::SwiGlu}, 16, 2},
                           {{{4096, 0, 0}, 14336, Epilogue::Add}, 128, 4},
                           {{{328, 0, 0}, 4096, Epilogue::Store}, 9, 8},
                           {{{456, 0, 0}, 2048, Epilogue::SwiGlu}, 7, 2},
                           {{{4096, 1024, 1024}, 4096, Epilogue::Store}, 8, 4},
                           {{{4096, 0, 0}, 14336, Epilogue::Add}, 8, 3},
                           {{{1432, 0, 0}, 4096, Epilogue::SwiGlu}, 29, 1},
                           {{{1432, 0, 0}, 1536, Epilogue::SwiGlu}, 101, 3},
                           {{{520, 136, 72}, 3584, Epilogue::Store}, 128, 5},
                           {{{1000, 0, 0}, 1792, Epilogue::Add}, 90, 7},
                           {{{300, 0, 0}, 2048, Epilogue::Store}, 200, 6}};

/// Worst relative error of a variant. `group`: of weights that have scales.
double checkOne(const Variant& variant, const Case& c, std::uint32_t group) {
    const ProductShape& shape = c.shape;
    if (!isMyCase(2.0 * shape.rows[0] * shape.columns * c.tokens))
        return 0;
    const Inputs in = makeInputs(c.tokens, shape.columns, 11, true);
    const TensorProduct product =
        makeProduct(shape, variant.kind, variant.kind == WeightKind::BF16 ? 0 : group, c.tokens, 5);
    std::vector<float*> expected;
    for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
        const Matrix& m = product.matrices[i];
        expected.push_back(allocate<float>(std::size_t{c.tokens} * m.rows));
        slowProduct<<<dim3(ceilDivide(m.rows, 128), c.tokens), 128>>>(m, in, variant.operand,
                                                                      expected.back());
    }
    CHECK(variant.launch(product, in, c.splits, nullptr));
    double worst = 0;
    if (shape.isGated()) {
        const std::uint32_t rows = shape.rows[0];
        const std::size_t count = std::size_t{c.tokens} * rows;
        slowSwiGlu<<<1024, 256>>>(expected[0], expected[1], count);
        auto* unpacked = allocate<float>(count);
        unpackActivated<<<dim3(ceilDivide(rows, 128), c.tokens), 128>>>(
            product.activated, product.activatedStride, rows, variant.operand == Operand::Bf16,
            unpacked);
        worst = relativeError(unpacked, expected[0], count);
        (void)cudaFree(unpacked);
    } else {
        for (std::uint32_t i = 0; i < product.matrixCount; ++i)
            worst = std::fmax(worst, relativeError(product.outs[i], expected[i],
                                                   std::size_t{c.tokens} * shape.matrixRows(i)));
    }
    CHECK(cudaDeviceSynchronize());
    for (float* memory : expected)
        (void)cudaFree(memory);
    freeProduct(product);
    freeInputs(in);
    return worst;
}

/// Whether a variant is made for so many tokens and blocks that share K.
bool takes(const Variant& variant, const Case& c) {
    if (variant.operand == Operand::Digits) // of the most rows: any number, in slices
        return (c.tokens <= variant.mostTokens || variant.mostTokens == kMostDigitRows) &&
               c.splits * variant.share <= 8;
    return c.splits == 1 ||
           (variant.share == 1 && variant.operand != Operand::Int8 && !variant.is("t256"));
}
/// Which sizes of groups make a difference.
std::vector<std::uint32_t> groupsOf(const Variant& variant) {
    if (variant.kind == WeightKind::BF16 || variant.operand != Operand::Bf16)
        return {128};
    return variant.kind == WeightKind::Int8 ? std::vector{128U, 32U} : std::vector{32U};
}
/// Behind bf16 output, or weights with a minimum, which round twice: more.
double limitOf(const Variant& variant, const Case& c) {
    if (variant.kind == WeightKind::Int4Min)
        return 4e-3;
    return c.shape.isGated() ? 2e-3 : 1e-3;
}

int checkAll(const std::vector<Variant>& variants) {
    int failures = 0;
    for (const Variant& variant : variants) {
        std::printf("%-20s", variant.name.c_str());
        for (const Case& c : kCases) {
            if (!takes(variant, c))
                continue;
            for (const std::uint32_t group : groupsOf(variant)) {
                const double error = checkOne(variant, c, group);
                const bool good = error <= limitOf(variant, c);
                failures += good ? 0 : 1;
                std::printf(" %.1e%s", error, good ? "" : "!");
            }
        }
        std::printf("\n");
        std::fflush(stdout);
    }
    std::printf("%d failed\n", failures);
    return failures;
}

__global__ void countDifferent(const float* a, const float* b, std::size_t count,
                               std::uint32_t* different) {
    std::uint32_t own = 0;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        own += __float_as_uint(a[i]) != __float_as_uint(b[i]) ? 1 : 0;
    if (own > 0)
        atomicAdd(different, own);
}
/// Rows become int8 right before the W8A8 product that copies them: how many of many launches
/// differ from the first.
int repeatInt8() {
    constexpr int kTimes = 500;
    constexpr std::uint32_t kRows = 4096;
    const Variant w8a8 = variants("w8a8").front();
    int failures = 0;
    auto* different = allocate<std::uint32_t>(1);
    for (const auto [tokens, columns] : {std::pair{300U, 896U}, {2048U, 4096U}, {520U, 14336U}}) {
        const Inputs in = makeInputs(tokens, columns, 3, true);
        const std::size_t count = std::size_t{tokens} * kRows;
        auto* first = allocate<float>(count);
        const TensorProduct product = makeProduct({{kRows, 0, 0}, columns, Epilogue::Store},
                                                  WeightKind::Int8, 128, tokens, 5);
        const RowSource source{in.x, nullptr, in.stride, nullptr, nullptr, 0, tokens, columns};
        int differ = 0;
        for (int time = 0; time < kTimes; ++time) {
            CHECK(cudaMemsetAsync(different, 0, 4, nullptr));
            CHECK(quantizeRows(source, in.rows8, nullptr));
            CHECK(w8a8.launch(product, in, 1, nullptr));
            if (time == 0)
                CHECK(cudaMemcpyAsync(first, product.outs[0], count * 4, cudaMemcpyDeviceToDevice,
                                      nullptr));
            countDifferent<<<512, 256>>>(product.outs[0], first, count, different);
            std::uint32_t found = 0;
            CHECK(cudaMemcpy(&found, different, 4, cudaMemcpyDeviceToHost));
            differ += found == 0 ? 0 : 1;
        }
        std::printf("w8a8, %u rows of %u: %d of %d launches differ\n", tokens, columns, differ,
                    kTimes);
        failures += differ;
        (void)cudaFree(first);
        freeProduct(product);
        freeInputs(in);
    }
    (void)cudaFree(different);
    return failures;
}

} // namespace

int main(int argc, char** argv) {
    std::printf("clusters of two at once: %u\n", pairsAtOnce());
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty())
        words = {"check", "time", "batch"};
    std::string filter;
    int failures = 0;
    for (const std::string& word : words) {
        if (word[0] == '=')
            filter = word.substr(1);
        if (word == "check")
            failures += checkAll(variants(filter));
        if (word == "time")
            timePrefill(variants(filter));
        if (word == "batch")
            timeBatches(variants(filter), 0);
        if (word.rfind("batch=", 0) == 0)
            timeBatches(variants(filter), static_cast<std::uint32_t>(std::stoul(word.substr(6))));
        if (word == "repeat")
            failures += repeatInt8();
    }
    return failures == 0 ? 0 : 1;
}
