// Who waits for whose steps on libinglenook_cuda.so with the shim (tests/cuda_shim): kernels of a
// group wait for another GPU, so nothing may come between them that waits for their device.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <numeric>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;

class CudaWaitsTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void everyKernelIsLoadedAtOnce_data();
    void everyKernelIsLoadedAtOnce();
    void groupsTakeTurns();
    void memoryWaitsForHalfLaunchedSteps_data();
    void memoryWaitsForHalfLaunchedSteps();
    void joiningWaitsForNoStep();

  private:
    tests::CudaShim* m_shim = nullptr;
};

void CudaWaitsTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP(kNoShim);
}

void CudaWaitsTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaWaitsTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
}

void CudaWaitsTest::everyKernelIsLoadedAtOnce_data() {
    QTest::addColumn<int>("ranks");
    QTest::addColumn<int>("major");
    QTest::addColumn<WeightFormat>("weights");
    QTest::addColumn<bool>("keyBias"); // and KV of 16 bits
    for (const WeightFormat weights : {WeightFormat::Int8, WeightFormat::Int4})
        QTest::addRow("2 ranks, sm_90, %s, key bias", std::string(name(weights)).c_str())
            << 2 << 9 << weights << true;
    for (const int ranks : {1, 2, 3, 5})
        for (const int major : {8, 9})
            for (const WeightFormat weights :
                 {WeightFormat::F32, WeightFormat::BF16, WeightFormat::Int8, WeightFormat::Int4})
                QTest::addRow("%d ranks, sm_%d0, %s", ranks, major,
                              std::string(name(weights)).c_str())
                    << ranks << major << weights << false;
}

/// No step launches a kernel that load() did not: loading one waits for the step under way, and in
/// a group for kernels that wait for another rank.
void CudaWaitsTest::everyKernelIsLoadedAtOnce() {
    QFETCH(int, ranks);
    QFETCH(int, major);
    QFETCH(WeightFormat, weights);
    QFETCH(bool, keyBias);
    constexpr std::uint32_t kMostRows = 2048;
    m_shim->reset(std::vector<tests::CudaShimDevice>(std::size_t(ranks), {major, 2ULL << 30}));
    ModelConfig config = smallConfig();
    config.name = "wide";
    config.hiddenSize = 1024; // sums of 2048 rows go by copies
    config.headCount = config.kvHeadCount = 8;
    config.vocabularySize = 512;
    config.qkvBias = keyBias;
    std::string device = "cuda:0";
    for (int rank = 1; rank < ranks; ++rank)
        device += "," + std::to_string(rank);
    const auto executor = makeExecutor(device);
    QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
    const bool f32 = weights == WeightFormat::F32;
    ExecutorPlan plan = planOf({weights, f32 ? ActivationFormat::F32 : ActivationFormat::Auto,
                                keyBias ? KvFormat::BF16 : KvFormat::Auto},
                               kMostRows);
    plan.context = kMostRows;
    plan.pageCount = kMostRows / kPageTokens + 1;
    plan.slotCount = 64;
    static std::shared_ptr<const TensorSource> sources[2]; // that take a while to make
    std::shared_ptr<const TensorSource>& source = sources[keyBias ? 1 : 0];
    if (source == nullptr)
        source = sourceOf(config);
    const std::atomic<bool> stop{false};
    const Status loaded = (*executor)->load(config, source, plan, {}, stop);
    QVERIFY2(loaded.ok(), qPrintable(sentence(loaded)));
    m_shim->watchKernels();

    std::vector<PageId> pages(plan.pageCount - 1);
    std::iota(pages.begin(), pages.end(), PageId{1});
    for (SlotId slot = 0; slot < plan.slotCount; ++slot)
        QVERIFY((*executor)->setSlot(slot, {}).ok());
    const auto run = [&](Batch batch) {
        const Status status = answered(**executor, (*executor)->submit(std::move(batch)));
        QVERIFY2(status.ok(), qPrintable(sentence(status)));
    };
    for (const std::uint32_t rows :
         {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 10U, 11U, 12U, 15U, 16U, 17U, 31U, 40U, 64U}) {
        for (const std::uint32_t position : {0U, 700U}) {
            Batch decode;
            for (std::uint32_t i = 0; i < rows; ++i) {
                decode.tables.push_back({pages});
                decode.rows.push_back({i, i, position, 5, Want::Token});
            }
            run(decode);
            decode.reproducible = true;
            run(decode);
        }
        Batch draft; // several answers of one slot
        draft.tables.push_back({pages});
        for (std::uint32_t i = 0; i < rows; ++i)
            draft.rows.push_back({0, 0, i, 5, Want::Token});
        run(draft);
    }
    for (const std::uint32_t rows : {1U, 6U, 20U, 70U, 150U, 300U, 700U, 1500U, 2047U}) {
        Batch mixed; // a decoding row first
        mixed.tables = {{pages}, {pages}};
        mixed.rows.push_back({0, 0, 600, 5, Want::Token});
        for (std::uint32_t i = 0; i < rows; ++i)
            mixed.rows.push_back({1, 1, i, 5, i + 1 == rows ? Want::FullLogits : Want::Nothing});
        run(mixed);
        mixed.rows.erase(mixed.rows.begin());
        run(mixed);
    }
    if ((*executor)->setActivations(ActivationFormat::BF16).ok()) {
        Batch prompt;
        prompt.tables = {{pages}};
        for (std::uint32_t i = 0; i < 300; ++i)
            prompt.rows.push_back({0, 0, i, 5, Want::Nothing});
        run(prompt);
    }
    const std::set<std::string> late = m_shim->lateKernels();
    for (const std::string& kernel : late)
        qWarning("%s", kernel.c_str());
    QVERIFY(late.empty());
}

/// Kernels that wait for another GPU hold what two models' could both need there.
void CudaWaitsTest::groupsTakeTurns() {
    m_shim->reset({{}, {}, {}, {}});
    std::uint64_t batches = 0; // one a rank and step, which waits for that as well
    const auto waits = [&] { return m_shim->calls("cudaStreamWaitEvent") - batches; };
    std::vector<std::unique_ptr<Executor>> executors;
    for (const char* device : {"cuda:0,1", "cuda:1,0", "cuda:2,3", "cuda"}) {
        auto executor = makeExecutor(device);
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        executors.push_back(std::move(*executor));
    }
    Executor& first = *executors[0];
    const Executor& single = *executors.back();
    const auto step = [&](Executor& executor) {
        batches += &executor == &single ? 1 : 2;
        return executor.submit(promptOf(20, 0, Want::Token));
    };
    std::vector<Ticket> tickets;
    const std::uint64_t before = waits();
    for (const auto& executor : executors) { // none is collected yet
        const Result<Ticket> ticket = step(*executor);
        QVERIFY2(ticket.ok(), qPrintable(sentence(ticket.status())));
        tickets.push_back(*ticket);
    }
    QCOMPARE(waits(), before + 2); // the second, on both of its GPUs
    const Result<Ticket> next = step(first);
    QVERIFY(next.ok());
    QCOMPARE(waits(), before + 4);
    for (std::size_t i = executors.size(); i-- > 0;)
        QVERIFY(executors[i]->collect(tickets[i]).status.ok());
    QVERIFY(first.collect(*next).status.ok());
    QVERIFY(answered(first, step(first)).ok()); // alone by now, and behind its own steps
    QCOMPARE(waits(), before + 4);
    executors.erase(executors.begin()); // nobody waits for what is gone
    QVERIFY(answered(*executors[0], step(*executors[0])).ok());
    QCOMPARE(waits(), before + 4);
}

void CudaWaitsTest::memoryWaitsForHalfLaunchedSteps_data() {
    using Use = Status (*)(Executor&);
    QTest::addColumn<QString>("call");
    QTest::addColumn<Use>("use");
    const auto add = [](const char* call, Use use) { QTest::newRow(call) << call << use; };
    add("cudaMalloc", [](Executor& executor) {
        (void)executor.measureReadBandwidth();
        return Status();
    });
    add("cudaHostAlloc", [](Executor& executor) {
        return answered(executor, executor.submit(promptOf(20, 0, Want::FullLogits)));
    });
    add("cudaFreeHost", [](Executor& executor) {
        executor.release();
        return Status();
    });
    add("cudaGraphInstantiate", [](Executor& executor) { // the second step of a shape and a buffer
        for (const std::uint32_t position : {20U, 21U})
            INGLENOOK_TRY(answered(executor, executor.submit(decodeOf(position))));
        return answered(executor, executor.submit(decodeOf(22)));
    });
}

/// A driver that waits for a device may let nobody launch: beside a step that is launched on some
/// of its GPUs only both would wait for ever.
void CudaWaitsTest::memoryWaitsForHalfLaunchedSteps() {
    using Use = Status (*)(Executor&);
    QFETCH(QString, call);
    QFETCH(Use, use);
    const auto group = makeExecutor("cuda:0,1");
    const auto other = makeExecutor("cuda:0");
    QVERIFY2(group.ok() && other.ok(), qPrintable(sentence(group.status())));
    for (Executor* executor : {group->get(), other->get()}) {
        QVERIFY(load(*executor, smallConfig(), planOf(kBf16)).ok());
        for (const SlotId slot : {0U, 1U})
            QVERIFY(answered(*executor, executor->submit(promptOf(20, slot, Want::Token))).ok());
    }
    m_shim->hold("cudaLaunchKernel", 1);
    auto step = std::async(std::launch::async,
                           [&] { return (*group)->submit(promptOf(20, 0, Want::Token)); });
    QTRY_VERIFY(m_shim->isHolding());
    const auto calls = [&] { return m_shim->calls(call.toStdString()); };
    const std::uint64_t before = calls();
    auto used = std::async(std::launch::async, [&] { return use(**other); });
    const auto soon = used.wait_for(std::chrono::milliseconds(100));
    const std::uint64_t meanwhile = calls();
    m_shim->letGo();
    QVERIFY(answered(**group, step.get()).ok());
    QVERIFY(used.get().ok());
    QVERIFY(soon == std::future_status::timeout);
    QCOMPARE(meanwhile, before);
    QVERIFY(calls() > before);
}

/// A vocabulary's counts are more than the driver takes at once from pageable memory.
void CudaWaitsTest::joiningWaitsForNoStep() {
    ModelConfig config = smallConfig();
    config.name = "many words";
    config.vocabularySize = 30'000;
    for (const char* device : {"cuda", "cuda:0,1"}) {
        const auto executor = makeExecutor(device);
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, config, planOf(kBf16)).ok());
        const Result<Ticket> step = (*executor)->submit(promptOf(20, 0, Want::Token));
        const std::uint64_t waited = m_shim->calls("cudaStreamSynchronize");
        for (SlotId slot = 0; slot < 4; ++slot)
            QVERIFY((*executor)->setSlot(slot, penalizing()).ok());
        QCOMPARE(m_shim->waitingCopies(), 0U);
        QCOMPARE(m_shim->calls("cudaStreamSynchronize"), waited);
        QVERIFY(answered(**executor, step).ok());
    }
}

INGLENOOK_SUITE(cuda_waits, CudaWaitsTest)
#include "tst_cuda_waits.moc"
