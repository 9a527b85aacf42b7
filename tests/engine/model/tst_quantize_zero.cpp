// int4 with the zero point inside the scale: what one group becomes, and how much it loses.
#include "engine/model/float_formats.h"
#include "engine/model/quantize.h"
#include "engine/model/quantize_groups.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

using namespace engine;

namespace {

struct Zeroed {
    bool reachable = false;
    std::uint16_t scale = 0;
    std::vector<float> weights; // what the group stands for
};

Zeroed roundTrip(const std::vector<float>& weights) {
    Zeroed result;
    std::array<std::uint8_t, 16> nibbles{};
    result.reachable = quantizeInt4Zero(weights, result.scale, nibbles.data());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const int q = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
        result.weights.push_back(halfToFloat(result.scale) *
                                 (static_cast<float>(q) - zeroPoint(result.scale)));
    }
    return result;
}

double squaredError(const std::vector<float>& exact, const std::vector<float>& rounded) {
    double error = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
        error += std::pow(double{exact[i]} - rounded[i], 2);
    return error;
}

std::vector<float> normals(std::uint32_t count, float mean, float deviation, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> weights(count);
    for (float& weight : weights)
        weight = normal(random);
    return weights;
}

/// Squared errors over many rows of 32, relative to that of the format with a minimum.
double errorAgainstMinimum(float mean, float deviation) {
    constexpr std::uint32_t kRows = 2000;
    const std::vector<float> weights = normals(kRows * 32, mean, deviation, 5);
    double errors[2] = {};
    const MatrixFormat formats[] = {MatrixFormat::Int4G32Min, MatrixFormat::Int4G32Zero};
    for (int i = 0; i < 2; ++i) {
        QuantizedMatrix matrix = prepareMatrix(formats[i], kRows, 32);
        if (!quantizeRows(weights, 0, matrix))
            return std::numeric_limits<double>::infinity();
        std::vector<float> row(32);
        for (std::uint32_t r = 0; r < kRows; ++r) {
            dequantizeRow(matrix, r, row);
            const auto first = weights.begin() + r * 32;
            errors[i] += squaredError({first, first + 32}, row);
        }
    }
    return errors[1] / errors[0];
}

} // namespace

class TstQuantizeZero : public QObject {
    Q_OBJECT

  private slots:
    void losesLittleMoreThanAMinimum() {
        for (const float mean : {0.0F, 0.01F, -0.03F}) {
            const double ratio = errorAgainstMinimum(mean, 0.02F);
            QVERIFY2(ratio < 1.08, qPrintable(QString::number(ratio)));
        }
    }

    void takesTheBytesOfInt4() {
        QCOMPARE(bytesOf(MatrixFormat::Int4G32Zero, 3, 256),
                 bytesOf(MatrixFormat::Int4G32, 3, 256));
        QCOMPARE(bytesOf(MatrixFormat::Int4G32Zero, 1, 256), std::uint64_t{256 / 2 + 8 * 2});
    }

    /// What the format can say exactly, it keeps: every code, also where 31 more in the scale's
    /// lowest bits would reach the next exponent.
    void keepsItsOwnValues() {
        for (const std::uint16_t upper : {0x2400, 0x27E0, 0x0400, 0x3BE0, 0x0020}) {
            for (std::uint16_t code = 0; code < 32; ++code) {
                const auto bits = static_cast<std::uint16_t>(upper | code);
                std::vector<float> weights(32);
                for (std::size_t i = 0; i < 32; ++i)
                    weights[i] =
                        halfToFloat(bits) * (static_cast<float>(i * 7 % 16) - zeroPoint(bits));
                const Zeroed result = roundTrip(weights);
                QVERIFY(result.reachable);
                QCOMPARE(result.scale, bits);
                QCOMPARE(squaredError(weights, result.weights), 0.0);
            }
        }
    }

    void keepsZeros() {
        const Zeroed result = roundTrip(std::vector<float>(32, 0.0F));
        QVERIFY(result.reachable);
        QCOMPARE(result.scale, std::uint16_t{0});
        QCOMPARE(*std::max_element(result.weights.begin(), result.weights.end()), 0.0F);
    }

    /// Codes reach from all weights above zero to all below it.
    void takesOneSidedGroups() {
        for (const float sign : {1.0F, -1.0F}) {
            std::vector<float> weights(32);
            for (std::size_t i = 0; i < 32; ++i)
                weights[i] = sign * (0.5F + 0.01F * static_cast<float>(i));
            const Zeroed result = roundTrip(weights);
            QVERIFY(result.reachable);
            for (std::size_t i = 0; i < 32; ++i)
                QVERIFY(std::fabs(result.weights[i] - weights[i]) <= 0.81F / 15);
        }
        const Zeroed same = roundTrip(std::vector<float>(32, 3.0F));
        QVERIFY(std::fabs(same.weights[31] - 3.0F) < 0.05F); // the scale has five bits of its own
    }

    void keepsAnOutlier() {
        std::vector<float> weights = normals(32, 0, 0.01F, 3);
        weights[9] = -4.0F;
        const Zeroed result = roundTrip(weights);
        QVERIFY(result.reachable);
        QVERIFY(std::fabs(result.weights[9] + 4.0F) < 4.0F / 30);
        for (const float weight : result.weights)
            QVERIFY(std::fabs(weight) < 4.2F);
    }

    /// Between the smallest half and the largest; never worse than all zeros, refused beyond.
    void reachesBothEnds() {
        for (const float deviation : {1e-9F, 1e-7F, 3e-6F, 1e-4F, 1e4F, 1e5F}) {
            const std::vector<float> weights = normals(32, 0, deviation, 7);
            const Zeroed result = roundTrip(weights);
            QVERIFY(result.reachable);
            QVERIFY((result.scale & 0x7C00) != 0x7C00);
            const double error = squaredError(weights, result.weights);
            const double zeros = squaredError(weights, std::vector<float>(32, 0.0F));
            QVERIFY2(error <= zeros * (deviation > 1e-5F ? 0.02 : 1.0),
                     qPrintable(QString::number(error / zeros)));
        }
        QVERIFY(!roundTrip(normals(32, 0, 1e7F, 7)).reachable);
        QVERIFY(!roundTrip(std::vector<float>(32, 1e38F)).reachable);
        QVERIFY(!roundTrip(normals(32, 0, 1e38F, 7)).reachable);
    }

    /// The end of a row is rounded as if it were alone: padding does not widen its range.
    void takesAShortGroup() {
        const std::vector<float> weights = normals(9, 0.5F, 0.01F, 2);
        const Zeroed result = roundTrip(weights);
        QVERIFY(result.reachable);
        for (std::size_t i = 0; i < weights.size(); ++i)
            QVERIFY(std::fabs(result.weights[i] - weights[i]) < 0.55F / 15);
        const Zeroed one = roundTrip({-0.25F});
        QVERIFY(std::fabs(one.weights[0] + 0.25F) < 0.25F / 60);
    }

    void refusesWhatIsNoNumber() {
        for (const float bad :
             {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
            QuantizedMatrix matrix = prepareMatrix(MatrixFormat::Int4G32Zero, 1, 32);
            std::vector<float> weights(32, 0.1F);
            weights[31] = bad;
            QVERIFY(!quantizeRows(weights, 0, matrix));
        }
    }

    /// Explicit int4 takes it, but not from files whose blocks another format holds exactly.
    void isWhatInt4Means() {
        const auto formatOf = [](TensorType type, const char* name) {
            TensorInfo tensor;
            tensor.name = name;
            tensor.type = type;
            return resolveMatrixFormat(WeightFormat::Int4, tensor);
        };
        const char* matrix = "blk.0.ffn_up.weight";
        for (const TensorType type :
             {TensorType::BF16, TensorType::F16, TensorType::F32, TensorType::Q8_0})
            QVERIFY(formatOf(type, matrix) == MatrixFormat::Int4G32Zero);
        QVERIFY(formatOf(TensorType::Q4_0, matrix) == MatrixFormat::Int4G32);
        QVERIFY(formatOf(TensorType::Q4_1, matrix) == MatrixFormat::Int4G32Min);
        QVERIFY(formatOf(TensorType::Q4_K, matrix) == MatrixFormat::Int4G32Min);
        QVERIFY(formatOf(TensorType::BF16, "output.weight") == MatrixFormat::Int8G128);
    }
};

INGLENOOK_SUITE(quantize_zero, TstQuantizeZero)
#include "tst_quantize_zero.moc"
