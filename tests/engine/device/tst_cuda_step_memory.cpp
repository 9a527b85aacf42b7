// What two steps in flight have each for itself on libinglenook_cuda.so with the shim
// (tests/cuda_shim): the batch on the device, which arrives beside the step ahead, and the pinned
// memory that sampled tokens come to.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <map>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;
using tests::CudaShimAccess;
using Kind = CudaShimAccess::Kind;

class CudaStepMemoryTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void batchesTakeTurns_data();
    void batchesTakeTurns();
    void graphsAreOfOneBatch_data() { batchesTakeTurns_data(); }
    void graphsAreOfOneBatch();
    void tokensComeFromTheAnsweringRank_data();
    void tokensComeFromTheAnsweringRank();
    void failedStepsLeaveNoCopyUnderWay_data();
    void failedStepsLeaveNoCopyUnderWay();

  private:
    /// Loaded, with two slots that have sampled; accesses are watched.
    std::unique_ptr<Executor> prepared(const QString& device);
    std::vector<CudaShimAccess> accessesOf(Kind kind, int device) const;
    /// Copies to the batches that steps read, and these reads.
    std::vector<CudaShimAccess> batchAccesses() const;

    tests::CudaShim* m_shim = nullptr;
};

namespace {

constexpr std::uint32_t kPromptRows = 20;

/// Two steps in flight wherever the first is not the last.
Status runAhead(Executor& executor, const std::vector<Batch>& batches) {
    Result<Ticket> ahead = executor.submit(batches.front());
    for (std::size_t i = 1; i < batches.size() && ahead.ok(); ++i) {
        const Result<Ticket> next = executor.submit(batches[i]);
        INGLENOOK_TRY(executor.collect(*ahead).status);
        ahead = next;
    }
    return answered(executor, ahead);
}

/// As many steps of one shape, all but the first with tokens that nobody has seen.
std::vector<Batch> decodesOf(std::uint32_t count) {
    std::vector<Batch> batches;
    for (std::uint32_t i = 0; i < count; ++i)
        batches.push_back(decodeOf(kPromptRows + i));
    return batches;
}

} // namespace

void CudaStepMemoryTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP(kNoShim);
}

void CudaStepMemoryTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaStepMemoryTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
}

std::unique_ptr<Executor> CudaStepMemoryTest::prepared(const QString& device) {
    auto executor = makeFrom(device);
    if (!executor.ok() || !load(**executor, smallConfig(), planOf(kBf16)).ok())
        return nullptr;
    for (const SlotId slot : {0U, 1U}) {
        const Batch prompt = promptOf(kPromptRows, slot, Want::Token);
        if (!(*executor)->setSlot(slot, {}).ok() ||
            !answered(**executor, (*executor)->submit(prompt)).ok())
            return nullptr;
    }
    m_shim->watchAccesses();
    return std::move(*executor);
}

std::vector<CudaShimAccess> CudaStepMemoryTest::accessesOf(Kind kind, int device) const {
    std::vector<CudaShimAccess> found;
    for (const CudaShimAccess& access : m_shim->accesses())
        if (access.kind == kind && access.device == device)
            found.push_back(access);
    return found;
}

std::vector<CudaShimAccess> CudaStepMemoryTest::batchAccesses() const {
    const std::vector<CudaShimAccess> all = m_shim->accesses();
    std::vector<CudaShimAccess> found;
    for (const CudaShimAccess& access : all)
        if (access.kind != Kind::Sampled &&
            std::any_of(all.begin(), all.end(), [&](const CudaShimAccess& other) {
                return other.kind == Kind::Embedded && other.memory == access.memory;
            }))
            found.push_back(access);
    return found;
}

void CudaStepMemoryTest::batchesTakeTurns_data() {
    QTest::addColumn<QString>("device");
    QTest::addColumn<int>("embedding"); // devices that begin steps: 0 and so on
    QTest::addColumn<int>("ranks");
    QTest::newRow("one GPU") << "cuda" << 1 << 1;
    QTest::newRow("two GPUs") << "cuda:0,1" << 2 << 2;
    QTest::newRow("two GPUs by layers") << "cuda:0,1/layer" << 1 << 2;
}

/// No batch goes to where a step in flight has its own, each is there before its step begins, and
/// it is the one that was described: of prompts, single steps and graphs.
void CudaStepMemoryTest::batchesTakeTurns() {
    QFETCH(QString, device);
    QFETCH(int, embedding);
    const std::unique_ptr<Executor> executor = prepared(device);
    QVERIFY(executor != nullptr);
    std::vector<Batch> batches = decodesOf(7);
    Batch prompt = promptOf(kPromptRows, 2, Want::Nothing);
    for (BatchRow& row : prompt.rows)
        row.slot = kNoSlot;
    batches.insert(batches.begin() + 5, prompt);
    const Status status = runAhead(*executor, batches);
    QVERIFY2(status.ok(), qPrintable(sentence(status)));
    QVERIFY(m_shim->graphLaunches() > 0);
    for (int begins = 0; begins < embedding; ++begins) {
        const std::vector<CudaShimAccess> reads = accessesOf(Kind::Embedded, begins);
        QCOMPARE(reads.size(), batches.size());
        for (std::size_t i = 0; i < reads.size(); ++i) {
            QCOMPARE(reads[i].memory, reads[i % 2].memory);
            QVERIFY(i == 0 || reads[i].memory != reads[i - 1].memory);
        }
    }
    std::map<void*, bool> isFresh; // copied to, and not yet read
    for (const CudaShimAccess& access : batchAccesses()) {
        const bool copies = access.kind == Kind::Copied;
        QVERIFY(!access.changed);
        QCOMPARE(isFresh[access.memory], !copies);
        isFresh[access.memory] = copies;
    }
    QCOMPARE(isFresh.size(), std::size_t(2 * embedding));
}

/// A graph reads one batch: a shape becomes two graphs a GPU, and no more.
void CudaStepMemoryTest::graphsAreOfOneBatch() {
    QFETCH(QString, device);
    QFETCH(int, ranks);
    const std::unique_ptr<Executor> executor = prepared(device);
    QVERIFY(executor != nullptr);
    const auto made = [this] { return m_shim->calls("cudaGraphInstantiate"); };
    const std::uint64_t before = made();
    const auto each = static_cast<std::uint64_t>(ranks);
    QVERIFY(runAhead(*executor, decodesOf(2)).ok()); // once each
    QCOMPARE(made(), before);
    QVERIFY(runAhead(*executor, decodesOf(2)).ok());
    QCOMPARE(made(), before + 2 * each);
    QVERIFY(runAhead(*executor, decodesOf(9)).ok());
    QCOMPARE(made(), before + 2 * each);
    QCOMPARE(m_shim->graphLaunches(), (2 + 9) * each);
}

void CudaStepMemoryTest::tokensComeFromTheAnsweringRank_data() {
    QTest::addColumn<QString>("device");
    QTest::addColumn<int>("answers");
    QTest::newRow("one GPU") << "cuda" << 0;
    QTest::newRow("two GPUs") << "cuda:0,1" << 0;
    QTest::newRow("two GPUs by layers") << "cuda:0,1/layer" << 1;
}

/// The test samples in the kernels' place: what it writes where they would is what is delivered,
/// also when the next step has sampled meanwhile.
void CudaStepMemoryTest::tokensComeFromTheAnsweringRank() {
    QFETCH(QString, device);
    QFETCH(int, answers);
    const std::unique_ptr<Executor> executor = prepared(device);
    QVERIFY(executor != nullptr);
    for (std::uint32_t round = 0; round < 4; ++round) { // kernel by kernel, then graphs
        m_shim->watchAccesses();
        const Result<Ticket> one = executor->submit(decodeOf(kPromptRows + 2 * round));
        const Result<Ticket> two = executor->submit(decodeOf(kPromptRows + 2 * round + 1));
        QVERIFY(one.ok() && two.ok());
        QVERIFY(executor->savePage(1).ok()); // waits for both
        const auto places = accessesOf(Kind::Sampled, answers);
        const auto others = accessesOf(Kind::Sampled, 1 - answers);
        QCOMPARE(places.size(), std::size_t(2));
        const auto sample = [](const CudaShimAccess& place, std::int32_t first) {
            auto* tokens = static_cast<std::int32_t*>(place.memory);
            tokens[0] = first;
            tokens[1] = first + 1;
        };
        sample(places[0], 10);
        sample(places[1], 20);
        for (const CudaShimAccess& other : others)
            sample(other, 30);
        for (const auto& [ticket, first] : {std::pair(*one, 10), std::pair(*two, 20)}) {
            const BatchResult result = executor->collect(ticket);
            QVERIFY2(result.status.ok(), qPrintable(sentence(result.status)));
            QCOMPARE(result.rows.size(), std::size_t(2));
            QCOMPARE(result.rows[0].token, TokenId(first));
            QCOMPARE(result.rows[1].token, TokenId(first + 1));
        }
    }
}

void CudaStepMemoryTest::failedStepsLeaveNoCopyUnderWay_data() {
    QTest::addColumn<QString>("device");
    QTest::addColumn<QString>("call");
    for (const char* device : {"cuda", "cuda:0,1/layer"})
        for (const char* call :
             {"cudaMemcpyAsync", "cudaEventRecord", "cudaStreamWaitEvent", "cudaLaunchKernel"})
            QTest::addRow("%s, %s", device, call) << device << call;
}

/// Want of memory in the middle of submit(), at one such call after another: the batch that is
/// submitted next is written to the same pinned memory, which nothing may still read.
void CudaStepMemoryTest::failedStepsLeaveNoCopyUnderWay() {
    QFETCH(QString, device);
    QFETCH(QString, call);
    const std::unique_ptr<Executor> executor = prepared(device);
    QVERIFY(executor != nullptr);
    std::uint32_t failures = 0;
    for (bool fails = true; fails; ++failures) {
        m_shim->heal();
        m_shim->fail({call.toStdString(), failures, kOutOfMemory});
        const Status status =
            answered(*executor, executor->submit(promptOf(kPromptRows, 0, Want::Token)));
        fails = !status.ok();
        QVERIFY2(!fails || status == Code::OutOfMemory, qPrintable(sentence(status)));
        m_shim->heal();
        Batch other = promptOf(kPromptRows / 2, 1, Want::Token);
        const Status next = answered(*executor, executor->submit(std::move(other)));
        QVERIFY2(next.ok(), qPrintable(sentence(next)));
    }
    QVERIFY(failures > 1);
    QCOMPARE(executor->health().state, HealthState::Good);
    for (const CudaShimAccess& access : batchAccesses())
        QVERIFY(!access.changed);
}

INGLENOOK_SUITE(cuda_step_memory, CudaStepMemoryTest)
#include "tst_cuda_step_memory.moc"
