#include "engine/stats/step_ring.h"
#include "tests/support/suite_registry.h"

#include <limits>
#include <QtTest/QtTest>
#include <thread>

using namespace engine;

class TstStepRing : public QObject {
    Q_OBJECT

  private slots:
    void givesWhatIsNewOnce() {
        StepRing ring;
        std::vector<StepPart> parts;
        QCOMPARE(ring.read(0, parts), std::uint64_t(0));
        ring.push({7, 1000, 20, 3, true});
        ring.push({8, 1020, 5, 1, false});
        const std::uint64_t cursor = ring.read(0, parts);
        QCOMPARE(parts.size(), std::size_t(2));
        QCOMPARE(parts[0].request, std::uint64_t(7));
        QCOMPARE(parts[0].begin_us, std::int64_t(1000));
        QCOMPARE(parts[0].duration_us, 20U);
        QCOMPARE(parts[0].rows, 3U);
        QVERIFY(parts[0].prefill && !parts[1].prefill);
        parts.clear();
        QCOMPARE(ring.read(cursor, parts), cursor);
        QVERIFY(parts.empty());
    }

    /// What a step took stands at each of its parts, as large as it may be.
    void keepsWhatAStepTook() {
        constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
        StepRing ring;
        ring.push({7, 1000, 20, 3, true, 4, 5, 6, 7});
        ring.push({8, 1000, kMost, kMost, false, kMost, kMost, kMost, kMost});
        std::vector<StepPart> parts;
        ring.read(0, parts);
        QCOMPARE(parts.size(), std::size_t(2));
        QVERIFY(parts[0].prefill);
        QCOMPARE(parts[0].host_us, 4U);
        QCOMPARE(parts[0].ready_us, 5U);
        QCOMPARE(parts[0].waited_us, 6U);
        QCOMPARE(parts[0].device_us, 7U);
        QVERIFY(!parts[1].prefill);
        QCOMPARE(parts[1].host_us, kMost);
        QCOMPARE(parts[1].ready_us, kMost / 2); // as far as it goes: half an hour
        QCOMPARE(parts[1].waited_us, kMost);
        QCOMPARE(parts[1].device_us, kMost);
    }

    void forgetsTheOldestFirst() {
        StepRing ring;
        for (std::uint64_t i = 0; i < StepRing::kParts + 10; ++i)
            ring.push({i, 0, 0, 0, false});
        std::vector<StepPart> parts;
        ring.read(0, parts);
        QCOMPARE(parts.size(), StepRing::kParts);
        QCOMPARE(parts.front().request, std::uint64_t(10));
    }

    /// A part is read whole or not at all, in order, while the writer overtakes the reader.
    void aReaderNeverSeesHalfAPart() {
        StepRing ring;
        std::atomic<bool> done = false;
        constexpr std::uint64_t kPushed = 400'000;
        std::thread writer([&] {
            for (std::uint64_t i = 1; i <= kPushed; ++i)
                ring.push({i, std::int64_t(i * 3), std::uint32_t(i), std::uint32_t(i), i % 2 == 0});
            done = true;
        });
        std::uint64_t cursor = 0;
        std::uint64_t last = 0;
        bool whole = true;
        for (bool again = true; again;) {
            again = !done;
            std::vector<StepPart> parts;
            cursor = ring.read(cursor, parts);
            for (const StepPart& part : parts) {
                whole = whole && part.begin_us == std::int64_t(part.request * 3) &&
                        part.rows == std::uint32_t(part.request) && part.duration_us == part.rows &&
                        part.prefill == (part.request % 2 == 0) && part.request > last;
                last = part.request;
            }
        }
        writer.join();
        QVERIFY(whole);
        QCOMPARE(last, kPushed);
    }
};

INGLENOOK_SUITE(step_ring, TstStepRing)
#include "tst_step_ring.moc"
