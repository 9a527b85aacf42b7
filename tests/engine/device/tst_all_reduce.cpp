// The sums over several GPUs on a simulated device: a thread a rank, plain memory as windows, the
// offsets and the order of steps of the kernels. What it must show: the bits of a sum in the order
// of the ranks, on every rank, in every round, whoever runs ahead.
#include "engine/device/parallel_plan.h"
#include "kernels/all_reduce_layout.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <QtTest/QtTest>
#include <random>
#include <thread>
#include <vector>

using namespace kernels;

namespace {

using Words = std::vector<std::uint32_t>;

/// One rank's window and rows.
struct Rank {
    Words window;
    Words normed; // [mostRows][stride]: what the owners write
    std::vector<float> residual;
};

class Machine {
  public:
    Machine(std::uint32_t ranks, std::uint32_t stride, std::uint32_t oneShotRows,
            std::uint32_t mostRows)
        : layout{ranks, stride, oneShotRows, mostRows}, m_ranks(ranks) {
        for (Rank& rank : m_ranks) {
            rank.window.assign(layout.bytes() / 4, 0);
            std::fill_n(rank.window.begin(), layout.oneShotBytes() / 4, kAbsent);
            rank.normed.assign(std::size_t{mostRows} * stride, 0);
            rank.residual.assign(std::size_t{mostRows} * stride, 0.5F);
        }
    }

    /// As the kernel of one rank runs; false when something did not come in time.
    bool oneShot(std::uint32_t rank, std::uint32_t parity, std::uint32_t rows,
                 const std::vector<float>& part) {
        for (std::uint32_t row = 0; row < rows; ++row) {
            const float* own = part.data() + std::size_t{row} * layout.stride;
            for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
                if (peer != rank)
                    for (std::uint32_t i = 0; i < layout.stride; ++i)
                        store(peer, layout.oneShot(parity, rank, row) + i * 4,
                              presentBits(std::bit_cast<std::uint32_t>(own[i])));
            for (std::uint32_t i = 0; i < layout.stride; ++i) {
                float sum = 0;
                for (std::uint32_t source = 0; source < layout.ranks; ++source) {
                    std::uint32_t bits = presentBits(std::bit_cast<std::uint32_t>(own[i]));
                    if (source != rank) {
                        const std::size_t at = layout.oneShot(parity, source, row) + i * 4;
                        if (!wait([&] { return (bits = load(rank, at)) != kAbsent; }))
                            return false;
                        store(rank, at, kAbsent);
                    }
                    sum =
                        source == 0 ? std::bit_cast<float>(bits) : sum + std::bit_cast<float>(bits);
                }
                m_ranks[rank].residual[std::size_t{row} * layout.stride + i] += sum;
            }
        }
        return true;
    }

    bool twoShot(std::uint32_t rank, std::uint32_t rows, const std::vector<float>& part) {
        for (std::uint32_t row = 0; row < rows; ++row) {
            const std::uint32_t owner = layout.owner(row);
            if (owner == rank)
                continue;
            for (std::uint32_t i = 0; i < layout.stride; ++i)
                store(owner, layout.twoShot(rank, row) + i * 4,
                      std::bit_cast<std::uint32_t>(part[std::size_t{row} * layout.stride + i]));
            raise(owner, layout.partFlag(rank, row));
        }
        for (std::uint32_t row = rank; row < rows; row += layout.ranks) {
            for (std::uint32_t source = 0; source < layout.ranks; ++source)
                if (source != rank && !await(rank, layout.partFlag(source, row)))
                    return false;
            addOwnRow(rank, row, part,
                      [&](std::uint32_t source) { return layout.twoShot(source, row); });
            for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
                if (peer != rank)
                    raise(peer, layout.rowFlag(row));
        }
        for (std::uint32_t row = 0; row < rows; ++row)
            if (layout.owner(row) != rank && !await(rank, layout.rowFlag(row)))
                return false;
        return true;
    }

    /// Stretches of rows between meetings.
    bool copied(std::uint32_t rank, std::uint32_t rows, const std::vector<float>& part) {
        for (std::uint32_t owner = 0; owner < layout.ranks; ++owner) {
            const std::uint32_t first = layout.firstRow(owner, rows);
            const std::size_t words =
                std::size_t{layout.firstRow(owner + 1, rows) - first} * layout.stride;
            for (std::size_t i = 0; owner != rank && i < words; ++i)
                store(owner, layout.copied(rank, 0) + i * 4,
                      std::bit_cast<std::uint32_t>(part[std::size_t{first} * layout.stride + i]));
        }
        if (!meet(rank, 0))
            return false;
        const std::uint32_t first = layout.firstRow(rank, rows);
        for (std::uint32_t row = first; row < layout.firstRow(rank + 1, rows); ++row)
            addOwnRow(rank, row, part,
                      [&](std::uint32_t source) { return layout.copied(source, row - first); });
        return meet(rank, 1);
    }
    /// Rows of `stride` floats of which the rank has columns [first, first + count); `memories`
    /// hold everybody's.
    bool gather(std::uint32_t rank, std::uint32_t slot, std::uint32_t rows, std::uint32_t stride,
                std::uint32_t first, std::uint32_t count, std::vector<Words>& memories) {
        const std::uint32_t blocks = layout.gatherBlocks(rows, stride);
        for (std::uint32_t block = 0; block < blocks; ++block) {
            for (std::uint32_t i = block; i < rows * count; i += blocks) {
                const std::size_t at = std::size_t{i / count} * stride + first + i % count;
                for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
                    std::atomic_ref(memories[peer][at])
                        .store(memories[rank][at], std::memory_order_relaxed);
            }
            for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
                if (peer != rank)
                    raise(peer, layout.gatherFlag(slot, rank, block));
        }
        for (std::uint32_t block = 0; block < blocks; ++block)
            for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
                if (peer != rank && !await(rank, layout.gatherFlag(slot, peer, block)))
                    return false;
        return true;
    }
    bool owns(std::uint32_t rank, std::uint32_t row, std::uint32_t rows, bool copies) const {
        return copies ? row >= layout.firstRow(rank, rows) && row < layout.firstRow(rank + 1, rows)
                      : layout.owner(row) == rank;
    }

    const Rank& at(std::uint32_t rank) const { return m_ranks[rank]; }
    const ReduceLayout layout;

  private:
    /// Adds the parts of an own row, which lie at placeOf(source), and writes it to everybody.
    template<typename PlaceOf>
    void addOwnRow(std::uint32_t rank, std::uint32_t row, const std::vector<float>& part,
                   const PlaceOf& placeOf) {
        for (std::uint32_t i = 0; i < layout.stride; ++i) {
            const std::size_t at = std::size_t{row} * layout.stride + i;
            float sum = 0;
            for (std::uint32_t source = 0; source < layout.ranks; ++source) {
                const float one = source == rank
                                      ? part[at]
                                      : std::bit_cast<float>(load(rank, placeOf(source) + i * 4));
                sum = source == 0 ? one : sum + one;
            }
            m_ranks[rank].residual[at] += sum;
            for (Rank& peer : m_ranks)
                std::atomic_ref(peer.normed[at])
                    .store(std::bit_cast<std::uint32_t>(m_ranks[rank].residual[at]),
                           std::memory_order_relaxed);
        }
    }
    bool meet(std::uint32_t rank, std::uint32_t slot) {
        for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
            if (peer != rank)
                raise(peer, layout.gatherFlag(slot, rank, 0));
        for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
            if (peer != rank && !await(rank, layout.gatherFlag(slot, peer, 0)))
                return false;
        return true;
    }
    std::uint32_t load(std::uint32_t rank, std::size_t offset) {
        return std::atomic_ref(m_ranks[rank].window[offset / 4]).load(std::memory_order_acquire);
    }
    void store(std::uint32_t rank, std::size_t offset, std::uint32_t bits) {
        std::atomic_ref(m_ranks[rank].window[offset / 4]).store(bits, std::memory_order_release);
    }
    void raise(std::uint32_t rank, std::size_t flag) { store(rank, flag, 1); }
    bool await(std::uint32_t rank, std::size_t flag) {
        if (!wait([&] { return load(rank, flag) != 0; }))
            return false;
        store(rank, flag, 0);
        return true;
    }
    template<typename Condition>
    static bool wait(const Condition& condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            std::this_thread::yield();
        }
        return true;
    }

    std::vector<Rank> m_ranks;
};

/// Parts of every rank for one round.
std::vector<float> makePart(std::uint32_t rank, unsigned round, std::size_t count) {
    std::mt19937 random(rank * 1000003U + round);
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> part(count);
    for (float& value : part)
        value = normal(random);
    for (std::size_t i = rank; i < count; i += 7)
        part[i] = -0.0F; // must not be taken for absent
    return part;
}

} // namespace

class AllReduceTest : public QObject {
    Q_OBJECT

  private slots:
    void placesDoNotOverlap();
    void smallSumsGoInOneShot();
    void unevenGathersMeet_data();
    void unevenGathersMeet();
    void sumsHaveTheSameBits_data();
    void sumsHaveTheSameBits();
};

void AllReduceTest::placesDoNotOverlap() {
    for (std::uint32_t ranks = 1; ranks <= kMostRanks; ++ranks) {
        const ReduceLayout layout{ranks, 128, 5, 37};
        std::vector<bool> used(layout.bytes() / 4);
        const auto take = [&](std::size_t offset, std::size_t words) {
            for (std::size_t i = 0; i < words; ++i) {
                QVERIFY(offset / 4 + i < used.size());
                QVERIFY(!used[offset / 4 + i]);
                used[offset / 4 + i] = true;
            }
        };
        for (std::uint32_t source = 0; source < ranks; ++source) {
            for (std::uint32_t parity = 0; parity < 2; ++parity) {
                for (std::uint32_t row = 0; row < layout.oneShotRows; ++row)
                    take(layout.oneShot(parity, source, row), layout.stride);
            }
            for (std::uint32_t slot = 0; slot < kGatherSlots; ++slot)
                for (std::uint32_t block = 0; block < kGatherBlocks; ++block)
                    take(layout.gatherFlag(slot, source, block), 1);
            for (std::uint32_t row = 0; row < layout.mostRows; row += ranks) { // of owner 0
                take(layout.twoShot(source, row), layout.stride);
                take(layout.partFlag(source, row), 1);
            }
        }
        for (std::uint32_t row = 0; row < layout.mostRows; ++row)
            take(layout.rowFlag(row), 1);
        // Copied sums use the rows of two-shot ones: every row has one owner, who has room for it.
        for (std::uint32_t rows = ranks; rows <= layout.mostRows; ++rows) {
            QCOMPARE(layout.firstRow(0, rows), 0U);
            QCOMPARE(layout.firstRow(ranks, rows), rows);
            for (std::uint32_t rank = 0; rank < ranks; ++rank)
                QVERIFY(layout.firstRow(rank + 1, rows) - layout.firstRow(rank, rows) <=
                        layout.ownedRows());
        }
        QCOMPARE(layout.copied(ranks - 1, layout.ownedRows()), layout.flags());
    }
}

void AllReduceTest::smallSumsGoInOneShot() {
    QCOMPARE(ReduceLayout::oneShotRowsFor(2, 8192), 64U);
    QCOMPARE(ReduceLayout::oneShotRowsFor(4, 8192), 8U);
    QCOMPARE(ReduceLayout::oneShotRowsFor(2, 128), 128U);   // blocks that run at once
    QCOMPARE(ReduceLayout::oneShotRowsFor(8, 1 << 20), 1U); // one in any case
    const ReduceLayout small{4, 128, 2, 2048};
    QVERIFY(small.takesOneShot(2));
    QVERIFY(!small.takesOneShot(3)); // no room for it
}

void AllReduceTest::unevenGathersMeet_data() {
    QTest::addColumn<unsigned>("ranks");
    for (unsigned ranks = 1; ranks <= kMostRanks; ++ranks)
        QTest::addRow("%u ranks", ranks) << ranks;
}

/// Vocabularies whose tiles cannot be dealt out evenly: ranks have more and fewer columns.
void AllReduceTest::unevenGathersMeet() {
    QFETCH(unsigned, ranks);
    for (const std::uint32_t vocabulary : {128'256U, 5'000U, 1'040U}) {
        engine::ModelConfig config;
        config.headCount = config.kvHeadCount = 8;
        config.intermediateSize = 1024;
        config.vocabularySize = vocabulary;
        const auto shares = engine::shareTensors(config, ranks);
        QVERIFY2(shares.ok(), shares.status().sentence().c_str());
        for (const std::uint32_t rows : {1U, 2U, 3U, 5U}) {
            Machine machine(ranks, 12, 1, 1);
            std::vector<Words> memories(ranks, Words(std::size_t{rows} * vocabulary));
            for (unsigned rank = 0; rank < ranks; ++rank) {
                const engine::RankShare& share = shares->at(rank);
                for (std::uint32_t row = 0; row < rows; ++row)
                    for (std::uint32_t i = 0; i < share.tokens; ++i) {
                        const std::uint32_t at = row * vocabulary + share.firstToken + i;
                        memories[rank][at] = at + 1;
                    }
            }
            std::atomic<unsigned> late{0};
            std::vector<std::thread> threads;
            for (unsigned rank = 0; rank < ranks; ++rank)
                threads.emplace_back([&, rank] {
                    const engine::RankShare& share = shares->at(rank);
                    for (const std::uint32_t slot : {2U, 3U})
                        if (!machine.gather(rank, slot, rows, vocabulary, share.firstToken,
                                            share.tokens, memories))
                            ++late;
                });
            for (std::thread& thread : threads)
                thread.join();
            QCOMPARE(late.load(), 0U);
            for (unsigned rank = 0; rank < ranks; ++rank) {
                for (std::uint32_t at = 0; at < memories[rank].size(); ++at)
                    if (memories[rank][at] != at + 1)
                        QFAIL(
                            qPrintable(QStringLiteral("rank %1 lacks word %2").arg(rank).arg(at)));
                const Words& window = machine.at(rank).window;
                QVERIFY(std::all_of(window.begin() + std::ptrdiff_t(machine.layout.flags() / 4),
                                    window.end(), [](std::uint32_t flag) { return flag == 0; }));
            }
        }
    }
    const ReduceLayout layout{ranks, 128, 1, 1};
    QCOMPARE(layout.gatherBlocks(0, 0), 1U); // a meeting
    QCOMPARE(layout.gatherBlocks(64, 128'256), kGatherBlocks);
}

void AllReduceTest::sumsHaveTheSameBits_data() {
    QTest::addColumn<unsigned>("ranks");
    for (unsigned ranks = 1; ranks <= kMostRanks; ++ranks)
        QTest::addRow("%u ranks", ranks) << ranks;
}

void AllReduceTest::sumsHaveTheSameBits() {
    QFETCH(unsigned, ranks);
    constexpr std::uint32_t kStride = 12;
    constexpr std::uint32_t kMostRows = 29;
    constexpr unsigned kSteps = 12;
    Machine machine(ranks, kStride, 8, kMostRows);
    const auto rowsOf = [](unsigned step) { return step % 3 != 0 ? 9 + step : 1 + step % 8; };
    const auto copies = [](unsigned step) { return step % 3 == 2; };
    std::vector<std::thread> threads;
    std::atomic<unsigned> late{0};
    for (unsigned rank = 0; rank < ranks; ++rank)
        threads.emplace_back([&, rank] {
            std::mt19937 random(rank);
            for (unsigned step = 0; step < kSteps; ++step)
                for (unsigned parity = 0; parity < 2; ++parity) { // the two sums of a layer
                    const std::uint32_t rows = rowsOf(step);
                    const auto part =
                        makePart(rank, step * 2 + parity, std::size_t{rows} * kStride);
                    if (random() % 4 == 0)
                        std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
                    const bool good = rows <= machine.layout.oneShotRows
                                          ? machine.oneShot(rank, parity, rows, part)
                                      : copies(step) ? machine.copied(rank, rows, part)
                                                     : machine.twoShot(rank, rows, part);
                    if (!good) {
                        ++late;
                        return;
                    }
                }
        });
    for (std::thread& thread : threads)
        thread.join();
    QCOMPARE(late.load(), 0U);

    // What the ranks must hold. One-shot sums change everybody's rows, others the owner's.
    for (unsigned rank = 0; rank < ranks; ++rank) {
        std::vector<float> residual(std::size_t{kMostRows} * kStride, 0.5F);
        std::vector<float> normed(residual.size(), 0.0F);
        std::vector<std::vector<float>> owners(ranks, residual);
        for (unsigned round = 0; round < kSteps * 2; ++round) {
            const std::uint32_t rows = rowsOf(round / 2);
            const bool oneShot = rows <= machine.layout.oneShotRows;
            std::vector<std::vector<float>> parts;
            for (unsigned source = 0; source < ranks; ++source)
                parts.push_back(makePart(source, round, std::size_t{rows} * kStride));
            for (std::size_t at = 0; at < parts[0].size(); ++at) {
                float sum = 0;
                for (unsigned source = 0; source < ranks; ++source) {
                    const float one = oneShot && parts[source][at] == 0 ? 0.0F : parts[source][at];
                    sum = source == 0 ? one : sum + one;
                }
                const auto row = static_cast<std::uint32_t>(at / kStride);
                for (unsigned r = 0; r < ranks; ++r) {
                    const bool own = machine.owns(r, row, rows, copies(round / 2));
                    if (oneShot || own)
                        owners[r][at] += sum;
                    if (!oneShot && own)
                        normed[at] = owners[r][at];
                }
            }
        }
        for (std::size_t at = 0; at < residual.size(); ++at) {
            QCOMPARE(std::bit_cast<std::uint32_t>(machine.at(rank).residual[at]),
                     std::bit_cast<std::uint32_t>(owners[rank][at]));
            QCOMPARE(machine.at(rank).normed[at], std::bit_cast<std::uint32_t>(normed[at]));
        }
        // Everything was read and put back.
        const Words& window = machine.at(rank).window;
        for (std::size_t i = 0; i < machine.layout.oneShotBytes() / 4; ++i)
            QCOMPARE(window[i], kAbsent);
        for (std::size_t i = machine.layout.flags() / 4; i < window.size(); ++i)
            QCOMPARE(window[i], 0U);
    }
}

INGLENOOK_SUITE(all_reduce, AllReduceTest)
#include "tst_all_reduce.moc"
