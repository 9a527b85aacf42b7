// Models in stretches of layers over several GPUs, on libinglenook_cuda.so with the shim
// (tests/cuda_shim): where the layers go, and what becomes of answers when one of the GPUs dies.
#include "engine/runtime/fit.h"
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <numeric>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;

class CudaLayersTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void layersGoWhereMemoryIs_data();
    void layersGoWhereMemoryIs();
    void refusedPeersAreNoWay();
    void automaticTakesLayersWhereOnlyTheyFit();
    void layerSplitsLoseTheModelAndKeepTheText_data();
    void layerSplitsLoseTheModelAndKeepTheText();

  private:
    tests::CudaShim* m_shim = nullptr;
};

void CudaLayersTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP(kNoShim);
}

void CudaLayersTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaLayersTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
}

void CudaLayersTest::layersGoWhereMemoryIs_data() {
    QTest::addColumn<bool>("reachesOthers");
    QTest::addColumn<QString>("device");
    QTest::newRow("asked for") << true << "cuda:0,1,2/layer";
    QTest::newRow("no way to each other, automatic") << false << "cuda:0,1,2";
}

/// 24 + 16 + 12 GB, a thousandth of each; every byte that a device holds was planned.
void CudaLayersTest::layersGoWhereMemoryIs() {
    QFETCH(bool, reachesOthers);
    QFETCH(QString, device);
    const std::vector<std::uint64_t> sizes = {24'000'000, 16'000'000, 12'000'000};
    std::vector<tests::CudaShimDevice> devices;
    for (const std::uint64_t size : sizes)
        devices.push_back({9, size, reachesOthers});
    m_shim->reset(devices);
    ModelConfig config = smallConfig();
    config.name = "deep";
    config.layerCount = 52;
    const auto source = sourceOf(config);
    const ExecutorPlan plan = planOf(kBf16, 16);
    const auto executor = makeFrom(device);
    QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
    QVERIFY((*executor)->deviceName().ends_with("layer split"));
    const auto planned = (*executor)->memoryPlan(config, *source, plan);
    QVERIFY2(planned.ok(), qPrintable(sentence(planned.status())));
    QVERIFY(planned->byLayers);
    QCOMPARE(planned->devices.size(), sizes.size());
    std::vector<double> full;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const DeviceMemory& each = planned->devices[i];
        QCOMPARE(each.free_bytes, sizes[i]);
        full.push_back(double(each.total()) / double(sizes[i]));
    }
    const auto [least, most] = std::minmax_element(full.begin(), full.end());
    QVERIFY2(*most < 1 && *most - *least < 0.05,
             qPrintable(QString("%1 %2 %3").arg(full[0]).arg(full[1]).arg(full[2])));
    const std::atomic<bool> stop{false};
    const Status loaded = (*executor)->load(config, source, plan, {}, stop);
    QVERIFY2(loaded.ok(), qPrintable(sentence(loaded)));
    QCOMPARE(
        m_shim->held().device_bytes,
        std::accumulate(planned->devices.begin(), planned->devices.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const auto& each) { return sum + each.total(); }));
    // Two chunks of a prompt in flight, then tokens that nobody has seen.
    QVERIFY((*executor)->setSlot(0, {}).ok());
    Batch second = promptOf(16, 0, Want::Token);
    for (BatchRow& row : second.rows)
        row.position += 16;
    const Result<Ticket> one = (*executor)->submit(promptOf(16, 0, Want::Nothing));
    const Result<Ticket> two = (*executor)->submit(second);
    QVERIFY2(answered(**executor, one).ok(), qPrintable(sentence(one.status())));
    QVERIFY2(answered(**executor, two).ok(), qPrintable(sentence(two.status())));
    Batch next = promptOf(1, 0, Want::Token);
    next.rows.front() = {0, 0, 32, kLastSampled, Want::Token};
    const Status decoded = answered(**executor, (*executor)->submit(next));
    QVERIFY2(decoded.ok(), qPrintable(sentence(decoded)));
    // A page is that of a single GPU, in the order of the layers.
    const auto page = (*executor)->savePage(1);
    QVERIFY(page.ok());
    QCOMPARE(
        page->size() * plan.pageCount,
        std::accumulate(planned->devices.begin(), planned->devices.end(), std::size_t{0},
                        [](std::size_t sum, const auto& each) { return sum + each.kv_bytes; }));
    QVERIFY((*executor)->restorePage(2, *page).ok());
    (*executor)->release();
    QCOMPARE(m_shim->held().device_bytes, 0U);
}

/// A GPU that could reach another, but has as many peers as it may have.
void CudaLayersTest::refusedPeersAreNoWay() {
    m_shim->fail({"cudaDeviceEnablePeerAccess", 0, kTooManyPeers, false, -1, 100});
    const auto executor = makeFrom("cuda:0,1");
    QVERIFY2(executor.ok(), qPrintable(sentence(executor.status())));
    QVERIFY((*executor)->deviceName().ends_with("layer split"));
    QVERIFY(load(**executor, smallConfig(), planOf(kBf16)).ok());
    const Status step = answered(**executor, (*executor)->submit(promptOf(20, 0, Want::Token)));
    QVERIFY2(step.ok(), qPrintable(sentence(step)));
    const auto shared = makeFrom("cuda:0,1/tensor");
    QCOMPARE(shared.status().code(), Code::DeviceUnavailable);
    QVERIFY2(sentence(shared.status()).contains("cannot reach"),
             qPrintable(sentence(shared.status())));
}

/// Neither one GPU nor equal shares: what fits says so, and the load does it.
void CudaLayersTest::automaticTakesLayersWhereOnlyTheyFit() {
    constexpr std::uint32_t kLayers = 16;
    constexpr std::uint32_t kContext = 4096;
    const Result<OpenedModel> model = openDeep(kLayers);
    QVERIFY(model.ok());
    LoadRequest request;
    request.formats = kBf16Kv;
    request.context = kContext;
    request.slotCount = 4;
    const auto answerOf = [&](const char* device, SplitMode split) {
        auto probe = FitProbe::create(device, split);
        return probe.ok() ? probe->plan(*model, request, {}, 0) : FitAnswer{probe.status(), {}, {}};
    };
    // What a plan needs at least is what it says where nothing fits.
    const auto least = [&](const char* device, SplitMode split) {
        m_shim->reset({{9, 40'000'000}, {9, 20'000'000}});
        std::uint64_t bytes = 0;
        for (const DeviceMemory& each : answerOf(device, split).memory.devices)
            bytes += each.total();
        return bytes;
    };
    const std::uint64_t byLayers = least("cuda:0,1", SplitMode::Layer);
    const std::uint64_t larger = least("cuda:0", SplitMode::Auto) - 1'000'000;
    const std::uint64_t smaller = byLayers + byLayers / 10 - larger; // a tenth: layers are whole
    QVERIFY(smaller < least("cuda:0,1", SplitMode::Tensor) / 2 - 1'000'000);

    m_shim->reset({{9, larger}, {9, smaller}});
    const FitAnswer answer = answerOf("cuda:0,1", SplitMode::Auto);
    QVERIFY2(answer.status.ok(), qPrintable(sentence(answer.status)));
    QVERIFY(answer.memory.byLayers);
    QCOMPARE(answer.memory.devices.size(), std::size_t(2));
    QVERIFY(answer.memory.devices[0].kv_bytes > 3 * answer.memory.devices[1].kv_bytes / 2);

    const std::unique_ptr<Engine> engine = makeEngine(kLayers);
    const LoadEvent loaded = loadModel(*engine, "cuda:0,1", SplitMode::Auto, kContext);
    QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
    QVERIFY(loaded.model->split.tookLayers);
    QVERIFY2(loaded.model->device.ends_with("layer split"), loaded.model->device.c_str());
    const auto sink = std::make_shared<tests::RecordingSink>();
    QVERIFY(ask(*engine, sink, 20).ok());
    QVERIFY(sink->waitForFinish());
    QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
    unload(*engine, loaded.model->key);
}

void CudaLayersTest::layerSplitsLoseTheModelAndKeepTheText_data() {
    QTest::addColumn<int>("dies");
    QTest::addColumn<QString>("call");
    QTest::addColumn<bool>("reachesOthers");
    for (const int dies : {0, 1, 2})
        for (const char* call : {"cudaEventQuery", "cudaGraphLaunch", "cudaMemcpyAsync",
                                 "cudaStreamWaitEvent", "cudaEventRecord"})
            for (const bool reachesOthers : {true, false})
                QTest::addRow("CUDA %d, %s, %s", dies, call, reachesOthers ? "peers" : "host")
                    << dies << call << reachesOthers;
}

/// One of three GPUs that hold a stretch each dies: the answer ends there with what was said, the
/// model is gone, nothing is held, and the device is named.
void CudaLayersTest::layerSplitsLoseTheModelAndKeepTheText() {
    QFETCH(int, dies);
    QFETCH(QString, call);
    QFETCH(bool, reachesOthers);
    m_shim->reset(std::vector<tests::CudaShimDevice>(3, {9, 256ULL << 20, reachesOthers}));
    const std::unique_ptr<Engine> engine = makeEngine(3);
    const LoadEvent loaded = loadModel(*engine, "cuda:0,1,2", SplitMode::Layer);
    QVERIFY2(loaded.phase == LoadPhase::Ready, qPrintable(sentence(loaded.status)));
    QCOMPARE(loaded.model->memory.devices.size(), std::size_t(3));
    const auto sink = std::make_shared<tests::RecordingSink>();
    sink->setDelay(std::chrono::milliseconds(1));
    QVERIFY(ask(*engine, sink, 2000).ok());
    QVERIFY(sink->waitForEvents(20));
    const std::size_t kept = sink->events().size();
    m_shim->fail({call.toStdString(), 1, kIllegalAddress, true, dies});
    QVERIFY(sink->waitForFinish(std::chrono::seconds(5)));
    QCOMPARE(sink->finished().finish, FinishReason::Failed);
    QCOMPARE(sink->finished().status.code(), Code::DeviceLost);
    QVERIFY2(sentence(sink->finished().status).contains(QString("CUDA %1").arg(dies)),
             qPrintable(sentence(sink->finished().status)));
    QVERIFY(sink->events().size() >= kept);
    QVERIFY(sink->finished().timings.generatedTokens > 0);
    QTRY_VERIFY(engine->snapshot().models.empty());
    QTRY_COMPARE(m_shim->held().device_bytes, 0U);
}

INGLENOOK_SUITE(cuda_layers, CudaLayersTest)
#include "tst_cuda_layers.moc"
