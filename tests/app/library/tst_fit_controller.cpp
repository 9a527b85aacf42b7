// What fits: the planned bytes are those of the load (REQ 4), what is loaded counts as free
// (REQ 5), and where nothing fits there are ways out with their bytes (REQ 7).
#include "app/library/fit_controller.h"
#include "app/library/fit_planner.h"
#include "engine/device/make_executor.h"
#include "engine/runtime/engine.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

namespace {

app::FitQuestion question() {
    return {emberFile(), QStringLiteral("cpu"), QStringLiteral("bf16"), 4};
}

constexpr quint64 kGigabytes[] = {24, 16, 12};

/// A GPU of so many GB, or several that share a model of 42 GB by their weights. Plans alone.
class MockGpus final : public engine::Executor {
  public:
    struct Share {
        int gpu;
        quint64 weight;
    };
    explicit MockGpus(std::vector<Share> shares) : m_shares(std::move(shares)) {}

    std::string deviceName() const override { return "CUDA mock"; }
    engine::NumberFormats formats() const override { return {}; }
    engine::Result<engine::MemoryPlan> memoryPlan(const engine::ModelConfig&,
                                                  const engine::TensorSource&,
                                                  const engine::ExecutorPlan& plan) const override {
        quint64 all = 0;
        for (const Share& share : m_shares)
            all += share.weight;
        engine::MemoryPlan result;
        for (const Share& share : m_shares) {
            engine::DeviceMemory memory;
            memory.device = "CUDA " + std::to_string(share.gpu);
            memory.weights_bytes = 42'000'000'000 / all * share.weight;
            memory.kv_bytes = plan.pageCount * 1000ULL;
            memory.free_bytes = kGigabytes[share.gpu] * 1'000'000'000;
            result.devices.push_back(memory);
        }
        return result;
    }
    engine::Status load(const engine::ModelConfig&, std::shared_ptr<const engine::TensorSource>,
                        const engine::ExecutorPlan&, const engine::LoadProgress&,
                        const std::atomic<bool>&) override {
        return {};
    }
    engine::Status setSlot(engine::SlotId, const engine::SamplerSpec&) override { return {}; }
    engine::Status setSlotMask(engine::SlotId, std::span<const std::uint32_t>) override {
        return {};
    }
    engine::Result<engine::Ticket> submit(engine::Batch) override { return engine::Ticket(0); }
    engine::BatchResult collect(engine::Ticket) override { return {}; }
    engine::Status copyPage(engine::PageId, engine::PageId) override { return {}; }
    engine::Result<std::vector<std::byte>> savePage(engine::PageId) override {
        return std::vector<std::byte>();
    }
    engine::Status restorePage(engine::PageId, std::span<const std::byte>) override { return {}; }
    void poison() override {}
    engine::Health health() const override { return {}; }
    void release() override {}

  private:
    std::vector<Share> m_shares;
};

engine::ExecutorMaker unevenGpus() {
    return [](const std::string& device,
              engine::SplitMode) -> engine::Result<std::unique_ptr<engine::Executor>> {
        std::vector<MockGpus::Share> shares;
        for (const QString& part : QString::fromStdString(device).mid(5).split(QLatin1Char(',')))
            shares.push_back({part.section(QLatin1Char('='), 0, 0).toInt(),
                              std::max(1ULL, part.section(QLatin1Char('='), 1).toULongLong())});
        return std::unique_ptr<engine::Executor>(new MockGpus(std::move(shares)));
    };
}

} // namespace

class TstFitController : public QObject {
    Q_OBJECT

  private slots:
    void req4_plannedBytesAreThoseOfTheLoad() {
        app::FitPlanner planner;
        const app::FitTable table = planner.plan(question(), {}, {});
        QVERIFY2(table.failure.isEmpty(), qPrintable(table.failure));
        QCOMPARE(table.weights.size(), 3);
        QVERIFY(!table.contexts.isEmpty());
        const auto engine = engine::createEngine({});
        for (int row = 0; row < table.weights.size(); ++row) {
            const app::FitCell& cell = table.cell(row, 0);
            QVERIFY(cell.verdict == app::FitVerdict::Fits ||
                    cell.verdict == app::FitVerdict::Tight);
            engine::LoadRequest request;
            request.path = emberFile().toStdString();
            request.device = "cpu";
            request.formats.weights = engine::parseWeightFormat(cell.weights.toStdString()).value();
            request.formats.kv = engine::KvFormat::BF16;
            request.context = std::uint32_t(cell.contextTokens);
            request.slotCount = 4;
            const engine::LoadEvent event = loadAndWait(*engine, request);
            QCOMPARE(event.phase, engine::LoadPhase::Ready);
            const engine::DeviceMemory& real = event.model->memory.devices.at(0);
            const app::FitBytes& planned = cell.devices.at(0);
            QCOMPARE(planned.weights_bytes, quint64(real.weights_bytes));
            QCOMPARE(planned.kv_bytes, quint64(real.kv_bytes));
            QCOMPARE(planned.workspace_bytes, quint64(real.workspace_bytes));
        }
    }

    void req5_whatLoadedModelsHoldCountsAsFree() {
        app::FitPlanner planner;
        const app::FitTable without = planner.plan(question(), {}, {});
        engine::MemoryPlan held;
        held.devices.push_back({"CPU", 500'000'000'000, 0, 0, 0, 0});
        const app::FitTable with = planner.plan(question(), held, {});
        QCOMPARE(with.released_bytes, quint64(500'000'000'000));
        const quint64 difference = with.cell(0, 0).devices.first().free_bytes -
                                   without.cell(0, 0).devices.first().free_bytes;
        QVERIFY(difference > 490'000'000'000 && difference < 510'000'000'000);
    }

    void req7_whereItDoesNotFitThereAreWaysOut() {
        // A load of thousands of answers at once that no memory holds, and one answer that fits.
        app::FitPlanner planner;
        app::FitQuestion many = question();
        many.kv = QStringLiteral("f32");
        many.slotCount = 4'000'000;
        const app::FitTable table = planner.plan(many, {}, {});
        const app::FitCell& cell = table.cell(0, table.contexts.size() - 1);
        if (cell.verdict != app::FitVerdict::No)
            QSKIP("this machine holds it");
        QVERIFY(cell.sentence.endsWith(QLatin1Char('.')));
        const auto way =
            std::find_if(cell.waysOut.begin(), cell.waysOut.end(), [](const app::FitWayOut& each) {
                return each.kind == app::FitWayOut::Kind::FewerSlots;
            });
        QVERIFY(way != cell.waysOut.end());
        QVERIFY(way->total_bytes > 0 && way->total_bytes < cell.total());
    }

    /// An update puts another file in the same place.
    void aModelThatChangedIsReadAnew() {
        QTemporaryDir dir;
        app::FitQuestion asked = question();
        asked.path = dir.filePath(QStringLiteral("model.gguf"));
        QVERIFY(QFile::copy(emberFile(), asked.path));
        app::FitPlanner planner;
        QVERIFY(planner.plan(asked, {}, {}).failure.isEmpty());
        QVERIFY(QFile::remove(asked.path) && placeText(asked.path, "GGUF and nothing more"));
        QVERIFY(planner.plan(asked, {}, {}).failure.endsWith(QLatin1Char('.')));
        QVERIFY(QFile::remove(asked.path) && QFile::copy(emberFile(), asked.path));
        QVERIFY(planner.plan(asked, {}, {}).failure.isEmpty());

        asked.path = dir.filePath(QStringLiteral("folder"));
        QVERIFY(placeFolder(asked.path));
        QVERIFY(planner.plan(asked, {}, {}).failure.isEmpty());
        const QString config = asked.path + QStringLiteral("/config.json");
        QVERIFY(QFile::remove(config) && placeText(config, "{}"));
        QVERIFY(!planner.plan(asked, {}, {}).failure.isEmpty());
    }

    /// GPUs of 24, 16 and 12 GB: the bytes of each, by share, by replica, and where it is too
    /// small.
    void req16_unevenGpusArePlannedOneByOne() {
        app::FitPlanner planner(unevenGpus());
        app::FitQuestion asked = question();
        const auto cellFor = [&](const char* device, const char* split) {
            asked.device = QString::fromLatin1(device);
            asked.split = QString::fromLatin1(split);
            const engine::DeviceSpeed one{1000, 0.9, 0.9, 0};
            const engine::DeviceSpeed three{1500, 0.9, 0.9, 0};
            const app::FitTable table = planner.plan(asked, {}, {three, one});
            return table.failure.isEmpty() ? table.cell(0, 0) : app::FitCell();
        };
        const app::FitCell even = cellFor("cuda:0,1,2", "tensor");
        QCOMPARE(even.devices.size(), 3);
        QCOMPARE(even.verdict, app::FitVerdict::No); // a third is 14 GB
        QVERIFY(even.sentence.contains(QStringLiteral("CUDA 2")));
        const app::FitCell shared = cellFor("cuda:0=24,1=16,2=12", "tensor");
        QVERIFY(shared.verdict != app::FitVerdict::No);
        for (int i = 0; i < 3; ++i)
            QCOMPARE(shared.devices.at(i).weights_bytes,
                     quint64(42'000'000'000 / 52) * kGigabytes[i]);
        QVERIFY(shared.tokensPerSecond > 0);
        QCOMPARE(shared.aloneTokensPerSecond, 0.0); // no one holds it
        const app::FitCell replicas = cellFor("cuda:0,1", "replicas");
        QCOMPARE(replicas.devices.size(), 2);
        QCOMPARE(replicas.verdict, app::FitVerdict::No);
        QCOMPARE(replicas.devices.first().weights_bytes, quint64(42'000'000'000));
        QCOMPARE(app::gpusOf(QStringLiteral("cuda:0=24,2=12")),
                 QStringList({QStringLiteral("cuda:0"), QStringLiteral("cuda:2")}));
        QCOMPARE(app::gpusOf(QStringLiteral("cpu")), QStringList());
    }

    /// A GPU that is taken or broken off is not left out, as if there were only the CPU.
    void aGpuThatCannotBeUsedNowIsNamed() {
        engine::Code code = engine::Code::DeviceUnavailable;
        const auto make =
            [&code](const std::string& device,
                    engine::SplitMode) -> engine::Result<std::unique_ptr<engine::Executor>> {
            if (device == "cpu")
                return engine::makeExecutor("cpu");
            return engine::Status(code, {{"device", "CUDA 0"}, {"reason", "it is taken"}});
        };
        app::FitPlanner taken(make);
        const QList<app::FitDevice> devices = taken.devices();
        QCOMPARE(devices.size(), 2);
        QCOMPARE(devices.last().word, QStringLiteral("cuda:0"));
        app::FitQuestion onIt = question();
        onIt.device = devices.last().word;
        QVERIFY(taken.plan(onIt, {}, {}).failure.contains(QStringLiteral("it is taken")));
        code = engine::Code::CudaMissing;
        app::FitPlanner none(make);
        QCOMPARE(none.devices().size(), 1);
    }

    void anUnusableDeviceIsASentence() {
        app::FitPlanner planner;
        app::FitQuestion other = question();
        other.device = QStringLiteral("cuda:15");
        QVERIFY(planner.plan(other, {}, {}).failure.endsWith(QLatin1Char('.')));
        other = question();
        other.path = QStringLiteral("/nowhere/model.gguf");
        QVERIFY(planner.plan(other, {}, {}).failure.endsWith(QLatin1Char('.')));
    }

    void theSpeedFollowsTheBytes() {
        const engine::DeviceSpeed speed{50, 0.7, 0.6, 0};
        const double eight =
            engine::predictDecode(speed, engine::WeightFormat::Int8, 7'000'000'000, 28);
        QVERIFY(std::abs(eight - 5.0) < 0.01);
        QVERIFY(
            std::abs(engine::predictDecode(speed, engine::WeightFormat::Int8, 3'500'000'000, 28) -
                     10.0) < 0.01);
        QCOMPARE(engine::predictDecode({}, engine::WeightFormat::Int8, 1, 1), 0.0);
    }

    void theMachineIsMeasuredOnceAndRemembered() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("machine.json"));
        {
            app::FitController fits(file, [] { return engine::MemoryPlan(); });
            QSignalSpy tables(&fits, &app::FitController::tableReady);
            QElapsedTimer clock;
            clock.start();
            fits.ask(question());
            QTRY_COMPARE_WITH_TIMEOUT(tables.size(), 2, 120'000); // without and with speeds
            qInfo("measured within %lld ms", static_cast<long long>(clock.elapsed()));
            const auto first = tables.at(0).at(0).value<app::FitTable>();
            const auto second = tables.at(1).at(0).value<app::FitTable>();
            QCOMPARE(first.cell(1, 0).tokensPerSecond, 0.0);
            QVERIFY(second.cell(1, 0).tokensPerSecond > 0);
        }
        QVERIFY(QFile::exists(file));
        app::FitController again(file, [] { return engine::MemoryPlan(); });
        QSignalSpy tables(&again, &app::FitController::tableReady);
        QSignalSpy measuring(&again, &app::FitController::measuringChanged);
        again.ask(question());
        QTRY_COMPARE(tables.size(), 1);
        const auto table = tables.at(0).at(0).value<app::FitTable>();
        QVERIFY(table.cell(1, 0).tokensPerSecond > 0);
        QVERIFY(table.measuredAt.secsTo(QDateTime::currentDateTimeUtc()) < 300);
        QTest::qWait(100);
        QCOMPARE(measuring.size(), 0);
    }

    /// Stopped, it ends at once and does not begin again by itself.
    void aMeasurementCanBeCancelled() {
        const QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("machine.json"));
        app::FitController fits(file, [] { return engine::MemoryPlan(); });
        QSignalSpy tables(&fits, &app::FitController::tableReady);
        QSignalSpy failed(&fits, &app::FitController::failed);
        fits.ask(question());
        QTRY_VERIFY_WITH_TIMEOUT(fits.isMeasuring(), 20'000);
        fits.cancelMeasuring();
        QTRY_VERIFY_WITH_TIMEOUT(!fits.isMeasuring(), 20'000);
        QTRY_COMPARE_WITH_TIMEOUT(tables.size(), 2, 20'000); // what fits is shown all the same
        fits.ask(question());
        QTRY_COMPARE(tables.size(), 3);
        QTest::qWait(100);
        QVERIFY(!fits.isMeasuring() && fits.isDeclined() && failed.isEmpty());
        QVERIFY(!tables.last().at(0).value<app::FitTable>().measuredAt.isValid());
        QVERIFY(!QFile::exists(file));
        fits.measureAgain();
        QTRY_VERIFY(fits.isMeasuring());
        fits.cancelMeasuring();
    }

    /// One of an older version says nothing of its age: it is taken anew.
    void aMeasurementWithoutATimeIsNone() {
        const QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("machine.json"));
        app::FitPlanner planner;
        const QByteArray name = planner.nameOf(QStringLiteral("cpu"), {}).toUtf8();
        QVERIFY(placeText(file, "{\"" + name +
                                    "\": {\"limit_gb_s\": 50, \"int8_share\": 0.8, "
                                    "\"int4_share\": 0.8, \"layer_us\": 0}}"));
        app::FitController fits(file, [] { return engine::MemoryPlan(); });
        fits.setBusy([] { return true; });
        QSignalSpy tables(&fits, &app::FitController::tableReady);
        fits.ask(question());
        QTRY_COMPARE(tables.size(), 1);
        QCOMPARE(tables.at(0).at(0).value<app::FitTable>().cell(1, 0).tokensPerSecond, 0.0);
    }

    /// A figure taken beside answers would be remembered for good.
    void nothingIsMeasuredBesideAnswers() {
        const QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("machine.json"));
        app::FitController fits(file, [] { return engine::MemoryPlan(); });
        bool isBusy = true;
        fits.setBusy([&isBusy] { return isBusy; });
        QSignalSpy tables(&fits, &app::FitController::tableReady);
        QSignalSpy measuring(&fits, &app::FitController::measuringChanged);
        fits.ask(question());
        QTRY_COMPARE(tables.size(), 1);
        QTest::qWait(100);
        QCOMPARE(measuring.size(), 0);
        QCOMPARE(tables.at(0).at(0).value<app::FitTable>().cell(1, 0).tokensPerSecond, 0.0);
        QVERIFY(!QFile::exists(file));
        isBusy = false;
        fits.ask(question());
        QTRY_COMPARE_WITH_TIMEOUT(tables.size(), 3, 60'000);
        QVERIFY(tables.last().at(0).value<app::FitTable>().cell(1, 0).tokensPerSecond > 0);
        QVERIFY(QFile::exists(file));
    }
};

INGLENOOK_SUITE(fit_controller, TstFitController)
#include "tst_fit_controller.moc"
