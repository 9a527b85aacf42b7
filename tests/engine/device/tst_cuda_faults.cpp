// libinglenook_cuda.so on a CUDA runtime that has no GPU and fails as it is told
// (tests/cuda_shim): what becomes of every call that can fail, of memory that is short, of devices
// that die. ctest preloads the shim; without the CUDA library the suite is skipped.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <numeric>
#include <QTemporaryDir>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;
using tests::CudaShim;
using tests::CudaShimFault;

namespace {

// cudaError_t; this file is compiled without CUDA's headers too.
constexpr int kOutOfMemory = 2;
constexpr int kOldDriver = 35;
constexpr int kDevicesUnavailable = 46;
constexpr int kNoDevice = 100;
constexpr int kIllegalAddress = 700;
constexpr int kLaunchFailure = 719;
constexpr int kDriverMismatch = 803;
constexpr int kUnknown = 999;

/// Times some steps and checks one.
Status watchStages(Executor& executor, std::uint32_t position) {
    INGLENOOK_TRY(executor.timeStages(true));
    for (const std::uint32_t end = position + 4; position < end; ++position)
        INGLENOOK_TRY(answered(executor, executor.submit(decodeOf(position))));
    INGLENOOK_TRY(executor.timeStages(false));
    const std::vector<StageTiming> timings = executor.stageTimings();
    if (timings.empty() || timings.front().time_ns == 0)
        return Status(Code::InternalError, {{"detail", "no times of stages"}});
    return executor.checkStages(decodeOf(position)).status();
}

/// What a caller does with an executor: the first failure.
Status useExecutor(Executor& executor) {
    INGLENOOK_TRY(load(executor, smallConfig(), planOf(kBf16)));
    for (const SlotId slot : {0U, 1U})
        INGLENOOK_TRY(executor.setSlot(slot, slot == 0 ? SamplerSpec() : penalizing()));
    INGLENOOK_TRY(executor.setSlotMask(0, std::vector<std::uint32_t>(3, 0xFFFFFFFFU)));
    INGLENOOK_TRY(answered(executor, executor.submit(promptOf(20, 0, Want::FullLogits))));
    Batch other = promptOf(3, 1, Want::TopLogprobs);
    other.tables = {{{5, 6, 7, 8}}};
    other.topCount = 2;
    INGLENOOK_TRY(answered(executor, executor.submit(std::move(other))));
    Result<Ticket> ahead = executor.submit(decodeOf(20));
    for (std::uint32_t position = 21; position < 24 && ahead.ok(); ++position) {
        const Result<Ticket> next = executor.submit(decodeOf(position));
        INGLENOOK_TRY(executor.collect(*ahead).status);
        ahead = next;
    }
    INGLENOOK_TRY(answered(executor, ahead));
    INGLENOOK_TRY(watchStages(executor, 24));
    INGLENOOK_TRY(executor.copyPage(1, 9));
    const Result<std::vector<std::byte>> page = executor.savePage(9);
    INGLENOOK_TRY(page.status());
    INGLENOOK_TRY(executor.restorePage(10, *page));
    executor.poison();
    return executor.health().state == HealthState::Dead ? executor.health().reason : Status();
}

} // namespace

class CudaFaultsTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void unusableDriversAreSentences_data();
    void unusableDriversAreSentences();
    void aDeviceThatIsAwayIsASentence_data();
    void aDeviceThatIsAwayIsASentence();
    void brokenLibraryIsASentence();
    void theContextGoesWithTheLastUser();
    void takesWhatItPlanned_data();
    void takesWhatItPlanned();
    void everyCallMayFail_data();
    void everyCallMayFail();
    void halfBegunStepsLoseTheGroup();
    void differentGpusShareNoLayer();
    void everyKernelIsLoadedAtOnce_data();
    void everyKernelIsLoadedAtOnce();
    void groupsTakeTurns();
    void memoryWaitsForHalfLaunchedSteps_data();
    void memoryWaitsForHalfLaunchedSteps();
    void joiningWaitsForNoStep();
    void shortMemoryShrinksOnce();
    void deadDevicesKeepTheText();
    void replicasOutliveADevice_data();
    void replicasOutliveADevice();

  private:
    CudaShim* m_shim = nullptr;
};

void CudaFaultsTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP("libinglenook_cuda.so was not built, or the shim is not preloaded (ctest does it)");
}

void CudaFaultsTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaFaultsTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
}

void CudaFaultsTest::unusableDriversAreSentences_data() {
    QTest::addColumn<int>("error");
    QTest::addColumn<int>("devices");
    QTest::addColumn<int>("major");
    QTest::addColumn<QString>("expected");
    QTest::addColumn<bool>("isMissing"); // else there is a GPU that cannot be used now
    QTest::newRow("no driver or an old one") << kOldDriver << 1 << 9 << "install or update" << true;
    QTest::newRow("driver without a GPU") << kNoDevice << 1 << 9 << "GPU was found" << true;
    QTest::newRow("no GPU counted") << 0 << 0 << 9 << "no NVIDIA GPU was found" << true;
    QTest::newRow("driver updated under us")
        << kDriverMismatch << 1 << 9 << "restart the computer" << false;
    QTest::newRow("anything else") << kUnknown << 1 << 9 << "another error" << false;
    QTest::newRow("old GPU") << 0 << 1 << 7 << "older than compute capability 8.0" << true;
}

void CudaFaultsTest::unusableDriversAreSentences() {
    QFETCH(int, error);
    QFETCH(int, devices);
    QFETCH(int, major);
    QFETCH(QString, expected);
    QFETCH(bool, isMissing);
    const Code code = isMissing ? Code::CudaMissing : Code::DeviceUnavailable;
    m_shim->reset(std::vector<tests::CudaShimDevice>(std::size_t(devices), {major, 1 << 20}));
    if (error != 0)
        m_shim->fail({"cudaGetDeviceCount", 0, error, false, -1, 4});
    for (const char* name : {"cuda", "cuda:0,1"}) {
        const auto executor = makeExecutor(name);
        QVERIFY2(executor.status() == code, qPrintable(sentence(executor.status())));
        const QString words = sentence(executor.status());
        QVERIFY2(words.contains(expected) && words.contains("CUDA 0"), qPrintable(words));
        QVERIFY2(words.endsWith('.'), qPrintable(words));
    }
    // Who left the choice to us gets the CPU where there is no GPU; where there is one, its words.
    if (error != 0)
        m_shim->fail({"cudaGetDeviceCount", 0, error, false, -1, 1});
    const auto any = makeExecutor("auto");
    QCOMPARE(any.ok(), isMissing);
    if (any.ok())
        QVERIFY((*any)->deviceName().starts_with("CPU"));
    else
        QVERIFY(sentence(any.status()).contains(expected));
}

void CudaFaultsTest::aDeviceThatIsAwayIsASentence_data() {
    QTest::addColumn<int>("error");
    QTest::addColumn<QString>("expected");
    QTest::newRow("broken by a kernel, or of another program alone")
        << kDevicesUnavailable << "restart Inglenook";
    QTest::newRow("full") << kOutOfMemory << "its memory is full";
}

/// Nobody is moved to the CPU without a word.
void CudaFaultsTest::aDeviceThatIsAwayIsASentence() {
    QFETCH(int, error);
    QFETCH(QString, expected);
    for (const char* name : {"cuda", "auto"}) {
        m_shim->fail({"cudaSetDevice", 0, error, false, -1, 1});
        const auto executor = makeExecutor(name);
        QCOMPARE(executor.status().code(), Code::DeviceUnavailable);
        const QString words = sentence(executor.status());
        QVERIFY2(words.contains(expected) && words.contains("device cpu"), qPrintable(words));
        const auto again = makeExecutor(name);
        QVERIFY(again.ok() && (*again)->deviceName().starts_with("CUDA"));
    }
}

void CudaFaultsTest::brokenLibraryIsASentence() {
    const QByteArray before = qgetenv("INGLENOOK_CUDA_LIBRARY");
    QTemporaryDir folder;
    QFile file(folder.filePath("libinglenook_cuda.so"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("no library");
    file.close();
    qputenv("INGLENOOK_CUDA_LIBRARY", file.fileName().toUtf8());
    const auto executor = makeExecutor("cuda");
    const auto any = makeExecutor("auto");
    qputenv("INGLENOOK_CUDA_LIBRARY", before);
    QCOMPARE(executor.status().code(), Code::DeviceUnavailable);
    QCOMPARE(any.status().code(), Code::DeviceUnavailable);
    QVERIFY2(sentence(executor.status()).endsWith('.'), qPrintable(sentence(executor.status())));
    QVERIFY(makeExecutor("cuda").ok());
}

/// The driver's context of a device is half a gigabyte of its memory.
void CudaFaultsTest::theContextGoesWithTheLastUser() {
    const auto resets = [this] { return m_shim->calls("cudaDeviceReset"); };
    {
        auto one = makeExecutor("cuda");
        QVERIFY(one.ok());
        {
            const auto both = makeExecutor("cuda:0,1");
            QVERIFY(both.ok());
            QCOMPARE(resets(), 0U);
        }
        QCOMPARE(resets(), 1U); // device 1; the first executor is still on device 0
        QVERIFY(useExecutor(**one).ok());
        QCOMPARE(resets(), 1U);
    }
    QCOMPARE(resets(), 2U);
    QVERIFY(m_shim->held().nothing());
    const auto again = makeExecutor("cuda");
    QVERIFY(again.ok());
    QVERIFY(useExecutor(**again).ok());
}

void CudaFaultsTest::takesWhatItPlanned_data() {
    QTest::addColumn<QString>("device");
    QTest::newRow("one GPU") << "cuda";
    QTest::newRow("two GPUs") << "cuda:0,1";
    QTest::newRow("two GPUs, unevenly") << "cuda:0=1,1=3";
    QTest::newRow("two GPUs by layers, one for both") << "cuda:0,1/layer";
    QTest::newRow("two GPUs by layers, all for the second") << "cuda:0=1,1=1000/layer";
    QTest::newRow("three GPUs by layers") << "cuda:0,1,2/layer";
}

/// Also: all of the contract runs, steps become graphs.
void CudaFaultsTest::takesWhatItPlanned() {
    QFETCH(QString, device);
    m_shim->reset({{}, {}, {}});
    const auto executor = makeFrom(device);
    QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
    const auto plan =
        (*executor)->memoryPlan(smallConfig(), *sourceOf(smallConfig()), planOf(kBf16));
    QVERIFY2(plan.ok(), qPrintable(sentence(plan.status())));
    const Status used = useExecutor(**executor);
    QVERIFY2(used.ok(), qPrintable(sentence(used)));
    std::uint64_t planned = 0;
    for (const DeviceMemory& each : plan->devices)
        planned += each.total();
    QCOMPARE(m_shim->held().device_bytes, planned);
    QVERIFY(m_shim->graphLaunches() > 0);
    QCOMPARE(m_shim->waitingCopies(), 0U);
    (*executor)->release();
    QCOMPARE(m_shim->held().device_bytes, 0U);
    QVERIFY(useExecutor(**executor).ok()); // it can load again
}

void CudaFaultsTest::everyCallMayFail_data() {
    QTest::addColumn<QString>("device");
    QTest::addColumn<int>("error");
    for (const char* device : {"cuda", "cuda:0,1", "cuda:0,1/layer"})
        for (const int error : {kOutOfMemory, kIllegalAddress, kLaunchFailure, kUnknown})
            QTest::addRow("%s %d", device, error) << device << error;
}

/// One call after another fails in a whole life of an executor. Want of memory is no end to one
/// GPU; everything else is the end at once, and the device is left alone then.
void CudaFaultsTest::everyCallMayFail() {
    QFETCH(QString, device);
    QFETCH(int, error);
    const bool group = device != "cuda";
    std::uint64_t calls = 1;
    for (std::uint64_t n = 0; n < calls; n += group && n > 100 ? 23 : 1) {
        m_shim->reset({{}, {}});
        if (n > 0) // first without, to count
            m_shim->fail({"", n - 1, error, error != kOutOfMemory});
        const auto executor = makeFrom(device);
        if (executor.ok()) {
            const Status status = useExecutor(**executor);
            const QString words = QStringLiteral("call %1: ").arg(n) + sentence(status);
            const bool memory = status == Code::OutOfMemory && error == kOutOfMemory;
            QVERIFY2(status.ok() || memory || status == Code::DeviceLost, qPrintable(words));
            const bool dead = (*executor)->health().state == HealthState::Dead;
            QVERIFY2(dead == (status == Code::DeviceLost), qPrintable(words));
            if (dead) {
                const std::uint64_t before = m_shim->workCalls();
                QVERIFY(!useExecutor(**executor).ok());
                QVERIFY(!(*executor)->setSlot(0, {}).ok());
                QVERIFY(!(*executor)->submit(decodeOf(20)).ok());
                QVERIFY(!(*executor)->copyPage(1, 2).ok());
                QVERIFY2(m_shim->workCalls() == before, qPrintable(words));
            } else if (!status.ok()) {
                const Status again = useExecutor(**executor);
                QVERIFY2(again.ok(), qPrintable(words + sentence(again)));
            }
        } else {
            QVERIFY2(sentence(executor.status()).endsWith('.'),
                     qPrintable(sentence(executor.status())));
        }
        if (n == 0)
            calls = m_shim->calls();
    }
    QVERIFY(calls > 100);
}

/// A launch that only one rank lacks memory for: the other's kernels wait for what never comes.
void CudaFaultsTest::halfBegunStepsLoseTheGroup() {
    const auto executor = makeExecutor("cuda:0,1");
    QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
    QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
    m_shim->fail({"cudaLaunchKernel", 3, kOutOfMemory, false, 1});
    const Status step = answered(**executor, (*executor)->submit(promptOf(20, 0, Want::Token)));
    QCOMPARE(step.code(), Code::DeviceLost);
    QCOMPARE((*executor)->health().state, HealthState::Dead);
    QVERIFY2(sentence(step).contains("some of the GPUs") && sentence(step).contains("CUDA 1"),
             qPrintable(sentence(step)));
    QCOMPARE((*executor)->submit(promptOf(20, 0, Want::Token)).status().sentence(),
             step.sentence());
    // Kernels that wait for rank 1 look at this word.
    const std::vector<std::uint32_t> words = m_shim->pinnedWords();
    QCOMPARE(words.size(), std::size_t(1));
    QVERIFY(words.front() != 0);
}

/// Ranks of a tensor split compute what each other's kernels expect.
void CudaFaultsTest::differentGpusShareNoLayer() {
    m_shim->reset({{9}, {8}});
    const auto any = makeExecutor("cuda:0,1");
    QVERIFY2(any.ok(), qPrintable(sentence(any.status())));
    QVERIFY((*any)->deviceName().find("layer split") != std::string::npos);
    const Status used = useExecutor(**any);
    QVERIFY2(used.ok(), qPrintable(sentence(used)));
    const auto tensor = makeFrom("cuda:0,1/tensor");
    QCOMPARE(tensor.status().code(), Code::OptionInvalid);
    const QString words = sentence(tensor.status());
    QVERIFY2(words.contains("layer") && words.contains("Shim 0") && words.contains("CUDA 1"),
             qPrintable(words));
}

void CudaFaultsTest::everyKernelIsLoadedAtOnce_data() {
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
void CudaFaultsTest::everyKernelIsLoadedAtOnce() {
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
void CudaFaultsTest::groupsTakeTurns() {
    m_shim->reset({{}, {}, {}, {}});
    const auto waits = [this] { return m_shim->calls("cudaStreamWaitEvent"); };
    std::vector<std::unique_ptr<Executor>> executors;
    for (const char* device : {"cuda:0,1", "cuda:1,0", "cuda:2,3", "cuda"}) {
        auto executor = makeExecutor(device);
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        executors.push_back(std::move(*executor));
    }
    Executor& first = *executors[0];
    const auto step = [](Executor& executor) {
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

void CudaFaultsTest::memoryWaitsForHalfLaunchedSteps_data() {
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
    add("cudaGraphInstantiate", [](Executor& executor) { // the second step of a shape
        INGLENOOK_TRY(answered(executor, executor.submit(decodeOf(20))));
        return answered(executor, executor.submit(decodeOf(21)));
    });
}

/// A driver that waits for a device may let nobody launch: beside a step that is launched on some
/// of its GPUs only both would wait for ever.
void CudaFaultsTest::memoryWaitsForHalfLaunchedSteps() {
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
void CudaFaultsTest::joiningWaitsForNoStep() {
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

void CudaFaultsTest::shortMemoryShrinksOnce() {
    const std::unique_ptr<Engine> engine = makeEngine();
    LoadEvent end = loadModel(*engine, "cuda");
    QVERIFY2(end.phase == LoadPhase::Ready, qPrintable(sentence(end.status)));
    const std::uint64_t whole = end.model->memory.devices.front().total();
    unload(*engine, end.model->key);
    QCOMPARE(m_shim->held().device_bytes, 0U);

    // The device had less than it said.
    m_shim->reset({{}, {}});
    m_shim->fail({"cudaMalloc", 1, kOutOfMemory});
    end = loadModel(*engine, "cuda");
    QVERIFY2(end.phase == LoadPhase::Ready, qPrintable(sentence(end.status)));
    QVERIFY(end.model->memory.devices.front().total() < whole);
    unload(*engine, end.model->key);
    QCOMPARE(m_shim->held().device_bytes, 0U);

    // Once more with less, and then no more.
    m_shim->reset({{}, {}});
    m_shim->fail({"cudaMalloc", 0, kOutOfMemory, false, -1, 100});
    end = loadModel(*engine, "cuda");
    QCOMPARE(end.status.code(), Code::OutOfMemory);
    QCOMPARE(m_shim->calls("cudaMalloc"), 2U);
    static const QRegularExpression figures("\\d \\w?B needed, [\\d.]+ \\w?B.* free");
    QVERIFY2(sentence(end.status).contains(figures), qPrintable(sentence(end.status)));
    QVERIFY(m_shim->held().nothing());

    // A device on which nothing fits is asked for nothing.
    m_shim->reset({{9, 1 << 20}});
    end = loadModel(*engine, "cuda");
    QCOMPARE(end.status.code(), Code::OutOfMemory);
    QCOMPARE(m_shim->calls("cudaMalloc"), 0U);
    QVERIFY2(sentence(end.status).contains(figures), qPrintable(sentence(end.status)));
    QVERIFY2(sentence(end.status).contains("CUDA 0"), qPrintable(sentence(end.status)));
}

void CudaFaultsTest::deadDevicesKeepTheText() {
    const std::unique_ptr<Engine> engine = makeEngine();
    const LoadEvent loaded = loadModel(*engine, "cuda");
    QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
    const auto sink = std::make_shared<tests::RecordingSink>();
    sink->setDelay(std::chrono::milliseconds(2));
    QVERIFY(ask(*engine, sink, 2000).ok());
    QVERIFY(sink->waitForEvents(20));
    const std::size_t kept = sink->events().size();
    m_shim->fail({"cudaEventQuery", 1, kIllegalAddress, true});
    QVERIFY(sink->waitForFinish(std::chrono::seconds(2)));
    QCOMPARE(sink->finished().finish, FinishReason::Failed);
    QCOMPARE(sink->finished().status.code(), Code::DeviceLost);
    QVERIFY(sentence(sink->finished().status).contains("continue on the CPU"));
    QVERIFY(sink->events().size() > kept); // all that came before stays
    QVERIFY(sink->finished().timings.generatedTokens > 0);

    // The model is gone, the engine is not; the device is left alone.
    QTRY_VERIFY(engine->snapshot().models.empty());
    const std::uint64_t work = m_shim->workCalls();
    const auto refused = std::make_shared<tests::RecordingSink>();
    QVERIFY(!ask(*engine, refused, 5).ok());
    QCOMPARE(m_shim->workCalls(), work);
    const LoadEvent again = loadModel(*engine, "cpu");
    QVERIFY2(again.phase == LoadPhase::Ready, qPrintable(sentence(again.status)));
    const auto after = std::make_shared<tests::RecordingSink>();
    QVERIFY(ask(*engine, after, 5).ok());
    QVERIFY(after->waitForFinish());
    QCOMPARE(after->finished().finish, FinishReason::MaxTokens);
    QCOMPARE(m_shim->workCalls(), work);
}

void CudaFaultsTest::replicasOutliveADevice_data() {
    QTest::addColumn<int>("devices");
    QTest::addColumn<QString>("call");
    for (const int devices : {2, 3, 4})
        for (const char* call :
             {"cudaEventRecord", "cudaEventQuery", "cudaGraphLaunch", "cudaMemcpyAsync"})
            QTest::addRow("%d, %s", devices, call) << devices << call;
}

/// One of several GPUs that each hold the model dies in the middle: all answers come whole, from
/// the others, and its memory is given back.
void CudaFaultsTest::replicasOutliveADevice() {
    QFETCH(int, devices);
    QFETCH(QString, call);
    m_shim->reset(std::vector<tests::CudaShimDevice>(std::size_t(devices)));
    const std::unique_ptr<Engine> engine = makeEngine();
    std::string names = "cuda:0";
    for (int i = 1; i < devices; ++i)
        names += "," + std::to_string(i);
    const LoadEvent loaded = loadModel(*engine, names, SplitMode::Replicas);
    QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
    QCOMPARE(loaded.model->memory.devices.size(), std::size_t(devices));
    std::vector<std::shared_ptr<tests::RecordingSink>> sinks;
    for (int i = 0; i < 2 * devices; ++i) {
        sinks.push_back(std::make_shared<tests::RecordingSink>());
        sinks.back()->setDelay(std::chrono::microseconds(300));
        QVERIFY(ask(*engine, sinks.back(), 60).ok());
    }
    QVERIFY(sinks.front()->waitForEvents(10));
    m_shim->fail({call.toStdString(), 4, kIllegalAddress, true, 1});
    for (const auto& sink : sinks) {
        QVERIFY(sink->waitForFinish());
        QVERIFY2(sink->finished().finish == FinishReason::MaxTokens,
                 qPrintable(sentence(sink->finished().status)));
        QCOMPARE(sink->finished().timings.generatedTokens, 60U);
    }
    QTRY_COMPARE(engine->snapshot().models.size(), std::size_t(1));
    QTRY_COMPARE(engine->snapshot().models.front().replicas, std::uint32_t(devices - 1));
    QVERIFY(sentence(engine->snapshot().models.front().lost.front()).contains("CUDA 1"));
    unload(*engine, loaded.model->key);
}

INGLENOOK_SUITE(cuda_faults, CudaFaultsTest)
#include "tst_cuda_faults.moc"
