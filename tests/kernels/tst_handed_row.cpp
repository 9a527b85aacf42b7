// The layout of a row that one kernel hands to the next: every byte has one meaning, and lies where
// the operand B of the product m16n8k32 takes it from.
#include "kernels/cuda_handed_row.h"
#include "tests/support/suite_registry.h"

#include <cstring>
#include <QtTest/QtTest>
#include <set>
#include <vector>

using namespace kernels;

class TstHandedRow : public QObject {
    Q_OBJECT

  private slots:
    void everyByteHasOneMeaning_data() {
        QTest::addColumn<bool>("nibbles");
        QTest::newRow("bytes") << false;
        QTest::newRow("nibbles") << true;
    }
    void everyByteHasOneMeaning() {
        QFETCH(bool, nibbles);
        const HandedOrder order = nibbles ? HandedOrder::Nibbles : HandedOrder::Bytes;
        constexpr std::uint32_t kColumns = 3 * kHandedUnit;
        std::set<std::uint32_t> digits;
        std::set<std::uint32_t> scales;
        for (std::uint32_t column = 0; column < kColumns; ++column) {
            for (const std::uint32_t digit : {0U, 1U})
                QVERIFY(digits.insert(handedDigitAt(order, column, digit)).second);
            scales.insert(handedScaleAt(order, column));
            QCOMPARE(handedScaleAt(order, column),
                     handedScaleAt(order, column / kHandedGroup * kHandedGroup));
        }
        QCOMPARE(digits.size(), std::size_t{handedDigitBytes(kColumns)});
        QCOMPARE(*digits.rbegin(), handedDigitBytes(kColumns) - 1);
        QCOMPARE(scales.size(), std::size_t{kColumns / kHandedGroup});
        QCOMPARE(*scales.rbegin(), kColumns / kHandedGroup - 1);
        QCOMPARE(handedBytes(kColumns),
                 handedDigitBytes(kColumns) + kColumns / kHandedGroup * sizeof(std::uint16_t));
    }

    /// Lane l holds rows k = 4 (l % 4) to + 3 of 16, the lower or the upper half, of column l / 4,
    /// which is 2 g + digit for group g of a step of 32 columns.
    void lanesFindTheirOperands() {
        for (std::uint32_t lane = 0; lane < 32; ++lane)
            for (std::uint32_t step = 0; step < 4; ++step) {
                const std::uint32_t group = lane / 8;
                const std::uint32_t first = lane / 16 * 16 + lane % 4 * 4; // of the step
                QCOMPARE(handedHolds(lane), first / kHandedGroup == group);
                if (!handedHolds(lane))
                    continue;
                for (std::uint32_t k = 0; k < 4; ++k)
                    QCOMPARE(handedDigitAt(HandedOrder::Bytes, step * 32 + first + k, lane / 4 % 2),
                             handedPiece(lane) * 16 + step * 4 + k);
            }
    }

    /// Four neighbours are a word in either order, as who hands them over writes them.
    void fourNeighboursAreAWord() {
        for (const HandedOrder order : {HandedOrder::Bytes, HandedOrder::Nibbles})
            for (std::uint32_t column = 0; column < kHandedUnit; ++column)
                QCOMPARE(handedDigitAt(order, column, 1),
                         handedDigitAt(order, column / 4 * 4, 1) + column % 4);
    }

    void valuesComeBack_data() { everyByteHasOneMeaning_data(); }
    void valuesComeBack() {
        QFETCH(bool, nibbles);
        const HandedOrder order = nibbles ? HandedOrder::Nibbles : HandedOrder::Bytes;
        std::vector<std::byte> row(handedBytes(kHandedUnit));
        constexpr std::uint32_t kColumn = 77;
        constexpr std::int32_t kInteger = -12345; // 256 h + l with l in [-128, 127]
        const auto low = static_cast<std::int8_t>(kInteger & 0xFF);
        row[handedDigitAt(order, kColumn, 0)] = static_cast<std::byte>((kInteger - low) / 256);
        row[handedDigitAt(order, kColumn, 1)] = static_cast<std::byte>(low);
        constexpr std::uint16_t kHalf = 0x3F00; // 0.5 as bf16
        std::memcpy(&row[handedDigitBytes(kHandedUnit) + handedScaleAt(order, kColumn) * 2], &kHalf,
                    2);
        QCOMPARE(handedValue(order, row.data(), kHandedUnit, kColumn), kInteger * 0.5F);
        QCOMPARE(handedValue(order, row.data(), kHandedUnit, kColumn + 1), 0.0F);
    }
};

INGLENOOK_SUITE(handed_row, TstHandedRow)
#include "tst_handed_row.moc"
