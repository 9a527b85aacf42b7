#include "app/telemetry/gpu_watch.h"
#include "tests/app/telemetry/recorded_nvml.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <QtTest/QtTest>

using namespace std::chrono_literals;
using namespace tests;

namespace {

/// A driver that stops answering when told to.
class HangingNvml final : public RecordedNvml {
  public:
    explicit HangingNvml(std::shared_ptr<std::atomic<bool>> hangs)
        : RecordedNvml(QStringLiteral("h100")), m_hangs(std::move(hangs)) {}

    app::NvmlReturn utilization(Device device, app::NvmlUtilization& utilization) override {
        while (*m_hangs)
            std::this_thread::sleep_for(5ms);
        return RecordedNvml::utilization(device, utilization);
    }

  private:
    std::shared_ptr<std::atomic<bool>> m_hangs;
};

constexpr app::GpuWatch::Options kFast{.period = 10ms, .limit = 100ms, .patience = 50ms};

} // namespace

class TstGpuWatch : public QObject {
    Q_OBJECT

  private slots:
    void aHangingDriverMakesFiguresAbsentAndHoldsUpNobody() {
        auto hangs = std::make_shared<std::atomic<bool>>(false);
        auto watch = std::make_unique<app::GpuWatch>(std::make_unique<HangingNvml>(hangs), kFast);
        QTRY_COMPARE(watch->newest().gpus.size(), std::size_t(1));
        *hangs = true;
        QElapsedTimer timer;
        timer.start();
        QTRY_VERIFY(watch->newest().gpus.empty());
        QVERIFY(timer.elapsed() >= 90); // within the limit the last figures stand
        QVERIFY(!watch->newest().absent.isEmpty());
        *hangs = false;
        QTRY_COMPARE(watch->newest().gpus.size(), std::size_t(1)); // and it recovers
        *hangs = true;
        QTest::qWait(30);
        timer.restart();
        watch.reset();
        QVERIFY2(timer.elapsed() < 500, "the destructor waited for the driver");
        *hangs = false; // its thread ends by itself
        QTest::qWait(50);
    }
};

INGLENOOK_SUITE(gpu_watch, TstGpuWatch)
#include "tst_gpu_watch.moc"
