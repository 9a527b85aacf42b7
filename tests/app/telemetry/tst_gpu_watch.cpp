#include "app/telemetry/gpu_watch.h"
#include "tests/app/telemetry/recorded_nvml.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QTranslator>
#include <QtTest/QtTest>

using namespace std::chrono_literals;
using namespace tests;

namespace {

constexpr app::GpuWatch::Options kFast{.period = 10ms, .limit = 100ms, .patience = 50ms};

std::optional<double> load(const app::GpuWatch& watch, std::size_t gpu) {
    const app::GpuReading reading = watch.newest();
    return gpu < reading.gpus.size() ? reading.gpus[gpu].values.get(app::MetricId::GpuUtilization)
                                     : std::nullopt;
}

} // namespace

class TstGpuWatch : public QObject {
    Q_OBJECT

  private slots:
    void aHangingDriverMakesFiguresAbsentAndHoldsUpNobody() {
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("hanging_driver"));
        const auto gate = nvml->gate();
        app::GpuWatch::Options slow = kFast;
        slow.limit = 1s; // longer than a busy machine lets this test wait
        auto watch = std::make_unique<app::GpuWatch>(std::move(nvml), slow);
        QTRY_VERIFY(gate->holdsOne()); // at the third look, in the midst of card 1
        QVERIFY(load(*watch, 0));      // within the limit the last figures stand
        QTRY_VERIFY(!load(*watch, 0));
        const app::GpuReading reading = watch->newest();
        QCOMPARE(reading.gpus.size(),
                 std::size_t(2)); // the cards stay, with a dash for each figure
        QCOMPARE(reading.gpus[1].name, QStringLiteral("NVIDIA H200"));
        QVERIFY(!reading.absent.isEmpty());
        QCOMPARE(reading.gpus[1].absent, reading.absent);
        gate->open();
        QTRY_COMPARE(load(*watch, 1), std::optional(0.12)); // and it recovers
        QVERIFY(watch->newest().absent.isEmpty());
    }

    void theOwnerLeavesWhileTheDriverHangs() {
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("hanging_driver"));
        const auto gate = nvml->gate();
        auto watch = std::make_unique<app::GpuWatch>(std::move(nvml), kFast);
        QTRY_VERIFY(gate->holdsOne());
        QElapsedTimer timer;
        timer.start();
        watch.reset();
        QVERIFY2(timer.elapsed() < 500, "the destructor waited for the driver");
        gate->open(); // its thread ends by itself
        QTest::qWait(50);
    }

    /// Whether or not the driver has been asked again since.
    void theReasonIsInTheLanguageOfTheMoment() {
        auto nvml = std::make_unique<RecordedNvml>(QStringLiteral("h100"));
        nvml->initResult = app::NvmlReturn::LibraryNotFound;
        app::GpuWatch::Options rarely = kFast;
        rarely.period = 1h;
        const app::GpuWatch watch(std::move(nvml), rarely);
        QTRY_VERIFY(watch.newest().absent.contains(QStringLiteral("no NVIDIA driver")));
        QTranslator translator;
        QVERIFY(translator.load(QStringLiteral(":/i18n/inglenook_zh_CN.qm")));
        QCoreApplication::installTranslator(&translator);
        const QString chinese = watch.newest().absent;
        QCoreApplication::removeTranslator(&translator);
        QVERIFY2(chinese.contains(QStringLiteral("没有")), qPrintable(chinese));
    }

    void asksNeverMoreThanTwiceASecond() { QCOMPARE(app::GpuWatch::Options().period, 500ms); }
};

INGLENOOK_SUITE(gpu_watch, TstGpuWatch)
#include "tst_gpu_watch.moc"
