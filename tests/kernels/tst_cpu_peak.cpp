// What a core computes at most: every set really computes what it counts, and no product of the set
// is faster than its limit.
#include "tests/kernels/kernel_fixtures.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <chrono>
#include <functional>

using namespace kernels;

namespace {

const InstructionSet kSets[] = {InstructionSet::Scalar, InstructionSet::Avx2,
                                InstructionSet::Avx512Vnni};
constexpr int kPasses = 8;

double secondsOf(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Operations a second of the best of some passes.
double rateOf(std::uint64_t (*spin)(std::uint64_t), std::uint64_t rounds) {
    double best = 1e9;
    for (int pass = 0; pass < kPasses; ++pass)
        best = std::min(best, secondsOf([&] { spin(rounds); }));
    return static_cast<double>(spin(1)) * static_cast<double>(rounds) / best;
}

} // namespace

class TstCpuPeak : public QObject {
    Q_OBJECT

  private slots:
    void countsWhatItComputes() {
        for (const InstructionSet set : kSets) {
            if (!isSupported(set))
                continue;
            for (const auto spin : {kernelTable(set).spinFloat, kernelTable(set).spinInt8}) {
                QVERIFY(spin(1) > 0);
                QCOMPARE(spin(1000), 1000 * spin(1));
                const double rate = rateOf(spin, 100'000);
                // Left out by the compiler it would be a million times faster than any core.
                QVERIFY2(rate > 1e8 && rate < 1e13, qPrintable(QString::number(rate)));
            }
        }
    }

    void noProductIsFaster() {
        constexpr std::uint32_t kRows = 32;
        constexpr std::uint32_t kWide = 512; // 32 x 512 weights stay in the nearest cache
        constexpr std::uint32_t kTokens = 12;
        constexpr int kRepeats = 200;
        for (const InstructionSet set : kSets) {
            if (!isSupported(set) || set == InstructionSet::Scalar)
                continue;
            const KernelTable& table = kernelTable(set);
            const tests::RandomMatrix weights(WeightKind::Int8, kRows, kWide, 32, 5);
            const tests::QuantizedRows x(
                table, tests::randomFloats(std::size_t{kTokens} * kWide, 6), kTokens, kWide, 32);
            std::vector<float> out(std::size_t{kTokens} * kRows);
            double best = 1e9;
            double limit = 0;
            for (int pass = 0; pass < kPasses; ++pass) { // in turn: the clock may change
                limit = std::max(limit, rateOf(table.spinInt8, 20'000));
                best = std::min(best, secondsOf([&] {
                                    for (int i = 0; i < kRepeats; ++i)
                                        table.matmulInt8(weights.packed(), {0, kRows}, x.rows,
                                                         out.data(), kRows);
                                }));
            }
            const double rate = 2.0 * kRepeats * kRows * kWide * kTokens / best;
            qInfo("%.0f of %.0f GOPS", rate / 1e9, limit / 1e9);
            QVERIFY(rate < 1.1 * limit);
            QVERIFY(rate > 0.05 * limit);
        }
    }
};

INGLENOOK_SUITE(cpu_peak, TstCpuPeak)
#include "tst_cpu_peak.moc"
