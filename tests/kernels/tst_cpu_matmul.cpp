// Matrix products: the scalar ones against plain sums over the plain weights (which also tests the
// packing), the fast ones against the scalar ones.
#include "tests/kernels/kernel_fixtures.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace kernels;
using namespace tests;

namespace {

struct Kind {
    const char* name;
    WeightKind kind;
    std::uint32_t group;
};
constexpr Kind kKinds[] = {{"f32", WeightKind::F32, 0},
                           {"bf16", WeightKind::BF16, 0},
                           {"int8 g128", WeightKind::Int8, 128},
                           {"int8 g32", WeightKind::Int8, 32},
                           {"int4", WeightKind::Int4, 32},
                           {"int4 min", WeightKind::Int4Min, 32},
                           {"int4 zero", WeightKind::Int4Zero, 32}};

struct Shape {
    std::uint32_t rows;    // M
    std::uint32_t outputs; // N
    std::uint32_t columns; // K
};
constexpr Shape kShapes[] = {{1, 1, 1},     {1, 16, 32},   {1, 33, 100}, {2, 48, 128},
                             {3, 7, 31},    {5, 32, 64},   {6, 40, 257}, {7, 65, 160},
                             {8, 16, 384},  {13, 31, 129}, {9, 50, 96},  {17, 100, 300},
                             {33, 80, 514}, {4, 17, 640}};

const InstructionSet kFastSets[] = {InstructionSet::Avx2, InstructionSet::Avx512Vnni};

std::vector<float> product(const KernelTable& table, const RandomMatrix& weights,
                           const std::vector<float>& x, std::uint32_t rows) {
    const PackedMatrix& matrix = weights.packed();
    // Guard values behind every row: a kernel that writes past its range is caught.
    const std::size_t stride = matrix.rows + 3;
    std::vector<float> out(stride * rows, 77.0F);
    const std::uint32_t half = matrix.rows / 2 / kTileRows * kTileRows;
    const FloatRows input{rows, x.data(), matrix.columns};
    table.matmul(matrix, {0, half}, input, out.data(), stride);
    table.matmul(matrix, {half, matrix.rows}, input, out.data(), stride);
    return out;
}

std::vector<float> integerProduct(const KernelTable& table, const RandomMatrix& weights,
                                  const Int8Rows& x) {
    const PackedMatrix& matrix = weights.packed();
    const std::size_t stride = matrix.rows + 3;
    std::vector<float> out(stride * x.rows, 77.0F);
    const std::uint32_t half = matrix.rows / 2 / kTileRows * kTileRows;
    table.matmulInt8(matrix, {0, half}, x, out.data(), stride);
    table.matmulInt8(matrix, {half, matrix.rows}, x, out.data(), stride);
    return out;
}

bool guardsStand(const std::vector<float>& out, const Shape& shape) {
    for (std::size_t m = 0; m < shape.rows; ++m)
        for (std::size_t i = 0; i < 3; ++i)
            if (out[m * (shape.outputs + 3) + shape.outputs + i] != 77.0F)
                return false;
    return true;
}

} // namespace

class TstCpuMatmul : public QObject {
    Q_OBJECT

  private slots:
    void scalarEqualsPlainSums() {
        for (const Kind& kind : kKinds)
            for (const Shape& shape : kShapes) {
                const RandomMatrix weights(kind.kind, shape.outputs, shape.columns, kind.group, 1);
                const auto x = randomFloats(std::size_t{shape.rows} * shape.columns, 2);
                const auto out =
                    product(kernelTable(InstructionSet::Scalar), weights, x, shape.rows);
                std::vector<float> plain = out;
                for (std::uint32_t m = 0; m < shape.rows; ++m)
                    for (std::uint32_t n = 0; n < shape.outputs; ++n) {
                        double sum = 0;
                        for (std::uint32_t k = 0; k < shape.columns; ++k)
                            sum += static_cast<double>(weights.at(n, k)) *
                                   x[std::size_t{m} * shape.columns + k];
                        plain[std::size_t{m} * (shape.outputs + 3) + n] = static_cast<float>(sum);
                    }
                QVERIFY2(relativeError(out, plain) < 1e-6, kind.name);
            }
    }

    void dequantizedRowsAreThePlainWeights() {
        for (const Kind& kind : kKinds) {
            const RandomMatrix weights(kind.kind, 37, 131, kind.group, 3);
            for (const InstructionSet set :
                 {InstructionSet::Scalar, InstructionSet::Avx2, InstructionSet::Avx512Vnni}) {
                std::vector<float> row(131);
                for (std::uint32_t n = 0; n < 37; ++n) {
                    kernelTable(set).dequantizeRow(weights.packed(), n, row.data());
                    for (std::uint32_t k = 0; k < 131; ++k)
                        QCOMPARE(row[k], weights.at(n, k));
                }
            }
        }
    }

    void fastEqualsScalar() {
        for (const InstructionSet set : kFastSets) {
            if (!isSupported(set))
                continue;
            for (const Kind& kind : kKinds)
                for (const Shape& shape : kShapes) {
                    const RandomMatrix weights(kind.kind, shape.outputs, shape.columns, kind.group,
                                               4);
                    const auto x = randomFloats(std::size_t{shape.rows} * shape.columns, 5);
                    const auto slow =
                        product(kernelTable(InstructionSet::Scalar), weights, x, shape.rows);
                    const auto fast = product(kernelTable(set), weights, x, shape.rows);
                    QVERIFY2(guardsStand(fast, shape), kind.name);
                    QVERIFY2(relativeError(fast, slow) < 1e-5, kind.name);
                }
        }
    }

    void fastIntegersEqualScalar() {
        for (const InstructionSet set : kFastSets) {
            if (!isSupported(set))
                continue;
            for (const Kind& kind : kKinds) {
                if (kind.group == 0)
                    continue;
                for (const Shape& shape : kShapes) {
                    const RandomMatrix weights(kind.kind, shape.outputs, shape.columns, kind.group,
                                               6);
                    const auto x = randomFloats(std::size_t{shape.rows} * shape.columns, 7, 3);
                    const QuantizedRows rows(kernelTable(InstructionSet::Scalar), x, shape.rows,
                                             shape.columns, 32);
                    const auto slow =
                        integerProduct(kernelTable(InstructionSet::Scalar), weights, rows.rows);
                    const auto fast = integerProduct(kernelTable(set), weights, rows.rows);
                    QVERIFY2(guardsStand(fast, shape), kind.name);
                    QVERIFY2(relativeError(fast, slow) < 1e-5, kind.name);
                }
            }
        }
    }

    /// Every weight at its extreme: no intermediate may saturate.
    void extremesDoNotSaturate() {
        const RandomMatrix seed(WeightKind::Int8, 16, 128, 128, 8);
        PackedMatrix matrix = seed.packed();
        std::memset(matrix.values, 1, matrix.valueBytes()); // q = -127
        const std::vector<float> x(128, -5.0F);
        for (const InstructionSet set : kFastSets) {
            if (!isSupported(set))
                continue;
            const QuantizedRows rows(kernelTable(set), x, 1, 128, 32);
            std::vector<float> slow(16);
            std::vector<float> fast(16);
            kernelTable(InstructionSet::Scalar)
                .matmulInt8(matrix, {0, 16}, rows.rows, slow.data(), 16);
            kernelTable(set).matmulInt8(matrix, {0, 16}, rows.rows, fast.data(), 16);
            QVERIFY(relativeError(fast, slow) < 1e-6);
        }
    }

    /// The oracle's int8 activations have one scale per 512 columns, whatever the weights' group.
    void scalarTakesGroupsOf512() {
        for (const Kind& kind : kKinds) {
            if (kind.group == 0)
                continue;
            const RandomMatrix weights(kind.kind, 20, 1100, kind.group, 9);
            const auto x = randomFloats(2 * 1100, 10);
            const KernelTable& table = kernelTable(InstructionSet::Scalar);
            const QuantizedRows rows(table, x, 2, 1100, 512);
            std::vector<float> rounded(x.size());
            for (std::size_t m = 0; m < 2; ++m)
                for (std::size_t k = 0; k < 1100; ++k)
                    rounded[m * 1100 + k] =
                        static_cast<float>(rows.values[m * rows.rows.paddedColumns() + k]) *
                        rows.scales[m * rows.rows.groups() + k / 512];
            const auto exact = product(table, weights, rounded, 2);
            QVERIFY2(relativeError(integerProduct(table, weights, rows.rows), exact) < 1e-5,
                     kind.name);
        }
    }

    /// A row's bits do not depend on the rows beside it (reproducible requests rely on it).
    void rowsAreIndependent() {
        const std::uint32_t columns = 289;
        const std::uint32_t count = 23;
        const auto x = randomFloats(std::size_t{count} * columns, 11);
        for (const InstructionSet set : kFastSets) {
            const KernelTable& table = kernelTable(set);
            for (const Kind& kind : kKinds) {
                const RandomMatrix weights(kind.kind, 45, columns, kind.group, 12);
                const auto together = product(table, weights, x, count);
                const QuantizedRows rows(table, x, count, columns, 32);
                const auto integers = weights.isInteger()
                                          ? integerProduct(table, weights, rows.rows)
                                          : std::vector<float>();
                for (std::uint32_t m = 0; m < count; ++m) {
                    const std::vector<float> one(x.begin() + m * columns,
                                                 x.begin() + (m + 1) * columns);
                    const auto alone = product(table, weights, one, 1);
                    QVERIFY(std::equal(alone.begin(), alone.end(), together.begin() + m * 48));
                    if (!weights.isInteger())
                        continue;
                    const QuantizedRows single(table, one, 1, columns, 32);
                    const auto integer = integerProduct(table, weights, single.rows);
                    QVERIFY(std::equal(integer.begin(), integer.end(), integers.begin() + m * 48));
                }
            }
        }
    }
};

INGLENOOK_SUITE(cpu_matmul, TstCpuMatmul)
#include "tst_cpu_matmul.moc"
