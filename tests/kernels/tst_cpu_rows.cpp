// Row operations of the fast sets against the scalar ones, with lengths that fill no register.
#include "tests/kernels/kernel_fixtures.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <limits>

using namespace kernels;
using namespace tests;

namespace {

constexpr std::uint32_t kLengths[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 64, 96, 100, 128, 255, 1536};
const InstructionSet kSets[] = {InstructionSet::Scalar, InstructionSet::Avx2,
                                InstructionSet::Avx512Vnni};
const KernelTable& slow() {
    return kernelTable(InstructionSet::Scalar);
}

} // namespace

class TstCpuRows : public QObject {
    Q_OBJECT

  private slots:
    void rmsNormIsItsFormula() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                const auto x = randomFloats(n, 1, 0.01F); // small, so that eps counts
                const auto weight = randomFloats(n, 2);
                double squares = 0;
                for (const float value : x)
                    squares += static_cast<double>(value) * value;
                std::vector<float> expected(n);
                for (std::uint32_t i = 0; i < n; ++i)
                    expected[i] =
                        static_cast<float>(x[i] / std::sqrt(squares / n + 1e-3) * weight[i]);
                std::vector<float> out(n);
                kernelTable(set).rmsNorm(x.data(), weight.data(), n, 1e-3F, out.data());
                QVERIFY(relativeError(out, expected) < 1e-5);
            }
    }

    void swigluIsItsFormula() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                auto gate = randomFloats(n, 3, 5);
                gate[0] = -200; // far beyond what exp holds
                const auto up = randomFloats(n, 4);
                std::vector<float> expected(n);
                for (std::uint32_t i = 0; i < n; ++i)
                    expected[i] = static_cast<float>(
                        gate[i] / (1 + std::exp(-static_cast<double>(gate[i]))) * up[i]);
                std::vector<float> out(n);
                kernelTable(set).swiglu(gate.data(), up.data(), n, out.data());
                for (std::uint32_t i = 0; i < n; ++i)
                    QVERIFY(std::fabs(out[i] - expected[i]) <=
                            1e-5F * std::fabs(expected[i]) + 1e-6F);
            }
    }

    void layerNormIsItsFormula() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                auto x = randomFloats(n, 1, 0.01F); // small, so that eps counts
                for (float& value : x)
                    value += 3; // a sum of squares would lose the differences
                const auto weight = randomFloats(n, 2);
                const auto bias = randomFloats(n, 3);
                double mean = 0;
                for (const float value : x)
                    mean += static_cast<double>(value) / n;
                double variance = 0;
                for (const float value : x)
                    variance += (value - mean) * (value - mean) / n;
                std::vector<float> expected(n);
                for (std::uint32_t i = 0; i < n; ++i)
                    expected[i] = static_cast<float>(
                        (x[i] - mean) / std::sqrt(variance + 1e-3) * weight[i] + bias[i]);
                std::vector<float> out(n);
                kernelTable(set).layerNorm(x.data(), weight.data(), bias.data(), n, 1e-3F,
                                           out.data());
                QVERIFY(relativeError(out, expected) < 1e-4);
            }
    }

    void biasGeluIsItsFormula() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                auto x = randomFloats(n, 3, 5);
                x[0] = -200; // far beyond what exp holds
                x[n - 1] = n > 1 ? 200 : x[n - 1];
                const auto bias = randomFloats(n, 4);
                std::vector<float> out(n);
                kernelTable(set).biasGelu(x.data(), bias.data(), n, out.data());
                for (std::uint32_t i = 0; i < n; ++i) {
                    const double y = static_cast<double>(x[i]) + bias[i];
                    const double inner = 0.7978845608028654 * (y + 0.044715 * y * y * y);
                    const double expected = y / 2 * (1 + std::tanh(inner));
                    QVERIFY(std::fabs(out[i] - expected) <= 1e-5 * std::fabs(expected) + 2e-6);
                }
            }
    }

    void additionAndBf16() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                auto x = randomFloats(n, 5);
                auto expected = x;
                const auto y = randomFloats(n, 6);
                kernelTable(set).add(x.data(), y.data(), n);
                slow().add(expected.data(), y.data(), n);
                QVERIFY(x == expected);
                kernelTable(set).roundToBf16(x.data(), n);
                slow().roundToBf16(expected.data(), n);
                QVERIFY(x == expected);
            }
        // Half to even: 1 + 2^-8 lies between 1 and 1 + 2^-7.
        for (const InstructionSet set : kSets) {
            float values[] = {1.00390625F, 1.01171875F, std::numeric_limits<float>::quiet_NaN()};
            kernelTable(set).roundToBf16(values, 3);
            QCOMPARE(values[0], 1.0F);
            QCOMPARE(values[1], 1.015625F);
            QVERIFY(std::isnan(values[2]));
        }
    }

    void quantizationIsTheSameEverywhere() {
        for (const InstructionSet set : kSets)
            for (const std::uint32_t n : kLengths) {
                const auto x = randomFloats(3 * n, 7, 10);
                const QuantizedRows own(kernelTable(set), x, 3, n, 32);
                const QuantizedRows expected(slow(), x, 3, n, 32);
                QVERIFY(own.values == expected.values);
                QVERIFY(own.scales == expected.scales);
                QVERIFY(own.corrections == expected.corrections);
                for (std::size_t m = 0; m < 3; ++m)
                    for (std::size_t k = 0; k < n; ++k) {
                        const float scale = own.scales[m * own.rows.groups() + k / 32];
                        const float value = own.values[m * own.rows.paddedColumns() + k] * scale;
                        QVERIFY(std::fabs(value - x[m * n + k]) <= scale * 0.501F);
                    }
            }
    }

    void quantizationShowsWhatIsNotFinite() {
        for (const InstructionSet set : kSets)
            for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                                    std::numeric_limits<float>::infinity()}) {
                auto x = randomFloats(96, 8);
                x[40] = bad;
                const QuantizedRows rows(kernelTable(set), x, 1, 96, 32);
                QVERIFY(std::isfinite(rows.scales[0]));
                QVERIFY(std::isnan(rows.scales[1]));
                QVERIFY(std::isfinite(rows.scales[2]));
                const QuantizedRows zeros(kernelTable(set), std::vector<float>(32), 1, 32, 32);
                QCOMPARE(zeros.scales[0], 0.0F);
            }
    }

    void ropeTurnsPairs_data() {
        QTest::addColumn<int>("pairs");
        QTest::addColumn<int>("headDim");
        for (const auto& [pairs, dim] :
             {std::pair{1, 2}, {3, 6}, {16, 32}, {32, 64}, {20, 40}, {24, 64}, {64, 128}})
            QTest::addRow("%d of %d", pairs, dim) << pairs << dim;
    }
    void ropeTurnsPairs() {
        QFETCH(int, pairs);
        QFETCH(int, headDim);
        const auto half = static_cast<std::uint32_t>(pairs);
        const auto angles = randomFloats(std::size_t{half} * 64, 9);
        std::vector<float> table(std::size_t{half} * 2 * 64);
        for (std::size_t p = 0; p < 64; ++p)
            for (std::size_t i = 0; i < half; ++i) {
                const std::size_t block = p / 32 * 2 * half * 32 + p % 32;
                table[block + i * 32] = std::cos(angles[p * half + i]);
                table[block + (half + i) * 32] = std::sin(angles[p * half + i]);
            }
        for (const Pairing pairing : {Pairing::Adjacent, Pairing::Halves})
            for (const InstructionSet set : kSets)
                for (const std::uint32_t position : {0U, 31U, 32U, 63U}) {
                    const RopeTables tables{table.data(), half, pairing};
                    const auto before = randomFloats(static_cast<std::size_t>(headDim), 10);
                    auto head = before;
                    kernelTable(set).rope(head.data(), tables, position);
                    for (std::size_t i = 0; i < before.size(); ++i) {
                        if (i >= 2 * half) {
                            QCOMPARE(head[i], before[i]);
                            continue;
                        }
                        const bool adjacent = pairing == Pairing::Adjacent;
                        const bool isSecond = adjacent ? i % 2 == 1 : i >= half;
                        const std::size_t pair = adjacent ? i / 2 : i % half;
                        const std::size_t other =
                            adjacent ? i ^ 1U : (isSecond ? i - half : i + half);
                        const float angle = angles[position * half + pair];
                        const float expected = before[i] * std::cos(angle) + (isSecond ? 1 : -1) *
                                                                                 before[other] *
                                                                                 std::sin(angle);
                        QVERIFY(std::fabs(head[i] - expected) < 1e-5F);
                    }
                }
    }

    void theFirstLargestIsFound() {
        for (const InstructionSet set : kSets) {
            for (const std::uint32_t n : kLengths) {
                auto x = randomFloats(n, 11);
                QCOMPARE(kernelTable(set).firstLargest(x.data(), n),
                         std::size_t(std::max_element(x.begin(), x.end()) - x.begin()));
                x[n / 2] = x[n - 1] = 9;
                QCOMPARE(kernelTable(set).firstLargest(x.data(), n), std::size_t(n / 2));
                x[0] = std::numeric_limits<float>::quiet_NaN();
                QCOMPARE(kernelTable(set).firstLargest(x.data(), n),
                         std::size_t(n <= 2 ? n - 1 + (n == 1) : n / 2));
                std::fill(x.begin(), x.end(), -std::numeric_limits<float>::infinity());
                QCOMPARE(kernelTable(set).firstLargest(x.data(), n), std::size_t(n));
            }
        }
    }

    void drawWeightsAreTheirFormula() {
        for (const InstructionSet set : kSets) {
            for (const std::uint32_t n : {1U, 15U, 16U, 33U, 1024U, 1025U, 5000U}) {
                auto x = randomFloats(n, 12, 20);
                x[n / 3] = 40;
                if (n > 16) {
                    x[3] = std::numeric_limits<float>::quiet_NaN();
                    x[5] = -std::numeric_limits<float>::infinity();
                }
                std::vector<DrawCandidate> listed(n);
                const DrawTask task{x.data(), n, 40, 1.0F / 0.7F, -60, listed.data()};
                const DrawWeights got = kernelTable(set).drawWeights(task);
                double sum = 0;
                std::size_t next = 0;
                for (std::uint32_t i = 0; i < n; ++i) {
                    const float depth = (x[i] - 40) * task.scale;
                    if (!(depth >= -kDrawDepth))
                        continue;
                    sum += std::exp(static_cast<double>(depth));
                    if (depth < task.listedFrom)
                        continue;
                    QVERIFY(next < got.listed);
                    QCOMPARE(listed[next].token, static_cast<std::int32_t>(i));
                    const double weight = std::exp(static_cast<double>(depth));
                    QVERIFY(std::fabs(listed[next++].weight - weight) <= 1e-6 * weight);
                }
                QCOMPARE(next, got.listed);
                QVERIFY(std::fabs(got.sum - sum) <= 1e-6 * sum);
            }
        }
    }
};

INGLENOOK_SUITE(cpu_rows, TstCpuRows)
#include "tst_cpu_rows.moc"
