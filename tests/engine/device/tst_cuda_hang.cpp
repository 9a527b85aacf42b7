// libinglenook_cuda.so on the shim (tests/cuda_shim), with devices that stop in the middle and say
// nothing: no call may wait for them, all text is kept, other devices go on. A device that hung
// once stays out of use while the process runs, so every test hangs one of its own.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;
using tests::RecordingSink;

namespace {

constexpr int kDevices = 12;
constexpr const char* kPatience_ms = "200";
constexpr qint64 kSoon_ms = 20'000; // many times as long as all waits together

} // namespace

class CudaHangTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        m_shim = findShim();
        if (m_shim == nullptr)
            QSKIP(kNoShim);
    }
    void cleanupTestCase() { qunsetenv("INGLENOOK_STEP_PATIENCE_MS"); }
    void init() {
        qputenv("INGLENOOK_STEP_PATIENCE_MS", kPatience_ms);
        m_shim->reset(std::vector<tests::CudaShimDevice>(kDevices));
    }
    /// Nobody waited for what never comes.
    void cleanup() {
        if (m_shim != nullptr)
            QCOMPARE(m_shim->endlessWaits(), 0U);
    }

    void answersEndAndTextStays() {
        const std::unique_ptr<Engine> engine = makeEngine();
        const LoadEvent loaded = loadModel(*engine, "cuda:5");
        QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
        const auto sink = std::make_shared<RecordingSink>();
        sink->setDelay(std::chrono::milliseconds(1));
        QVERIFY(ask(*engine, sink, 2000).ok());
        QVERIFY(sink->waitForEvents(20));
        const std::size_t kept = sink->events().size();
        m_shim->hang(5);
        QVERIFY(sink->waitForFinish(std::chrono::milliseconds(kSoon_ms)));
        QCOMPARE(sink->finished().finish, FinishReason::Failed);
        QCOMPARE(sink->finished().status.code(), Code::DeviceLost);
        const QString words = sentence(sink->finished().status);
        QVERIFY2(words.contains("did not end") && words.contains("continue on the CPU"),
                 qPrintable(words));
        QVERIFY(sink->events().size() > kept);
        QTRY_VERIFY(engine->snapshot().models.empty());

        // Not once more, but every other device, which gets everything back.
        const std::uint64_t held_bytes = m_shim->held().device_bytes;
        const LoadEvent again = loadModel(*engine, "cuda:5");
        QCOMPARE(again.status.code(), Code::DeviceUnavailable);
        QVERIFY2(sentence(again.status).contains("restart Inglenook"),
                 qPrintable(sentence(again.status)));
        for (const char* device : {"cuda:4", "cpu"}) {
            const LoadEvent other = loadModel(*engine, device);
            QVERIFY2(other.phase == LoadPhase::Ready, qPrintable(sentence(other.status)));
            const auto after = std::make_shared<RecordingSink>();
            QVERIFY(ask(*engine, after, 5).ok());
            QVERIFY(after->waitForFinish());
            QCOMPARE(after->finished().finish, FinishReason::MaxTokens);
            unload(*engine, other.model->key);
            QCOMPARE(m_shim->held().device_bytes, held_bytes);
        }
    }

    /// Work that is not waited for yet, and pages: whatever is asked of the executor returns.
    void everyCallReturns() {
        const auto executor = makeExecutor("cuda:6");
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        const auto page = (*executor)->savePage(1);
        QVERIFY(page.ok());
        const Result<Ticket> ticket = (*executor)->submit(promptOf(20, 0, Want::Token));
        QVERIFY(ticket.ok());
        m_shim->hang(6);
        qputenv("INGLENOOK_STEP_PATIENCE_MS", "600000"); // however long this thread has slept
        QVERIFY(!(*executor)->isDone(*ticket));
        qputenv("INGLENOOK_STEP_PATIENCE_MS", kPatience_ms);
        QElapsedTimer timer;
        timer.start();
        Status joined;
        for (int i = 0; i < 20 && joined.ok(); ++i) // more copies than there are buffers
            joined = (*executor)->setSlot(SlotId(i % 4), penalizing());
        QCOMPARE(joined.code(), Code::DeviceLost);
        QCOMPARE((*executor)->savePage(1).status().code(), Code::DeviceLost);
        QCOMPARE((*executor)->restorePage(1, *page).code(), Code::DeviceLost);
        QCOMPARE((*executor)->collect(*ticket).status.code(), Code::DeviceLost);
        QCOMPARE((*executor)->health().state, HealthState::Dead);
        QVERIFY2(timer.elapsed() < kSoon_ms, qPrintable(QString::number(timer.elapsed())));
        releasesAtOnce(**executor);
        QCOMPARE(m_shim->calls("cudaEventDestroy"), 0U); // nothing is given back to it
    }

    /// The driver ends kernels that keep a screen from being drawn. That device answers: it is
    /// well again with a new context.
    void aKernelThatTheDriverEndsIsNoHang() {
        const auto executor = makeExecutor("cuda:1");
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        const Result<Ticket> ticket = (*executor)->submit(promptOf(20, 0, Want::Token));
        QVERIFY(ticket.ok());
        m_shim->fail({"", 0, kLaunchTimeout, true, 1});
        const Status step = (*executor)->collect(*ticket).status;
        QCOMPARE(step.code(), Code::DeviceLost);
        QVERIFY2(!sentence(step).contains("did not end"), qPrintable(sentence(step)));
        (*executor)->release();
        m_shim->heal();
        const auto again = makeExecutor("cuda:1");
        QVERIFY2(again.ok(), qPrintable(sentence(again.status())));
    }

    /// A thread that slept past every deadline does not blame the device.
    void whoLooksLateAsksOnceMore() {
        qputenv("INGLENOOK_STEP_PATIENCE_MS", "0");
        for (const char* device : {"cuda:2", "cuda:2,3", "cuda:2,3/layer"}) {
            const auto executor = makeFrom(QString::fromLatin1(device));
            QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
            QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
            const Status step =
                answered(**executor, (*executor)->submit(promptOf(20, 0, Want::Token)));
            QVERIFY2(step.ok(), qPrintable(sentence(step)));
        }
    }

    void savingAPageIsGivenUp() {
        const auto executor = makeExecutor("cuda:7");
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        QVERIFY((*executor)->submit(promptOf(20, 0, Want::Token)).ok());
        m_shim->hang(7);
        QCOMPARE((*executor)->savePage(1).status().code(), Code::DeviceLost);
        QCOMPARE((*executor)->health().state, HealthState::Dead);
    }

    /// A group is lost with one of its GPUs; the well one may be opened again.
    void groupsEnd() {
        const auto executor = makeExecutor("cuda:0,8");
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        const Result<Ticket> ticket = (*executor)->submit(promptOf(20, 0, Want::Token));
        QVERIFY(ticket.ok());
        m_shim->hang(8);
        QElapsedTimer timer;
        timer.start();
        QTRY_VERIFY((*executor)->isDone(*ticket));
        QCOMPARE((*executor)->collect(*ticket).status.code(), Code::DeviceLost);
        QVERIFY2(timer.elapsed() < kSoon_ms, qPrintable(QString::number(timer.elapsed())));
        releasesAtOnce(**executor);
        QVERIFY(makeExecutor("cuda:0").ok());
        QCOMPARE(makeExecutor("cuda:0,8").status().code(), Code::DeviceUnavailable);
    }

    /// One of a group fails in the middle of a step: kernels of the others wait for it and are told
    /// to end, long before their patience does.
    void groupsSeeAFailureAtOnce() {
        const auto executor = makeExecutor("cuda:11,10");
        QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
        QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
        qputenv("INGLENOOK_STEP_PATIENCE_MS", QByteArray::number(kSoon_ms));
        const Result<Ticket> ticket = (*executor)->submit(promptOf(20, 0, Want::Token));
        QVERIFY(ticket.ok());
        m_shim->hang(11);
        m_shim->fail({"cudaEventQuery", 0, kLaunchFailure, true, 10});
        QElapsedTimer timer;
        timer.start();
        QTRY_VERIFY((*executor)->isDone(*ticket));
        const Status status = (*executor)->collect(*ticket).status;
        QVERIFY2(timer.elapsed() < kSoon_ms / 4, qPrintable(QString::number(timer.elapsed())));
        QVERIFY2(status == Code::DeviceLost && sentence(status).contains("CUDA 10"),
                 qPrintable(sentence(status)));
        const std::vector<std::uint32_t> words = m_shim->pinnedWords();
        QCOMPARE(words.size(), std::size_t(1));
        QVERIFY(words.front() != 0);
        qputenv("INGLENOOK_STEP_PATIENCE_MS", kPatience_ms);
        (*executor)->release();
    }

    /// One of several GPUs that each hold the model: the others take its answers.
    void replicasGoOn() {
        const std::unique_ptr<Engine> engine = makeEngine();
        const LoadEvent loaded = loadModel(*engine, "cuda:0,9,10", SplitMode::Replicas);
        QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 6; ++i) {
            sinks.push_back(std::make_shared<RecordingSink>());
            sinks.back()->setDelay(std::chrono::microseconds(300));
            QVERIFY(ask(*engine, sinks.back(), 60).ok());
        }
        QVERIFY(sinks.front()->waitForEvents(10));
        m_shim->hang(9);
        for (const auto& sink : sinks) {
            QVERIFY(sink->waitForFinish());
            QVERIFY2(sink->finished().finish == FinishReason::MaxTokens,
                     qPrintable(sentence(sink->finished().status)));
        }
        QTRY_COMPARE(engine->snapshot().models.front().replicas, 2U);
        QVERIFY(sentence(engine->snapshot().models.front().lost.front()).contains("CUDA 9"));
        unload(*engine, loaded.model->key);
    }

  private:
    /// What was waited for once is not waited for again: answers of other devices stand behind it.
    static void releasesAtOnce(Executor& executor) {
        qputenv("INGLENOOK_STEP_PATIENCE_MS", QByteArray::number(kSoon_ms));
        QElapsedTimer timer;
        timer.start();
        executor.release();
        QVERIFY2(timer.elapsed() < kSoon_ms, qPrintable(QString::number(timer.elapsed())));
        qputenv("INGLENOOK_STEP_PATIENCE_MS", kPatience_ms);
    }

    tests::CudaShim* m_shim = nullptr;
};

INGLENOOK_SUITE(cuda_hang, CudaHangTest)
#include "tst_cuda_hang.moc"
