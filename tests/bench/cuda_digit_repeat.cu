// Repeats products of digits right behind the kernel that makes the digits: every launch must leave
// the bits of a first one, which is compared with a plain kernel. Beside digitGemm() variants of it
// that let stages go in other ways (digit_variants.cuh).
// usage: inglenook_digit_repeat [TIMES] [=VARIANT[,VARIANT]...] [rows=N] [shape=TEXT]
//        inglenook_digit_repeat time [=VARIANT[,VARIANT]...] [shape=TEXT]   us of a launch
// Of three launches one follows at once, one a flush of the cache, one a wait of the host. "two":
// two blocks a multiprocessor also where digitGemm() has one; K/8: shared by clusters of eight.
#include "tests/bench/digit_variants.cuh"
#include "tests/bench/gemm_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace tests;

namespace {

struct Options {
    int times = 400;
    std::string variants; // "": all
    std::string shape;
    std::uint32_t rows = 0; // 0: all
    bool timesLaunches = false;
};
Options g_options;
DeviceLimits g_limits;

constexpr NamedProduct kProducts[] = {
    {"llama down 4096x14336", {{4096, 0, 0}, 14336, Epilogue::Store}},
    {"llama qkv 6144x4096", {{4096, 1024, 1024}, 4096, Epilogue::Store}},
    {"llama output 4096x4096", {{4096, 0, 0}, 4096, Epilogue::Store}},
    {"llama gate/up 2x14336x4096", {{14336, 0, 0}, 4096, Epilogue::SwiGlu}},
    {"qwen down 3584x18944", {{3584, 0, 0}, 18944, Epilogue::Store}},
    {"qwen qkv 4608x3584", {{3584, 512, 512}, 3584, Epilogue::Store}},
    {"qwen gate/up 2x18944x3584", {{18944, 0, 0}, 3584, Epilogue::SwiGlu}}};

struct Variant {
    std::string name;
    std::uint32_t fewest; // rows
    std::uint32_t most;
    std::uint32_t splits; // 0: as digitGemm() chooses
    cudaError_t (*launch)(const TensorProduct&, const DigitRows&, std::uint32_t, cudaStream_t);
};

/// As digitSplits() where a block has a multiprocessor; where two have, up to four blocks share K.
std::uint32_t chosenSplits(const TensorProduct& product, int resident) {
    const std::uint32_t units = describeProduct(product, kMostDigitRows, 1).units;
    if (resident == 1) {
        return std::max(1U, std::min(3U, g_limits.multiprocessors / units));
    }
    std::uint32_t splits = 1;
    while (splits < 4 && units * splits * 2 <= g_limits.multiprocessors * 3 / 2)
        splits *= 2;
    return splits;
}

template<int kTokens, int kStages, Release kRelease, int kResident>
Variant variantOf(const char* name, std::uint32_t splits = 0) {
    return {name, kTokens <= 8 ? 1U : kTokens / 2 + 1U, kTokens, splits,
            [](const TensorProduct& product, const DigitRows& x, std::uint32_t chosen,
               cudaStream_t stream) {
                return launchDigitKernel<kTokens, kStages>(
                    variantKernel<kTokens, kStages, kRelease, kResident>, product, x,
                    chosen != 0 ? chosen : chosenSplits(product, kResident), stream);
            }};
}

std::vector<Variant> variants() {
    using R = Release;
    return {{"main", 1, 64, 0,
             [](const TensorProduct& product, const DigitRows& x, std::uint32_t,
                cudaStream_t stream) { return digitGemm(product, x, g_limits, stream); }},
            variantOf<64, 3, R::Warp, 2>("64 warp"),
            variantOf<64, 3, R::Fenced, 2>("64 fenced"),
            variantOf<64, 3, R::Used, 2>("64 used"),
            variantOf<64, 3, R::Warp, 2>("64 warp k/8", 8),
            variantOf<64, 3, R::Fenced, 2>("64 fenced k/8", 8),
            variantOf<64, 3, R::Used, 2>("64 used k/8", 8),
            variantOf<32, 4, R::Warp, 2>("32 two warp"),
            variantOf<32, 4, R::Fenced, 2>("32 two fenced"),
            variantOf<32, 4, R::Used, 2>("32 two used"),
            variantOf<8, 5, R::Warp, 2>("8 two warp"),
            variantOf<8, 5, R::Fenced, 2>("8 two fenced"),
            variantOf<8, 5, R::Used, 2>("8 two used"),
            variantOf<32, 8, R::Warp, 1>("32 warp"),
            variantOf<32, 8, R::Fenced, 1>("32 fenced"),
            variantOf<32, 8, R::Used, 1>("32 used"),
            variantOf<8, 10, R::Warp, 1>("8 warp"),
            variantOf<8, 10, R::Fenced, 1>("8 fenced"),
            variantOf<8, 10, R::Used, 1>("8 used")};
}

__global__ void fillWords(std::uint32_t* out, std::size_t words, std::uint32_t value) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < words;
         i += std::size_t{gridDim.x} * blockDim.x)
        out[i] = value;
}

__global__ void countDifferent(const std::uint32_t* a, const std::uint32_t* b, std::size_t words,
                               std::uint32_t* count) {
    std::uint32_t found = 0;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < words;
         i += std::size_t{gridDim.x} * blockDim.x)
        found += a[i] != b[i] ? 1U : 0U;
    if (found > 0)
        atomicAdd(count, found);
}

/// out[token][row] one by one, from the digits.
__global__ void plainProduct(const Matrix m, const DigitRows x, std::uint32_t tokens, double* out) {
    const std::uint32_t row = blockIdx.x * blockDim.x + threadIdx.x;
    const std::uint32_t token = blockIdx.y;
    if (row >= m.rows)
        return;
    const auto* w = reinterpret_cast<const char4*>(m.values + m.rowBytes() * row);
    const auto* high = reinterpret_cast<const char4*>(x.values + std::size_t{token} * m.columns);
    const auto* low =
        reinterpret_cast<const char4*>(x.values + (std::size_t{token} + x.planeRows) * m.columns);
    double total = 0;
    for (std::uint32_t group = 0; group < m.columns / 128; ++group) {
        int h = 0;
        int l = 0;
        for (std::uint32_t i = group * 32; i < group * 32 + 32; ++i) {
            h = __dp4a(w[i], high[i], h);
            l = __dp4a(w[i], low[i], l);
        }
        total += (h * 256.0 + l) * static_cast<double>(x.scales[group * x.stride + token]) *
                 halfToFloat(m.scales[std::size_t{row} * (m.columns / 128) + group]);
    }
    out[std::size_t{token} * m.rows + row] = total;
}

/// A product, its rows, their digits.
struct Bed {
    struct Output {
        void* memory;
        std::size_t bytes;
        void* kept; // room for as much
    };
    std::uint32_t tokens;
    TensorProduct product;
    DigitRows digits;
    RowSource source;
    float* x = nullptr;
    std::size_t digitBytes = 0;
    std::size_t scaleCount = 0;
    std::vector<Output> outputs;
    std::uint32_t* different = nullptr;

    Bed(const ProductShape& shape, std::uint32_t rows)
        : tokens(rows), product(makeProduct(shape, WeightKind::Int8, 128, rows, 5)) {
        const auto addOutput = [&](void* memory, std::size_t bytes) {
            outputs.push_back({memory, bytes, allocate<std::byte>(bytes)});
        };
        if (shape.isGated())
            addOutput(product.activated, std::size_t{rows} * product.activatedStride * 2);
        else
            for (std::uint32_t i = 0; i < product.matrixCount; ++i)
                addOutput(product.outs[i], std::size_t{rows} * shape.matrixRows(i) * sizeof(float));
        x = allocate<float>(std::size_t{rows} * shape.columns);
        fillFloats<<<1024, 256>>>(x, std::size_t{rows} * shape.columns, 23757);
        source.x = x;
        source.stride = shape.columns;
        source.rows = rows;
        source.columns = shape.columns;
        digits.planeRows = rows;
        digits.stride = kMostDigitRows;
        digits.paddedColumns = shape.columns;
        digitBytes = std::size_t{2} * rows * shape.columns;
        scaleCount = std::size_t{kMostDigitRows} * (shape.columns / 128);
        digits.values = allocate<std::int8_t>(digitBytes);
        digits.scales = allocate<float>(scaleCount);
        different = allocate<std::uint32_t>(1);
        CHECK(cudaMemset(different, 0, 4));
    }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;
    ~Bed() {
        freeProduct(product);
        for (const Output& output : outputs)
            (void)cudaFree(output.kept);
        for (void* memory : {static_cast<void*>(x), static_cast<void*>(digits.values),
                             static_cast<void*>(digits.scales), static_cast<void*>(different)})
            (void)cudaFree(memory);
    }

    void keep() const {
        for (const Output& output : outputs)
            CHECK(cudaMemcpy(output.kept, output.memory, output.bytes, cudaMemcpyDeviceToDevice));
    }
    /// Whether the outputs differ from what was kept.
    bool differs() const {
        for (const Output& output : outputs)
            countDifferent<<<264, 256>>>(static_cast<const std::uint32_t*>(output.memory),
                                         static_cast<const std::uint32_t*>(output.kept),
                                         output.bytes / 4, different);
        std::uint32_t count = 0;
        CHECK(cudaMemcpy(&count, different, 4, cudaMemcpyDeviceToHost));
        if (count > 0)
            CHECK(cudaMemset(different, 0, 4));
        return count > 0;
    }
    /// Whether the first matrix's output is what the digits give.
    bool isRight() const {
        const Matrix& m = product.matrices[0];
        const std::size_t count = std::size_t{tokens} * m.rows;
        auto* memory = allocate<double>(count);
        plainProduct<<<dim3((m.rows + 255) / 256, tokens), 256>>>(m, digits, tokens, memory);
        std::vector<double> right(count);
        std::vector<float> out(count);
        CHECK(cudaMemcpy(right.data(), memory, count * 8, cudaMemcpyDeviceToHost));
        CHECK(cudaMemcpy(out.data(), product.outs[0], count * 4, cudaMemcpyDeviceToHost));
        (void)cudaFree(memory);
        double square = 0;
        for (const double v : right)
            square += v * v;
        // One group's term with another scale is a hundred times as much.
        const double allowed = 1e-4 * std::sqrt(square / static_cast<double>(count));
        for (std::size_t i = 0; i < count; ++i)
            if (!(std::abs(right[i] - static_cast<double>(out[i])) <= allowed))
                return false;
        return true;
    }
};

int repeat(const NamedProduct& named, std::uint32_t tokens, const Variant& variant,
           std::uint32_t* flushed, std::size_t flushedWords) {
    const Bed bed(named.shape, tokens);
    bool hasFirst = false; // a launch whose values are right
    int wrong[3] = {};     // at once, behind a flush of the cache, behind a wait
    int before = 0;        // the first that is right
    for (int time = 0; time < g_options.times; ++time) {
        CHECK(cudaMemsetAsync(bed.digits.values, 0x55, bed.digitBytes, nullptr));
        CHECK(cudaMemsetAsync(bed.digits.scales, 0, bed.scaleCount * 4, nullptr));
        if (time % 3 == 1)
            fillWords<<<1056, 256>>>(flushed, flushedWords, static_cast<std::uint32_t>(time));
        if (time % 3 == 2)
            CHECK(cudaDeviceSynchronize());
        CHECK(digitRows(bed.source, bed.digits, nullptr));
        CHECK(variant.launch(bed.product, bed.digits, variant.splits, nullptr));
        if (hasFirst) {
            wrong[time % 3] += bed.differs() ? 1 : 0;
            continue;
        }
        CHECK(cudaDeviceSynchronize());
        hasFirst = bed.product.activated != nullptr || bed.isRight();
        before += hasFirst ? 0 : 1;
        bed.keep();
    }
    const int all = before + wrong[0] + wrong[1] + wrong[2];
    std::printf("%-16s %2u rows %-28s %s %d of %d wrong", variant.name.c_str(), tokens, named.name,
                all > 0 ? "!" : " ", all, g_options.times);
    if (all > 0)
        std::printf(" (at once %d, flushed %d, waited %d, before the first right one %d)", wrong[0],
                    wrong[1], wrong[2], before);
    std::printf("\n");
    std::fflush(stdout);
    return all;
}

/// us of a launch, of matrices that take turns: together they do not fit into L2.
void timeVariant(const NamedProduct& named, std::uint32_t tokens, const Variant& variant) {
    constexpr int kLaunches = 60;
    constexpr int kRounds = 7;
    std::vector<std::unique_ptr<Bed>> beds;
    const std::size_t bytes = std::size_t{named.shape.allRows()} * named.shape.columns;
    for (std::size_t i = 0; i < 200'000'000 / bytes + 1; ++i) {
        beds.push_back(std::make_unique<Bed>(named.shape, tokens));
        CHECK(digitRows(beds.back()->source, beds.back()->digits, nullptr));
    }
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    float best = INFINITY;
    for (int round = 0; round < kRounds; ++round) {
        CHECK(cudaEventRecord(begin, nullptr));
        for (std::size_t i = 0; i < kLaunches; ++i) {
            const Bed& bed = *beds[i % beds.size()];
            CHECK(variant.launch(bed.product, bed.digits, variant.splits, nullptr));
        }
        CHECK(cudaEventRecord(end, nullptr));
        CHECK(cudaEventSynchronize(end));
        float ms = 0;
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        best = std::min(best, ms / kLaunches);
    }
    CHECK(cudaEventDestroy(begin));
    CHECK(cudaEventDestroy(end));
    std::printf("%-16s %2u rows %-28s %.2f us\n", variant.name.c_str(), tokens, named.name,
                static_cast<double>(best) * 1e3);
    std::fflush(stdout);
}

bool readOption(const std::string& word) {
    const auto value = [&](const char* name) {
        const std::size_t length = std::strlen(name);
        return word.compare(0, length, name) == 0 ? word.c_str() + length : nullptr;
    };
    if (const char* rows = value("rows="))
        g_options.rows = static_cast<std::uint32_t>(std::atoi(rows));
    else if (const char* shape = value("shape="))
        g_options.shape = shape;
    else if (const char* names = value("="))
        g_options.variants = names;
    else if (word == "time")
        g_options.timesLaunches = true;
    else if (std::atoi(word.c_str()) > 0)
        g_options.times = std::atoi(word.c_str());
    else
        return false;
    return true;
}

bool chosen(const Variant& variant) {
    return g_options.variants.empty() ||
           ("," + g_options.variants + ",").find("," + variant.name + ",") != std::string::npos;
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (!readOption(argv[i])) {
            std::printf("%s is none of TIMES, time, =VARIANT, rows=, shape=\n", argv[i]);
            return 2;
        }
    g_limits = deviceLimits();
    constexpr std::size_t kFlushedWords = 50'000'000;
    auto* flushed = allocate<std::uint32_t>(kFlushedWords);
    int failures = 0;
    for (const Variant& variant : variants())
        for (const NamedProduct& named : kProducts) {
            if (!chosen(variant) ||
                std::string(named.name).find(g_options.shape) == std::string::npos)
                continue;
            if (g_options.timesLaunches) {
                timeVariant(named, variant.most, variant);
                continue;
            }
            for (const std::uint32_t rows : {8U, 12U, 17U, 24U, 32U, 33U, 40U, 48U, 64U})
                if ((g_options.rows == 0 || g_options.rows == rows) && rows >= variant.fewest &&
                    rows <= variant.most)
                    failures += repeat(named, rows, variant, flushed, kFlushedWords);
        }
    (void)cudaFree(flushed);
    return failures == 0 ? 0 : 1;
}
