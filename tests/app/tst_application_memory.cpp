// What the next load could take, from figures that are known already.
#include "app/application_memory.h"
#include "app/settings_values.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

constexpr qint64 kGB = 1'000'000'000;

/// GPUs of 24 and 16 GB, of which 4 and 2 are taken.
app::MetricFrame twoGpus() {
    app::MetricFrame frame;
    frame.gpus.resize(2);
    const auto set = [&](std::size_t gpu, double total, double used) {
        frame.gpus[gpu].values.set(app::MetricId::GpuMemoryTotal, total * kGB);
        frame.gpus[gpu].values.set(app::MetricId::GpuMemoryUsed, used * kGB);
    };
    set(0, 24, 4);
    set(1, 16, 2);
    return frame;
}

engine::MemoryPlan held(const char* device, qint64 weights_bytes, qint64 context_bytes = 0) {
    engine::DeviceMemory memory;
    memory.device = device;
    memory.weights_bytes = std::uint64_t(weights_bytes);
    memory.context_bytes = std::uint64_t(context_bytes);
    return {{memory}, {}};
}

app::SettingsValues on(const char* device, const char* gpus = "", const char* split = "") {
    app::SettingsValues values;
    values.device = QString::fromLatin1(device);
    values.gpus = QString::fromLatin1(gpus);
    values.split = QString::fromLatin1(split);
    return values;
}

} // namespace

class TstApplicationMemory : public QObject {
    Q_OBJECT

  private slots:
    void theDeviceOfTheSettingsCounts() {
        const auto gpu = [](const app::SettingsValues& values) {
            return app::loadRoom(values, twoGpus(), {}, true).gpu_bytes;
        };
        QCOMPARE(gpu(on("")), 20 * kGB);
        QCOMPARE(gpu(on("auto")), 20 * kGB);
        QCOMPARE(gpu(on("cpu")), qint64(-1));
        QCOMPARE(gpu(on("cuda")), 20 * kGB);
        QCOMPARE(gpu(on("cuda", "1")), 14 * kGB);
        QCOMPARE(gpu(on("cuda", "0,1")), 28 * kGB); // equal shares
        QCOMPARE(gpu(on("cuda", "0,1", "replicas")), 14 * kGB);
        QCOMPARE(gpu(on("cuda", "0,1", "layer")), 34 * kGB); // each what it has
        QCOMPARE(gpu(on("cuda", "0,7", "layer")), qint64(-1));
        QCOMPARE(gpu(on("cuda", "7")), qint64(-1));
        QVERIFY(app::loadRoom(on(""), twoGpus(), {}, true).usesHost);
        QVERIFY(!app::loadRoom(on("cuda"), twoGpus(), {}, true).usesHost);
    }

    void aGpuThatNothingCanUseIsNone() {
        QCOMPARE(app::loadRoom(on(""), twoGpus(), {}, false).gpu_bytes, qint64(-1));
        QCOMPARE(app::loadRoom(on(""), {}, {}, true).gpu_bytes, qint64(-1));
    }

    void whatModelsHoldCountsAsFree() {
        const auto gpu = app::loadRoom(on(""), twoGpus(), held("CUDA 0", 3 * kGB, kGB), true);
        QCOMPARE(gpu.gpu_bytes, 23 * kGB); // the driver's context stays
        QCOMPARE(gpu.hostHeld_bytes, qint64(0));
        const auto cpu = app::loadRoom(on(""), twoGpus(), held("CPU", 3 * kGB), true);
        QCOMPARE(cpu.gpu_bytes, 20 * kGB);
        QCOMPARE(cpu.hostHeld_bytes, 3 * kGB);
    }
};

INGLENOOK_SUITE(application_memory, TstApplicationMemory)
#include "tst_application_memory.moc"
