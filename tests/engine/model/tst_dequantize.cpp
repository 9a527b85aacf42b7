// Every block format against values worked out by hand from the format's description.
#include "engine/model/dequantize.h"
#include "engine/model/float_formats.h"
#include "engine/model/memory_plan.h"
#include "engine/model/quantize.h"
#include "engine/model/quantize_groups.h"
#include "engine/model/sha256.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <limits>
#include <QtTest/QtTest>

using namespace engine;

namespace {

constexpr std::uint16_t kHalf = 0x3800;    // 0.5
constexpr std::uint16_t kQuarter = 0x3400; // 0.25

/// A block of a type, written byte by byte.
class Block {
  public:
    explicit Block(TensorType type) : m_type(type), m_bytes(tensorBlock(type).bytes) {}
    void half(std::size_t at, std::uint16_t bits) {
        m_bytes[at] = static_cast<std::byte>(bits & 255);
        m_bytes[at + 1] = static_cast<std::byte>(bits >> 8);
    }
    void set(std::size_t at, int value) { m_bytes[at] = static_cast<std::byte>(value); }
    std::vector<float> decode() const {
        std::vector<float> out(tensorBlock(m_type).elements);
        return dequantize(m_type, m_bytes, out) ? out : std::vector<float>();
    }

  private:
    TensorType m_type;
    std::vector<std::byte> m_bytes;
};

} // namespace

class TstDequantize : public QObject {
    Q_OBJECT

  private slots:
    void q8_0() {
        Block block(TensorType::Q8_0);
        block.half(0, kHalf);
        block.set(2, 127);
        block.set(33, -128);
        const auto out = block.decode();
        QCOMPARE(out[0], 63.5F);
        QCOMPARE(out[1], 0.0F);
        QCOMPARE(out[31], -64.0F);
    }

    void q4_0() {
        Block block(TensorType::Q4_0);
        block.half(0, kHalf);
        block.set(2, 0xF0);  // weight 0: q = 0, weight 16: q = 15
        block.set(17, 0x8A); // weight 15: q = 10, weight 31: q = 8
        const auto out = block.decode();
        QCOMPARE(out[0], -4.0F);
        QCOMPARE(out[16], 3.5F);
        QCOMPARE(out[15], 1.0F);
        QCOMPARE(out[31], 0.0F);
    }

    void q4_1() {
        Block block(TensorType::Q4_1);
        block.half(0, kHalf);
        block.half(2, kQuarter);
        block.set(4, 0xF3);
        const auto out = block.decode();
        QCOMPARE(out[0], 1.75F);
        QCOMPARE(out[16], 7.75F);
        QCOMPARE(out[1], 0.25F);
    }

    void q5_0() {
        Block block(TensorType::Q5_0);
        block.half(0, kHalf);
        block.set(2, 0x01); // fifth bit of weight 0
        block.set(4, 0x02); // fifth bit of weight 17
        block.set(6, 0x05); // low bits of weights 0 and 16
        block.set(7, 0x70); // low bits of weights 1 and 17
        const auto out = block.decode();
        QCOMPARE(out[0], 2.5F);   // 21 - 16
        QCOMPARE(out[16], -8.0F); // 0 - 16
        QCOMPARE(out[17], 3.5F);  // 23 - 16
    }

    void q5_1() {
        Block block(TensorType::Q5_1);
        block.half(0, kHalf);
        block.half(2, kQuarter);
        block.set(4, 0x01);
        block.set(8, 0x05);
        const auto out = block.decode();
        QCOMPARE(out[0], 10.75F);
        QCOMPARE(out[16], 0.25F);
    }

    void q4_k() {
        Block block(TensorType::Q4_K);
        block.half(0, kHalf);
        block.half(2, kQuarter);
        block.set(4, 0x40 | 3);   // sub-block 0: scale 3; upper bits of sub-block 4's scale: 1
        block.set(8, 0x80 | 2);   // sub-block 0: minimum 2; upper bits of sub-block 4's minimum: 2
        block.set(12, 0x65);      // sub-block 4: scale 5 | 1 << 4 = 21, minimum 6 | 2 << 4 = 38
        block.set(16, 0x07);      // weight 0 of sub-block 0: 7; of sub-block 1: 0
        block.set(16 + 64, 0x0F); // weight 0 of sub-block 4
        const auto out = block.decode();
        QCOMPARE(out[0], 0.5F * 3 * 7 - 0.25F * 2);
        QCOMPARE(out[1], -0.5F);
        QCOMPARE(out[32], 0.0F); // sub-block 1: scale and minimum 0
        QCOMPARE(out[128], 0.5F * 21 * 15 - 0.25F * 38);
    }

    void q5_k() {
        Block block(TensorType::Q5_K);
        block.half(0, kHalf);
        block.half(2, kQuarter);
        block.set(5, 2);     // sub-block 1: scale 2
        block.set(9, 1);     // sub-block 1: minimum 1
        block.set(16, 0x02); // fifth bit of weight 0 of sub-block 1
        block.set(48, 0x90); // weight 0: of sub-block 0 zero, of sub-block 1 nine
        const auto out = block.decode();
        QCOMPARE(out[32], 0.5F * 2 * 25 - 0.25F);
        QCOMPARE(out[33], -0.25F);
        QCOMPARE(out[0], 0.0F);
    }

    void q6_k() {
        Block block(TensorType::Q6_K);
        block.half(208, kHalf);
        block.set(0, 0x21);          // weight 0: low 1; weight 64: low 2
        block.set(128, 0x30 | 0x02); // weight 0: upper 2; weight 64: upper 3
        block.set(192, 3);           // scale of weights 0..15
        block.set(196, -2);          // scale of weights 64..79
        block.set(201, 1);           // scale of weights 144..159
        block.set(64 + 16, 0x04);    // weight 128 + 16: low 4
        block.set(160 + 16, 0x01);   // weight 144: upper 1
        const auto out = block.decode();
        QCOMPARE(out[0], 0.5F * 3 * (33 - 32));
        QCOMPARE(out[64], 0.5F * -2 * (50 - 32));
        QCOMPARE(out[144], 0.5F * 1 * (20 - 32));
    }

    void plainTypes() {
        const std::uint16_t halves[] = {0x3C00, 0x0001, 0xFBFF};
        std::vector<float> out(3);
        QVERIFY(dequantize(TensorType::F16, std::as_bytes(std::span(halves)), out));
        QCOMPARE(out[0], 1.0F);
        QCOMPARE(out[1], 0x1p-24F);
        QCOMPARE(out[2], -65504.0F);
        const std::uint16_t brains[] = {0x3F80, 0xC049, 0x0000};
        QVERIFY(dequantize(TensorType::BF16, std::as_bytes(std::span(brains)), out));
        QCOMPARE(out[1], -3.140625F);
        const std::uint16_t bad[] = {0x7F80, 0, 0}; // infinity
        QVERIFY(!dequantize(TensorType::BF16, std::as_bytes(std::span(bad)), out));
        const double wide[] = {1.5, 1e300, 0};
        QVERIFY(!dequantize(TensorType::F64, std::as_bytes(std::span(wide)), out));
    }

    void halvesRoundTrip() {
        for (std::uint32_t bits = 0; bits < 65536; ++bits) {
            const auto half = static_cast<std::uint16_t>(bits);
            if ((half & 0x7C00) != 0x7C00)
                QCOMPARE(floatToHalf(halfToFloat(half)), half);
        }
        QCOMPARE(floatToHalf(1.0F + 0x1p-11F), std::uint16_t{0x3C00}); // half way, to even
        QCOMPARE(floatToHalf(1.0F + 3 * 0x1p-11F), std::uint16_t{0x3C02});
        QCOMPARE(floatToHalf(65520.0F), std::uint16_t{0x7C00});
        QCOMPARE(floatToHalfUp(1.0F + 0x1p-20F), std::uint16_t{0x3C01});
        QCOMPARE(floatToBfloat(1.0F + 0x1p-8F), std::uint16_t{0x3F80});
    }

    void int8KeepsTheExtreme() {
        std::vector<float> weights(32, 0.001F);
        weights[7] = -0.3337F;
        std::uint16_t scale = 0;
        std::array<std::int8_t, 32> q{};
        QVERIFY(quantizeInt8(weights, scale, q.data()));
        QVERIFY(halfToFloat(scale) >= 0.3337F / 127);
        QVERIFY(q[7] >= -127 && q[7] <= -126);
        std::vector<float> huge(32, 1e30F);
        QVERIFY(!quantizeInt8(huge, scale, q.data())); // beyond fp16: refused, not infinite
        std::vector<float> zero(32, 0.0F);
        QVERIFY(quantizeInt8(zero, scale, q.data()));
        QCOMPARE(scale, std::uint16_t{0});
    }

    void int4BeatsPlainRounding() {
        double plain = 0;
        double searched = 0;
        std::uint32_t state = 1;
        for (int round = 0; round < 200; ++round) {
            std::vector<float> weights(32);
            for (float& weight : weights) {
                float sum = 0; // of twelve uniform numbers: nearly normal
                for (int i = 0; i < 12; ++i)
                    sum += static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) *
                           0x1p-24F;
                weight = sum - 6.0F;
            }
            std::uint16_t scale = 0;
            std::array<std::uint8_t, 16> nibbles{};
            QVERIFY(quantizeInt4(weights, scale, nibbles.data()));
            float extreme = 0;
            for (const float weight : weights)
                extreme = std::fabs(weight) > std::fabs(extreme) ? weight : extreme;
            for (std::size_t i = 0; i < 32; ++i) {
                const int q = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
                searched += std::pow(halfToFloat(scale) * float(q - 8) - weights[i], 2);
                const float d = extreme / -8.0F;
                const float rounded = std::clamp(std::nearbyint(weights[i] / d), -8.0F, 7.0F);
                plain += std::pow(d * rounded - weights[i], 2);
            }
        }
        QVERIFY2(searched < 0.9 * plain, qPrintable(QString::number(searched / plain)));
    }

    void formatsBytes() {
        QCOMPARE(formatBytes(0).c_str(), "0 B");
        QCOMPARE(formatBytes(999).c_str(), "999 B");
        QCOMPARE(formatBytes(1'530'000'000).c_str(), "1.53 GB");
        QCOMPARE(formatBytes(999'999).c_str(), "1.00 MB");
        QCOMPARE(formatBytes(15'300'000).c_str(), "15.3 MB");
        QVERIFY(availableHostMemory() > 0);
        MemoryPlan plan;
        plan.devices.push_back({"CPU", 2'000'000'000, 0, 0, 0, 1'000'000'000});
        QVERIFY(!plan.fits());
        QVERIFY(checkFits(plan).sentence().find("2.00 GB needed, 1.00 GB on CPU free") !=
                std::string::npos);
    }

    void sha256() {
        Sha256 empty;
        QCOMPARE(empty.finish().c_str(),
                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        Sha256 abc;
        abc.add("abc");
        QCOMPARE(abc.finish().c_str(),
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        Sha256 longer;
        for (int i = 0; i < 1000; ++i)
            longer.add(std::string(1000, 'a'));
        QCOMPARE(longer.finish().c_str(),
                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    void parsesOptions() {
        QVERIFY(*parseWeightFormat("int4") == WeightFormat::Int4);
        QVERIFY(*parseKvFormat("bf16") == KvFormat::BF16);
        QCOMPARE(parseWeightFormat("int5").status().sentence().c_str(),
                 "--weights cannot be int5: it is one of auto, f32, bf16, int8, int4.");
    }
};

INGLENOOK_SUITE(dequantize, TstDequantize)
#include "tst_dequantize.moc"
