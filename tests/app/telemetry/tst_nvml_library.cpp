// The real library's loader against stand-ins of drivers (stub_nvml.cpp).
#include "app/telemetry/nvml_api.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::NvmlReturn;

namespace {

std::unique_ptr<app::NvmlApi> opened(const char* driver) {
    auto api = app::makeNvmlLibrary(std::string(INGLENOOK_BINARY_DIR "/stubs/stub_nvml_") + driver +
                                    ".so");
    return api->init() == NvmlReturn::Success ? std::move(api) : nullptr;
}

} // namespace

class TstNvmlLibrary : public QObject {
    Q_OBJECT

  private slots:
    void readsBothFormsOfEveryFunction_data() {
        QTest::addColumn<QString>("driver");
        QTest::newRow("today") << QStringLiteral("new");
        QTest::newRow("first") << QStringLiteral("old");
    }
    void readsBothFormsOfEveryFunction() {
        QFETCH(QString, driver);
        const auto api = opened(qPrintable(driver));
        QVERIFY(api);
        std::uint32_t count = 0;
        QCOMPARE(api->deviceCount(count), NvmlReturn::Success);
        QCOMPARE(count, 2U);
        std::string name;
        QCOMPARE(api->name(1, name), NvmlReturn::Success);
        QCOMPARE(name, std::string("Stub 1"));
        QCOMPARE(api->name(2, name), NvmlReturn::InvalidArgument);
        app::NvmlMemory memory;
        QCOMPARE(api->memory(0, memory), NvmlReturn::Success);
        QCOMPARE(memory.used, std::uint64_t(600));
        app::NvmlUtilization utilization;
        QCOMPARE(api->utilization(1, utilization), NvmlReturn::Success);
        QCOMPARE(utilization.gpu, 70U);
        std::vector<app::NvmlProcess> processes;
        QCOMPARE(api->processes(0, processes), NvmlReturn::Success);
        QCOMPARE(processes.size(), std::size_t(300)); // also a list longer than usual
        QCOMPARE(processes[299].pid, 1299U);
        QCOMPARE(processes[299].used_bytes, std::uint64_t(2990));
    }

    void whatAnOldDriverLacksIsNotFound() {
        const auto api = opened("old");
        QVERIFY(api);
        std::string uuid;
        QCOMPARE(api->uuid(0, uuid), NvmlReturn::FunctionNotFound);
        std::uint64_t figure = 0;
        QCOMPARE(api->energy_mj(0, figure), NvmlReturn::FunctionNotFound);
        QCOMPARE(api->throttleReasons(0, figure), NvmlReturn::FunctionNotFound);
        QCOMPARE(api->nvlink_kib(0, app::NvmlTraffic::Transmit, figure),
                 NvmlReturn::FunctionNotFound);
    }

    void countersOfEveryWidthAreRead() {
        const auto api = opened("new");
        QVERIFY(api);
        std::uint64_t figure = 0;
        QCOMPARE(api->energy_mj(0, figure), NvmlReturn::Success);
        QCOMPARE(figure, std::uint64_t(5'000'000'000'000));
        QCOMPARE(api->throttleReasons(0, figure), NvmlReturn::Success); // by its name of today
        QCOMPARE(figure, std::uint64_t(0x44));
        QCOMPARE(api->nvlink_kib(0, app::NvmlTraffic::Transmit, figure), NvmlReturn::Success);
        QCOMPARE(figure, std::uint64_t(7'000'000'000));
        QCOMPARE(api->nvlink_kib(1, app::NvmlTraffic::Receive, figure), NvmlReturn::Success);
        QCOMPARE(figure, std::uint64_t(8));
    }

    void aLibraryThatIsNotThereIsNotFound() {
        const auto api = app::makeNvmlLibrary("libno-such-driver.so.1");
        QCOMPARE(api->init(), NvmlReturn::LibraryNotFound);
        std::uint32_t count = 0;
        QCOMPARE(api->deviceCount(count), NvmlReturn::Uninitialized);
        std::vector<app::NvmlProcess> processes;
        QCOMPARE(api->processes(0, processes), NvmlReturn::Uninitialized);
    }
};

INGLENOOK_SUITE(nvml_library, TstNvmlLibrary)
#include "tst_nvml_library.moc"
