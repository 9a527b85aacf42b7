// Checks and times every variant of the Hopper GEMMs: error against a slow twin over odd and real
// shapes, TFLOP/s with operands that rotate over more memory than the cache holds.
// usage: inglenook_gemm_check [check|time|batch|repeat|=NAME]...   default: all but repeat; =NAME:
// only such variants; repeat: W8A8, rows made anew right before their product, equal bits every
// time (digits: inglenook_digit_repeat)
#include "kernels/cuda/gemm_digits_launch.cuh"
#include "kernels/cuda/gemm_w8a8_launch.cuh"
#include "tests/bench/case_share.h"
#include "tests/bench/gemm_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace kernels::cuda;
using namespace tests;

namespace {

/// The weight as it is, or as a bf16 tensor core sees it.
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
        w = m.kind == WeightKind::Int4
                ? s * (q - 8.0F)
                : s * q + halfToFloat(m.minima[std::size_t{row} * m.groupsPerRow() + k / m.group]);
    }
    return rounded ? roundBf16(w) : w;
}
enum class Operand { Bf16, Int8, Digits };
/// The activation as the kernel sees it.
__device__ float rowValue(const float* x, std::uint32_t stride, const Int8Rows& rows8,
                          const DigitRows& digits, Operand operand, std::uint32_t token,
                          std::uint32_t k) {
    if (operand == Operand::Bf16)
        return roundBf16(x[std::size_t{token} * stride + k]);
    if (operand == Operand::Int8)
        return static_cast<float>(rows8.values[std::size_t{token} * rows8.paddedColumns + k]) *
               rows8
                   .scales[std::size_t{k / kInt8RunColumns} * rows8.stride + int8ScalePlace(token)];
    const std::int8_t* at = digits.values + std::size_t{token} * digits.paddedColumns + k;
    const int both = at[0] * kDigitBase + at[std::size_t{digits.planeRows} * digits.paddedColumns];
    return static_cast<float>(both) * digits.scales[std::size_t{k / 128} * digits.stride + token];
}
/// Slow twin: one thread an output.
__global__ void slowProduct(Matrix m, const float* x, std::uint32_t stride, const Int8Rows rows8,
                            const DigitRows digits, Operand operand, std::uint32_t tokens,
                            float* out) {
    const std::uint32_t row = blockIdx.x * blockDim.x + threadIdx.x;
    const std::uint32_t token = blockIdx.y;
    if (row >= m.rows)
        return;
    double sum = 0;
    float part = 0;
    for (std::uint32_t k = 0; k < m.columns; ++k) {
        const float v = rowValue(x, stride, rows8, digits, operand, token, k);
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

struct Inputs {
    float* x = nullptr;
    PreparedRows prepared;
    Int8Rows rows8;
    DigitRows digits;
    std::uint32_t stride = 0;
};
struct Variant {
    std::string name;
    WeightKind kind;
    Operand operand;
    std::uint32_t mostTokens; // where it makes sense to time it
    std::uint32_t share;      // blocks that fetch tokens together
    cudaError_t (*launch)(const TensorProduct&, const Inputs&, std::uint32_t, cudaStream_t);
};
template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
Variant bf16Variant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s t%d p%d s%d c%d", kind, kTokens, kParts, kStages, kShare);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens == 256 ? 1U << 20 : kTokens,
            kShare,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchTensorGemm<kKind, kTokens, kParts, kStages, kShare>(p, in.prepared,
                                                                                 splits, s);
            }};
}
/// Room for the sums of divided tiles; the limits say how many blocks share a product.
DeviceLimits g_limits;
TileRoom g_room;
void makeRoom() {
    cudaDeviceProp properties;
    CHECK(cudaGetDeviceProperties(&properties, 0));
    g_limits.multiprocessors = static_cast<std::uint32_t>(properties.multiProcessorCount);
    g_limits.hopper = properties.major == 9;
    g_room.floats = tileRoomFloats(g_limits);
    g_room.sums = allocate<float>(g_room.floats);
    g_room.tiles = 4096;
    g_room.arrivals = allocate<std::uint32_t>(g_room.tiles);
    CHECK(cudaMemset(g_room.arrivals, 0, g_room.tiles * 4));
}
template<WeightKind kKind, int kTokens, int kStages>
Variant evenVariant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s even t%d s%d", kind, kTokens, kStages);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                TensorProduct product = p;
                product.room = g_room;
                return launchEvenGemm<kKind, kTokens, kStages>(product, in.prepared, g_limits, s);
            }};
}
template<WeightKind kKind, int kTokens>
Variant tallVariant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s tall t%d", kind, kTokens);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchTallGemm<kKind, kTokens>(p, in.prepared, splits, s);
            }};
}
/// What tensorGemm() takes for the number of rows.
template<WeightKind kKind>
Variant chosenVariant(const char* kind) {
    return {std::string(kind) + " chosen",
            kKind,
            Operand::Bf16,
            128,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                TensorProduct product = p;
                product.room = g_room;
                return launchTensorKind<kKind>(product, in.prepared, g_limits, s);
            }};
}
Variant int8Variant() {
    return {"w8a8",
            WeightKind::Int8,
            Operand::Int8,
            1U << 20,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                return launchInt8Gemm(p, in.rows8, s);
            }};
}
template<int kTokens, int kStages, int kBuffers, int kResident>
Variant digitVariant() {
    char name[64];
    std::snprintf(name, sizeof name, "digits t%d s%d b%d r%d", kTokens, kStages, kBuffers,
                  kResident);
    return {name,
            WeightKind::Int8,
            Operand::Digits,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchDigitGemm<kTokens, kStages, kBuffers, kResident>(p, in.digits, splits,
                                                                              s);
            }};
}
std::vector<Variant> allVariants() {
    using W = WeightKind;
    return {bf16Variant<W::Int8, 256, 1, 5, 2>("int8"),
            bf16Variant<W::Int8, 256, 1, 5, 1>("int8"),
            bf16Variant<W::Int8, 128, 2, 4, 1>("int8"),
            evenVariant<W::Int8, 128, 4>("int8"),
            evenVariant<W::Int8, 64, 6>("int8"),
            tallVariant<W::Int8, 128>("int8"),
            tallVariant<W::Int8, 96>("int8"),
            tallVariant<W::Int4, 128>("int4"),
            tallVariant<W::Int4Min, 128>("int4m"),
            tallVariant<W::BF16, 128>("bf16"),
            chosenVariant<W::Int8>("int8"),
            chosenVariant<W::Int4>("int4"),
            evenVariant<W::Int4, 128, 5>("int4"),
            bf16Variant<W::Int8, 64, 2, 6, 1>("int8"),
            bf16Variant<W::Int8, 32, 2, 4, 1>("int8"),
            bf16Variant<W::Int8, 16, 2, 5, 1>("int8"),
            bf16Variant<W::Int4, 256, 1, 6, 2>("int4"),
            bf16Variant<W::Int4, 256, 1, 6, 1>("int4"),
            bf16Variant<W::Int4, 64, 4, 4, 1>("int4"),
            bf16Variant<W::Int4, 32, 4, 3, 1>("int4"),
            bf16Variant<W::Int4Min, 256, 1, 6, 1>("int4m"),
            bf16Variant<W::BF16, 256, 1, 4, 2>("bf16"),
            bf16Variant<W::BF16, 64, 2, 4, 1>("bf16"),
            int8Variant(),
            digitVariant<8, 5, 1, 2>(),
            digitVariant<8, 10, 1, 1>(),
            digitVariant<16, 10, 1, 1>(),
            digitVariant<32, 8, 1, 1>(),
            digitVariant<16, 5, 1, 2>(),
            digitVariant<32, 4, 1, 2>(),
            digitVariant<64, 3, 1, 2>(),
            digitVariant<64, 6, 2, 1>()};
}

/// Only variants whose names hold this (an argument "=text").
std::string nameFilter;
std::vector<Variant> variants() {
    std::vector<Variant> kept;
    for (const Variant& variant : allVariants())
        if (variant.name.find(nameFilter) != std::string::npos)
            kept.push_back(variant);
    return kept;
}

/// Groups of 128 columns that are zero, tiny or large, three in ten of a row: scales differ from
/// their neighbours', by a factor of up to 1e7.
__global__ void makeUneven(float* x, std::uint32_t stride, std::uint32_t columns) {
    const std::uint32_t token = blockIdx.x;
    for (std::uint32_t k = threadIdx.x; k < columns; k += blockDim.x) {
        const std::uint32_t kind = (token + k / 128) % 10;
        const float factor = kind == 3 ? 0.0F : kind == 7 ? 1e-6F : kind == 9 ? 10.0F : 1.0F;
        x[std::size_t{token} * stride + k] *= factor;
        if (token % 8 == 5 && k / kInt8RunColumns == 1) // a whole run
            x[std::size_t{token} * stride + k] *= token % 16 == 5 ? 0.0F : 1e-6F;
    }
}

Inputs makeInputs(std::uint32_t tokens, std::uint32_t columns, std::uint64_t seed,
                  bool uneven = false) {
    Inputs in;
    in.stride = (columns + 3) / 4 * 4;
    const std::uint32_t padded = (columns + 127) / 128 * 128;
    in.x = allocate<float>(std::size_t{tokens} * in.stride);
    fillFloats<<<1024, 256>>>(in.x, std::size_t{tokens} * in.stride, seed * 7919);
    if (uneven)
        makeUneven<<<tokens, 256>>>(in.x, in.stride, columns);
    in.prepared = {allocate<std::uint16_t>(std::size_t{tokens} * padded), nullptr, padded};
    in.rows8.stride = (tokens + kInt8RowPadding - 1) / kInt8RowPadding * kInt8RowPadding;
    in.rows8.paddedColumns = padded;
    in.rows8.values = allocate<std::int8_t>(std::size_t{tokens} * padded);
    in.rows8.scales = allocate<float>(std::size_t{int8Runs(padded)} * in.rows8.stride);
    in.digits.planeRows = tokens;
    in.digits.stride = (tokens + kMostDigitRows - 1) / kMostDigitRows * kMostDigitRows;
    in.digits.paddedColumns = padded;
    in.digits.values = allocate<std::int8_t>(std::size_t{2} * tokens * padded);
    in.digits.scales = allocate<float>(std::size_t{in.digits.stride} * (padded / 128));
    RowSource source;
    source.x = in.x;
    source.stride = in.stride;
    source.rows = tokens;
    source.columns = columns;
    CHECK(prepareTensorRows(source, in.prepared, nullptr));
    CHECK(quantizeRows(source, in.rows8, nullptr));
    CHECK(digitRows(source, in.digits, nullptr));
    return in;
}
void freeInputs(const Inputs& in) {
    (void)cudaFree(in.x);
    (void)cudaFree(in.prepared.high);
    (void)cudaFree(in.rows8.values);
    (void)cudaFree(in.rows8.scales);
    (void)cudaFree(in.digits.values);
    (void)cudaFree(in.digits.scales);
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

struct Shape {
    std::uint32_t rows[3]; // of up to three matrices
    std::uint32_t columns;
    std::uint32_t tokens;
    Epilogue epilogue;
    std::uint32_t splits;
};

/// Worst relative error of a variant on a shape.
double checkOne(const Variant& variant, const Shape& shape, std::uint32_t group) {
    if (!tests::isMyCase(2.0 * shape.rows[0] * shape.columns * shape.tokens))
        return 0;
    const Inputs in = makeInputs(shape.tokens, shape.columns, 11, true);
    TensorProduct product;
    product.matrixCount = 0;
    product.epilogue = shape.epilogue;
    product.rows = shape.tokens;
    const bool gated = shape.epilogue == Epilogue::SwiGlu;
    std::vector<float*> expected;
    for (int i = 0; i < (gated ? 2 : 3); ++i) {
        const std::uint32_t rows = gated ? shape.rows[0] : shape.rows[i];
        if (rows == 0)
            break;
        std::byte* behind = gated && i == 1
                                ? product.matrices[0].values + product.matrices[0].rowBytes() * rows
                                : nullptr;
        const Matrix m =
            makeMatrix(variant.kind, variant.kind == WeightKind::BF16 ? 0 : group, rows,
                       shape.columns, 5 + static_cast<std::uint64_t>(i), gated ? 2 : 1, behind);
        product.matrices[product.matrixCount] = m;
        product.outs[product.matrixCount] = allocate<float>(std::size_t{shape.tokens} * rows);
        product.outStrides[product.matrixCount] = rows;
        if (shape.epilogue == Epilogue::Add)
            CHECK(cudaMemset(product.outs[product.matrixCount], 0,
                             std::size_t{shape.tokens} * rows * 4));
        ++product.matrixCount;
        expected.push_back(allocate<float>(std::size_t{shape.tokens} * rows));
        slowProduct<<<dim3(ceilDivide(rows, 128), shape.tokens), 128>>>(
            m, in.x, in.stride, in.rows8, in.digits, variant.operand, shape.tokens,
            expected.back());
    }
    double worst = 0;
    if (gated) {
        const std::uint32_t rows = shape.rows[0];
        product.activatedStride = (rows + 127) / 128 * 128;
        product.activated =
            allocate<std::uint16_t>(std::size_t{shape.tokens} * product.activatedStride);
        slowSwiGlu<<<1024, 256>>>(expected[0], expected[1], std::size_t{shape.tokens} * rows);
        CHECK(variant.launch(product, in, shape.splits, nullptr));
        unpackActivated<<<dim3(ceilDivide(rows, 128), shape.tokens), 128>>>(
            product.activated, product.activatedStride, rows, variant.operand == Operand::Bf16,
            product.outs[0]);
        worst = relativeError(product.outs[0], expected[0], std::size_t{shape.tokens} * rows);
    } else {
        CHECK(variant.launch(product, in, shape.splits, nullptr));
        for (std::uint32_t i = 0; i < product.matrixCount; ++i)
            worst = std::fmax(worst,
                              relativeError(product.outs[i], expected[i],
                                            std::size_t{shape.tokens} * product.matrices[i].rows));
    }
    CHECK(cudaDeviceSynchronize());
    for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
        freeMatrix(product.matrices[i], gated && i == 1);
        (void)cudaFree(product.outs[i]);
        (void)cudaFree(expected[i]);
    }
    (void)cudaFree(product.activated);
    freeInputs(in);
    return worst;
}

int checkAll() {
    const Shape shapes[] = {{{136, 0, 0}, 200, 1, Epilogue::Store, 1},
                            {{256, 72, 328}, 640, 33, Epilogue::Store, 1},
                            {{1536, 256, 256}, 1536, 300, Epilogue::Add, 1},
                            {{200, 0, 0}, 896, 67, Epilogue::SwiGlu, 1},
                            {{1000, 0, 0}, 1024, 515, Epilogue::SwiGlu, 1},
                            {{4096, 0, 0}, 14336, 520, Epilogue::Store, 1},
                            {{328, 0, 0}, 896, 290, Epilogue::Store, 1},
                            {{264, 120, 0}, 1408, 61, Epilogue::Add, 4},
                            {{456, 0, 0}, 2048, 16, Epilogue::SwiGlu, 2},
                            {{4096, 0, 0}, 14336, 128, Epilogue::Add, 4},
                            {{328, 0, 0}, 4096, 9, Epilogue::Store, 8},
                            {{456, 0, 0}, 2048, 7, Epilogue::SwiGlu, 2},
                            {{4096, 1024, 1024}, 4096, 8, Epilogue::Store, 4},
                            {{4096, 0, 0}, 14336, 8, Epilogue::Add, 3},
                            {{1432, 0, 0}, 4096, 29, Epilogue::SwiGlu, 1},
                            {{1432, 0, 0}, 1536, 101, Epilogue::SwiGlu, 3},
                            {{520, 136, 72}, 3584, 128, Epilogue::Store, 5},
                            {{1000, 0, 0}, 1792, 90, Epilogue::Add, 7},
                            {{300, 0, 0}, 2048, 200, Epilogue::Store, 6}};
    int failures = 0;
    for (const Variant& variant : variants()) {
        std::printf("%-20s", variant.name.c_str());
        for (const Shape& shape : shapes) {
            if (variant.operand == Operand::Digits && shape.tokens > variant.mostTokens &&
                variant.mostTokens < kMostDigitRows) // more go in slices
                continue;
            if (shape.splits > 1 &&
                (variant.operand == Operand::Digits ? shape.splits * variant.share > 8
                                                    : variant.share > 1))
                continue;
            for (const std::uint32_t group : {128U, 32U}) {
                const bool has32 =
                    variant.kind != WeightKind::BF16 && variant.operand == Operand::Bf16;
                if (group == 32 ? !has32 : has32 && variant.kind != WeightKind::Int8)
                    continue;
                if (shape.splits > 1 && (variant.operand == Operand::Int8 ||
                                         variant.name.find("t256") != std::string::npos))
                    continue;
                const double error = checkOne(variant, shape, group);
                // Behind bf16 output, or weights with a minimum, which round twice: more.
                const bool twice = variant.kind == WeightKind::Int4Min;
                const double limit = twice                                ? 4e-3
                                     : shape.epilogue == Epilogue::SwiGlu ? 2e-3
                                                                          : 1e-3;
                const bool good = error <= limit;
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

/// Median microseconds over rotating operands.
float timeOne(const Variant& variant, const std::uint32_t (&rows)[3], std::uint32_t columns,
              std::uint32_t tokens, Epilogue epilogue, std::uint32_t splits) {
    const bool gated = epilogue == Epilogue::SwiGlu;
    const std::uint32_t group = variant.kind == WeightKind::BF16   ? 0
                                : variant.kind == WeightKind::Int8 ? 128
                                                                   : 32;
    std::vector<TensorProduct> products;
    std::size_t bytes = 0;
    do {
        TensorProduct product;
        product.matrixCount = 0;
        product.epilogue = epilogue;
        product.rows = tokens;
        for (int i = 0; i < (gated ? 2 : 3) && (gated || rows[i] != 0); ++i) {
            const std::uint32_t n = gated ? rows[0] : rows[i];
            product.matrices[product.matrixCount] = makeMatrix(
                variant.kind, group, n, columns, products.size() * 3 + i + 1, gated ? 2 : 1,
                gated && i == 1 ? product.matrices[0].values + product.matrices[0].rowBytes() * n
                                : nullptr);
            bytes += product.matrices[product.matrixCount].rowBytes() * n;
            product.outs[product.matrixCount] =
                gated ? nullptr : allocate<float>(std::size_t{tokens} * n);
            product.outStrides[product.matrixCount] = n;
            ++product.matrixCount;
        }
        if (gated) {
            product.activatedStride = (rows[0] + 127) / 128 * 128;
            product.activated =
                allocate<std::uint16_t>(std::size_t{tokens} * product.activatedStride);
        }
        products.push_back(product);
    } while (bytes < 240'000'000 && products.size() < 40);
    const Inputs in = makeInputs(tokens, columns, 3);
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    // A graph, so that the host's launches do not bound short kernels.
    cudaStream_t stream;
    CHECK(cudaStreamCreate(&stream));
    constexpr int kInner = 16;
    const auto launchAll = [&] {
        for (int i = 0; i < kInner; ++i)
            CHECK(variant.launch(products[i % products.size()], in, splits, stream));
    };
    CHECK(variant.launch(products[0], in, splits, stream));
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    launchAll();
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    std::vector<float> times;
    for (int round = 0; round < 7; ++round) {
        CHECK(cudaEventRecord(begin, stream));
        CHECK(cudaGraphLaunch(exec, stream));
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        float ms = 0;
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        if (round > 1)
            times.push_back(ms * 1000 / kInner);
    }
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
    CHECK(cudaStreamDestroy(stream));
    for (const TensorProduct& product : products) {
        for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
            freeMatrix(product.matrices[i], gated && i == 1);
            (void)cudaFree(product.outs[i]);
        }
        (void)cudaFree(product.activated);
    }
    freeInputs(in);
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

struct Real {
    const char* name;
    std::uint32_t rows[3];
    std::uint32_t columns;
    Epilogue epilogue;
};
constexpr Real kReal[] = {{"qkv 6144x4096", {4096, 1024, 1024}, 4096, Epilogue::Store},
                          {"out 4096x4096", {4096, 0, 0}, 4096, Epilogue::Add},
                          {"gate/up 2x14336x4096", {14336, 0, 0}, 4096, Epilogue::SwiGlu},
                          {"down 4096x14336", {4096, 0, 0}, 14336, Epilogue::Add},
                          {"14336x4096 store", {14336, 0, 0}, 4096, Epilogue::Store}};

double operationsOf(const Real& real, std::uint32_t tokens) {
    const double n = real.epilogue == Epilogue::SwiGlu
                         ? 2.0 * real.rows[0]
                         : static_cast<double>(real.rows[0]) + real.rows[1] + real.rows[2];
    return 2.0 * n * real.columns * tokens;
}

void timePrefill() {
    for (const std::uint32_t tokens : {2048U, 1000U, 512U}) {
        std::printf("%u tokens: us (T op/s)\n%-20s", tokens, "");
        for (const Real& real : kReal)
            std::printf(" %22s", real.name);
        std::printf("\n");
        for (const Variant& variant : variants()) {
            if (variant.mostTokens < tokens)
                continue;
            std::printf("%-20s", variant.name.c_str());
            for (const Real& real : kReal) {
                const float us =
                    timeOne(variant, real.rows, real.columns, tokens, real.epilogue, 1);
                std::printf("     %8.1f (%6.1f)", us, operationsOf(real, tokens) / us / 1e6);
                std::fflush(stdout);
            }
            std::printf("\n");
        }
    }
}

/// `tokens`: 0 for as many as a variant's tile has.
void timeBatches(std::uint32_t tokens) {
    std::printf("batches of %u: us (GB/s of weights)\n", tokens);
    for (const Variant& variant : variants()) {
        if (variant.mostTokens > 128) // int8 activations take prefill alone
            continue;
        const bool tall = variant.name.find("tall") != std::string::npos;
        for (const std::uint32_t splits : {1U, 2U, 3U, 4U, 5U, 6U, 8U}) {
            if (splits % 4 != 0 && splits > 2 && variant.operand != Operand::Digits && !tall)
                continue;
            if (variant.share > 1 && splits > 1 && variant.operand != Operand::Digits)
                continue;
            if (splits > 1 && (variant.name.find("even") != std::string::npos ||
                               variant.name.find("chosen") != std::string::npos))
                continue; // shares K by itself
            std::printf("%-18s k/%u", variant.name.c_str(), splits);
            for (const Real& real : kReal) {
                if (real.epilogue == Epilogue::Store && real.rows[1] == 0)
                    continue;
                const float us =
                    timeOne(variant, real.rows, real.columns,
                            tokens != 0 ? tokens : variant.mostTokens, real.epilogue, splits);
                const double perWeight = variant.kind == WeightKind::Int8   ? 1.016
                                         : variant.kind == WeightKind::BF16 ? 2.0
                                                                            : 0.5625;
                const double bytes = operationsOf(real, 1) / 2 * perWeight;
                std::printf("   %7.1f (%6.0f)", us, bytes / us / 1e3);
                std::fflush(stdout);
            }
            std::printf("\n");
        }
    }
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
    int failures = 0;
    auto* different = allocate<std::uint32_t>(1);
    for (const auto [tokens, columns] : {std::pair{300U, 896U}, {2048U, 4096U}, {520U, 14336U}}) {
        const Inputs in = makeInputs(tokens, columns, 3, true);
        const std::size_t count = std::size_t{tokens} * kRows;
        auto* first = allocate<float>(count);
        TensorProduct product;
        product.matrices[0] = makeMatrix(WeightKind::Int8, 128, kRows, columns, 5);
        product.outs[0] = allocate<float>(count);
        product.outStrides[0] = kRows;
        product.rows = tokens;
        const RowSource source{in.x, nullptr, in.stride, nullptr, nullptr, 0, tokens, columns};
        int differ = 0;
        for (int time = 0; time < kTimes; ++time) {
            CHECK(cudaMemsetAsync(different, 0, 4, nullptr));
            CHECK(quantizeRows(source, in.rows8, nullptr));
            CHECK(launchInt8Gemm(product, in.rows8, nullptr));
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
        freeMatrix(product.matrices[0], false);
        (void)cudaFree(product.outs[0]);
        (void)cudaFree(first);
        freeInputs(in);
    }
    (void)cudaFree(different);
    return failures;
}

} // namespace

int main(int argc, char** argv) {
    makeRoom();
    std::printf("clusters of two at once: %u\n",
                activeClusters(tensorGemmKernel<WeightKind::Int8, 256, 1, 5, 2>, 384,
                               TensorShared<WeightKind::Int8, 256, 1, 5>::kBytes, 2));
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty())
        words = {"check", "time", "batch"};
    int failures = 0;
    for (const std::string& word : words) {
        if (word[0] == '=')
            nameFilter = word.substr(1);
        if (word == "check")
            failures += checkAll();
        if (word == "time")
            timePrefill();
        if (word == "batch")
            timeBatches(0);
        if (word.rfind("batch=", 0) == 0)
            timeBatches(static_cast<std::uint32_t>(std::stoul(word.substr(6))));
        if (word == "repeat")
            failures += repeatInt8();
    }
    return failures == 0 ? 0 : 1;
}
