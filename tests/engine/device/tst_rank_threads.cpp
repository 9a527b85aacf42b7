// A thread a GPU: everybody works at once, and the caller hears of failures.
#include "engine/device/rank_threads.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <chrono>
#include <new>
#include <QtTest/QtTest>
#include <string>

using namespace engine;

class RankThreadsTest : public QObject {
    Q_OBJECT

  private slots:
    void everyRankWorksOnce_data();
    void everyRankWorksOnce();
    void ranksMeet();
    void theFirstFailureIsTold();
    void noMemoryIsAStatus();
};

void RankThreadsTest::everyRankWorksOnce_data() {
    QTest::addColumn<unsigned>("ranks");
    for (unsigned ranks = 1; ranks <= 8; ++ranks)
        QTest::addRow("%u ranks", ranks) << ranks;
}

void RankThreadsTest::everyRankWorksOnce() {
    QFETCH(unsigned, ranks);
    RankThreads threads(ranks);
    std::vector<std::atomic<unsigned>> done(ranks);
    constexpr unsigned kTurns = 200;
    for (unsigned turn = 0; turn < kTurns; ++turn) {
        QVERIFY(threads
                    .run([&](std::uint32_t rank) {
                        ++done[rank];
                        return Status();
                    })
                    .ok());
        for (const auto& count : done)
            QCOMPARE(count.load(), turn + 1);
    }
}

/// Work that ends only when all have begun: nobody waits for another's end.
void RankThreadsTest::ranksMeet() {
    RankThreads threads(4);
    std::atomic<unsigned> begun{0};
    const Status met = threads.run([&](std::uint32_t) {
        ++begun;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (begun != 4)
            if (std::chrono::steady_clock::now() > end)
                return Status(Code::InternalError, {{"detail", "alone"}});
        return Status();
    });
    QVERIFY2(met.ok(), met.sentence().c_str());
}

void RankThreadsTest::theFirstFailureIsTold() {
    RankThreads threads(3);
    const Status failed = threads.run([](std::uint32_t rank) {
        return rank == 0
                   ? Status()
                   : Status(Code::InternalError, {{"detail", "rank " + std::to_string(rank)}});
    });
    QVERIFY(QString::fromStdString(failed.sentence()).contains("rank 1"));
    QVERIFY(threads.run([](std::uint32_t) { return Status(); }).ok()); // and is forgotten
}

void RankThreadsTest::noMemoryIsAStatus() {
    RankThreads threads(2);
    const Status failed = threads.run([](std::uint32_t rank) -> Status {
        if (rank == 1)
            throw std::bad_alloc();
        return {};
    });
    QCOMPARE(failed.code(), Code::OutOfMemory);
}

INGLENOOK_SUITE(rank_threads, RankThreadsTest)
#include "tst_rank_threads.moc"
