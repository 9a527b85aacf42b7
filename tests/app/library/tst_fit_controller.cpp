// What fits: the planned bytes are those of the load (REQ 4), what is loaded counts as free
// (REQ 5), and where nothing fits there are ways out with their bytes (REQ 7).
#include "app/library/fit_controller.h"
#include "app/library/fit_planner.h"
#include "engine/runtime/engine.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/suite_registry.h"

#include <future>
#include <QtTest/QtTest>

using namespace tests;

namespace {

engine::LoadEvent loadAndWait(engine::Engine& engine, engine::LoadRequest request) {
    std::promise<engine::LoadEvent> ended;
    engine.load(std::move(request), [&](const engine::LoadEvent& event) {
        if (event.phase >= engine::LoadPhase::Ready)
            ended.set_value(event);
    });
    return ended.get_future().get();
}

app::FitQuestion question() {
    return {emberFile(), QStringLiteral("cpu"), QStringLiteral("bf16"), 4};
}

} // namespace

class TstFitController : public QObject {
    Q_OBJECT

  private slots:
    void req4_plannedBytesAreThoseOfTheLoad() {
        app::FitPlanner planner;
        const app::FitTable table = planner.plan(question(), {}, std::nullopt);
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
        const app::FitTable without = planner.plan(question(), {}, std::nullopt);
        engine::MemoryPlan held;
        held.devices.push_back({"CPU", 500'000'000'000, 0, 0, 0, 0});
        const app::FitTable with = planner.plan(question(), held, std::nullopt);
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
        const app::FitTable table = planner.plan(many, {}, std::nullopt);
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
        QVERIFY(planner.plan(asked, {}, std::nullopt).failure.isEmpty());
        QVERIFY(QFile::remove(asked.path) && placeText(asked.path, "GGUF and nothing more"));
        QVERIFY(planner.plan(asked, {}, std::nullopt).failure.endsWith(QLatin1Char('.')));
        QVERIFY(QFile::remove(asked.path) && QFile::copy(emberFile(), asked.path));
        QVERIFY(planner.plan(asked, {}, std::nullopt).failure.isEmpty());

        asked.path = dir.filePath(QStringLiteral("folder"));
        QVERIFY(placeFolder(asked.path));
        QVERIFY(planner.plan(asked, {}, std::nullopt).failure.isEmpty());
        const QString config = asked.path + QStringLiteral("/config.json");
        QVERIFY(QFile::remove(config) && placeText(config, "{}"));
        QVERIFY(!planner.plan(asked, {}, std::nullopt).failure.isEmpty());
    }

    void anUnusableDeviceIsASentence() {
        app::FitPlanner planner;
        app::FitQuestion other = question();
        other.device = QStringLiteral("cuda:15");
        QVERIFY(planner.plan(other, {}, std::nullopt).failure.endsWith(QLatin1Char('.')));
        other = question();
        other.path = QStringLiteral("/nowhere/model.gguf");
        QVERIFY(planner.plan(other, {}, std::nullopt).failure.endsWith(QLatin1Char('.')));
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
        QVERIFY(tables.at(0).at(0).value<app::FitTable>().cell(1, 0).tokensPerSecond > 0);
        QTest::qWait(100);
        QCOMPARE(measuring.size(), 0);
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
