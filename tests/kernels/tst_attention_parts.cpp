// How the positions of a row are dealt out to the blocks that share it: all turns once, in order,
// in as few parts as need no longer one.
#include "kernels/attention_parts.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <QtTest/QtTest>

using kernels::RowParts;

class TstAttentionParts : public QObject {
    Q_OBJECT

  private slots:
    void everyTurnIsInOnePart() {
        for (std::uint32_t turns = 1; turns <= 600; ++turns)
            for (std::uint32_t most = 1; most <= 66; ++most) {
                const RowParts parts(turns, most);
                QVERIFY(parts.count >= 1 && parts.count <= most);
                QCOMPARE(parts.begin(0), 0U);
                QCOMPARE(parts.begin(parts.count), turns);
                for (std::uint32_t part = 0; part < parts.count; ++part)
                    QVERIFY(parts.begin(part) < parts.begin(part + 1));
            }
    }

    void noPartIsLongerAndNoneIsSpare() {
        for (std::uint32_t turns = 1; turns <= 600; ++turns)
            for (std::uint32_t most = 1; most <= 66; ++most) {
                const RowParts parts(turns, most);
                const std::uint32_t least = (turns + most - 1) / most;
                std::uint32_t longest = 0;
                std::uint32_t shortest = turns;
                for (std::uint32_t part = 0; part < parts.count; ++part) {
                    const std::uint32_t own = parts.begin(part + 1) - parts.begin(part);
                    longest = std::max(longest, own);
                    shortest = std::min(shortest, own);
                }
                QCOMPARE(longest, least);
                QVERIFY(longest - shortest <= 1);
                QVERIFY((parts.count - 1) * least < turns); // one less would be longer
            }
    }

    void aLongRowOnAnH100() {
        // 32,768 positions are 256 turns of eight warps; two blocks a multiprocessor leave eight
        // KV heads room for 33 parts.
        QCOMPARE(RowParts(256, 33).count, 32U);
        QCOMPARE(RowParts(265, 33).count, 30U);
        QCOMPARE(RowParts(20, 33).count, 20U);
    }
};

INGLENOOK_SUITE(attention_parts, TstAttentionParts)
#include "tst_attention_parts.moc"
