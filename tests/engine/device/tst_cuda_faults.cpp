// libinglenook_cuda.so on a CUDA runtime that has no GPU and fails as it is told
// (tests/cuda_shim): what becomes of every call that can fail, of memory that is short, of devices
// that die. ctest preloads the shim; without the CUDA library the suite is skipped.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <QRegularExpression>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;

class CudaFaultsTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void takesWhatItPlanned_data();
    void takesWhatItPlanned();
    void everyCallMayFail_data();
    void everyCallMayFail();
    void halfBegunStepsLoseTheGroup();
    void shortMemoryShrinksOnce();
    void deadDevicesKeepTheText();
    void replicasOutliveADevice_data();
    void replicasOutliveADevice();

  private:
    tests::CudaShim* m_shim = nullptr;
};

void CudaFaultsTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP(kNoShim);
}

void CudaFaultsTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaFaultsTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
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
        for (const char* call : {"cudaEventRecord", "cudaEventQuery", "cudaGraphLaunch",
                                 "cudaMemcpyAsync", "cudaStreamWaitEvent"})
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
