// How fast one core runs each CPU kernel: bench_cpu_kernels [seconds per line, default 0.3]
//
// Matrix products of one row report GB/s of weights (their limit is memory), those of 512 rows
// report GOPS (two per multiply-add). Operands rotate over at least 200 MB, so that no cache serves
// them. Attention reports positions a second over a cache of 1,024 tokens.
#include "kernels/cpu_kernels.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

using namespace kernels;

namespace {

constexpr std::size_t kRotation = 200'000'000;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

const char* name(InstructionSet set) {
    return set == InstructionSet::Scalar ? "scalar"
           : set == InstructionSet::Avx2 ? "avx2"
                                         : "avx512";
}

/// Copies of one matrix with random bytes; scales are small and finite.
struct Matrices {
    std::vector<std::byte> values;
    std::vector<std::uint16_t> scales;
    std::vector<PackedMatrix> copies;

    Matrices(WeightKind kind, std::uint32_t rows, std::uint32_t columns, std::uint32_t group) {
        PackedMatrix matrix;
        matrix.kind = kind;
        matrix.rows = rows;
        matrix.columns = columns;
        matrix.group = group;
        const std::size_t count = kRotation / matrix.valueBytes() + 1;
        values.resize(count * matrix.valueBytes());
        std::mt19937_64 random(1);
        for (std::size_t i = 0; i + 8 <= values.size(); i += 8) {
            // Exponents of float kinds stay ordinary.
            const std::uint64_t word = random() & 0xBFFF'BFFF'BFFF'BFFFULL;
            std::memcpy(values.data() + i, &word, 8);
        }
        scales.assign(matrix.scaleCount() + 1, 0x2000); // 2^-7
        for (std::size_t i = 0; i < count; ++i) {
            matrix.values = values.data() + i * matrix.valueBytes();
            matrix.scales = matrix.minima = scales.data();
            copies.push_back(matrix);
        }
    }
    std::size_t bytes() const {
        return copies[0].valueBytes() + copies[0].scaleCount() * sizeof(std::uint16_t);
    }
};

/// Calls work(i) until `seconds` have passed; returns seconds a call.
template<typename Work>
double timed(double seconds, const Work& work) {
    std::size_t calls = 0;
    const double start = now();
    do
        work(calls++);
    while (now() - start < seconds);
    return (now() - start) / static_cast<double>(calls);
}

void benchProduct(const char* label, WeightKind kind, std::uint32_t group, bool integers,
                  InstructionSet set, double seconds) {
    constexpr std::uint32_t kN = 1536;
    constexpr std::uint32_t kK = 1536;
    const Matrices matrices(kind, kN, kK, group);
    const KernelTable& table = kernelTable(set);
    for (const std::uint32_t rows : {1U, 512U}) {
        const std::vector<float> x(std::size_t{rows} * kK, 0.5F);
        std::vector<float> out(std::size_t{rows} * kN);
        std::vector<std::int8_t> values(std::size_t{rows} * kK);
        std::vector<float> scales(std::size_t{rows} * kK / 32);
        std::vector<std::int32_t> corrections(scales.size());
        const Int8Rows x8{rows, kK, 32, values.data(), scales.data(), corrections.data()};
        for (std::uint32_t m = 0; m < rows; ++m)
            table.quantizeRow(x.data() + std::size_t{m} * kK, x8, m);
        const double each = timed(seconds, [&](std::size_t call) {
            const PackedMatrix& weights = matrices.copies[call % matrices.copies.size()];
            // A range at a time, as the executor's workers take them.
            for (std::uint32_t row = 0; row < kN; row += 64) {
                if (integers)
                    table.matmulInt8(weights, {row, row + 64}, x8, out.data(), kN);
                else
                    table.matmul(weights, {row, row + 64}, {rows, x.data(), kK}, out.data(), kN);
            }
        });
        const double gops = 2e-9 * rows * kN * kK / each;
        const double gigabytes = 1e-9 * static_cast<double>(matrices.bytes()) / each;
        std::printf("%-7s %-22s %4u rows  %9.1f us  %8.1f GOPS  %6.1f GB/s\n", name(set), label,
                    rows, each * 1e6, gops, gigabytes);
    }
}

void benchAttention(KvKind kind, InstructionSet set, double seconds) {
    constexpr std::uint32_t kPositions = 1024;
    const KvLayout layout{kind, 2, 128};
    std::vector<std::byte> pool(layout.layerBytes() * kPositions / kPagePositions);
    std::vector<std::uint32_t> pages;
    const std::vector<float> head(128, 0.25F);
    for (std::uint32_t p = 0; p < kPositions; ++p) {
        if (p % kPagePositions == 0)
            pages.push_back(p / kPagePositions);
        for (std::uint32_t h = 0; h < 2; ++h)
            kernelTable(set).storeKv(layout, pool.data() + pages.back() * layout.layerBytes(), h, p,
                                     head.data(), head.data());
    }
    for (const std::uint32_t rows : {1U, kAttentionRows}) {
        const std::vector<float> queries(std::size_t{rows} * 12 * 128, 0.1F);
        std::vector<float> out(queries.size());
        std::vector<float> scratch(attentionScratchFloats(layout, 6, kPositions));
        AttentionTask task;
        task.layout = layout;
        task.pool = pool.data();
        task.pageStride = layout.layerBytes();
        task.pages = pages.data();
        task.headsPerKv = 6;
        task.firstPosition = kPositions - rows;
        task.rows = rows;
        task.queries = queries.data();
        task.out = out.data();
        task.queryStride = task.outStride = 12 * 128;
        task.scratch = scratch.data();
        const double each = timed(seconds, [&](std::size_t) { kernelTable(set).attention(task); });
        std::printf("%-7s attention %-12s %4u rows  %9.1f us  %8.1f million positions/s\n",
                    name(set),
                    kind == KvKind::F32    ? "f32"
                    : kind == KvKind::BF16 ? "bf16"
                                           : "int8",
                    rows, each * 1e6, 1e-6 * rows * 6 * kPositions / each);
    }
}

} // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 0.3;
    for (const InstructionSet set : {InstructionSet::Avx2, InstructionSet::Avx512Vnni}) {
        if (!isSupported(set))
            continue;
        benchProduct("f32", WeightKind::F32, 0, false, set, seconds);
        benchProduct("bf16", WeightKind::BF16, 0, false, set, seconds);
        benchProduct("int8 g128, f32 acts", WeightKind::Int8, 128, false, set, seconds);
        benchProduct("int8 g128, int8 acts", WeightKind::Int8, 128, true, set, seconds);
        benchProduct("int8 g32, int8 acts", WeightKind::Int8, 32, true, set, seconds);
        benchProduct("int4, int8 acts", WeightKind::Int4, 32, true, set, seconds);
        benchProduct("int4 min, int8 acts", WeightKind::Int4Min, 32, true, set, seconds);
        benchProduct("int4 zero, int8 acts", WeightKind::Int4Zero, 32, true, set, seconds);
        for (const KvKind kind : {KvKind::F32, KvKind::BF16, KvKind::Int8})
            benchAttention(kind, set, seconds);
    }
    return 0;
}
