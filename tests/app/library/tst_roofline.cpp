// Where the time of a model goes: figures of a bench in the words of the page, and the measurement
// in the background.
#include "app/library/roofline_controller.h"
#include "engine/runtime/evaluate.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

namespace {

app::RooflineQuestion ember() {
    return {emberFile(), QStringLiteral("cpu"), QStringLiteral("int8"), QStringLiteral("int8"),
            QStringLiteral("bf16")};
}

} // namespace

class TstRoofline : public QObject {
    Q_OBJECT

  private slots:
    void theNearerLimitCounts() {
        engine::BenchResult result;
        result.device = "a device";
        result.formats.weights = engine::WeightFormat::Int8;
        result.limitGbPerSecond = 20;
        result.computeLimits = {0.4, 0.1};
        result.stages = {{"qkv", 3, 15, 0.75, 0.1, 0.25},
                         {"attention", 1, 2, 0.1, 0.05, 0.5},
                         {"sample", 0.5, 0, 0, 0, 0},
                         {"other", -0.5, 0, 0, 0, 0}};
        const app::Roofline roofline = app::rooflineOf(result);
        QVERIFY(roofline.isMeasured());
        QCOMPARE(roofline.weights, QStringLiteral("int8"));
        QCOMPARE(roofline.readLimit_gb_s, std::optional(20.0));
        QCOMPARE(roofline.attentionLimit_tops, std::optional(0.1));
        const app::RooflineStage& qkv = roofline.decode.at(0);
        QCOMPARE(qkv.share, 0.75);
        QCOMPARE(qkv.ofLimit, std::optional(0.75));
        QCOMPARE(qkv.nearer, app::RooflineLimit::Memory);
        const app::RooflineStage& attention = roofline.decode.at(1);
        QCOMPARE(attention.ofLimit, std::optional(0.5));
        QCOMPARE(attention.nearer, app::RooflineLimit::Compute);
        const app::RooflineStage& sample = roofline.decode.at(2);
        QVERIFY(!sample.read_gb_s && !sample.tops && !sample.ofLimit); // absent, not 0
        QCOMPARE(sample.nearer, app::RooflineLimit::Unknown);
        QCOMPARE(roofline.decode.at(3).time_ms, 0.0); // clocks of stages may overlap its ends
        QVERIFY(!roofline.isAboveMemory());
    }

    void unknownLimitsAreAbsent() {
        engine::BenchResult result;
        result.limitGbPerSecond = 20;
        result.stages = {{"down", 1, 25, 1.25, 0.1, 0}};
        const app::Roofline roofline = app::rooflineOf(result);
        QVERIFY(!roofline.computeLimit_tops && !roofline.attentionLimit_tops);
        QCOMPARE(roofline.decode.at(0).nearer, app::RooflineLimit::Memory);
        QVERIFY(roofline.isAboveMemory());
        QVERIFY(!app::rooflineOf({}).isMeasured());
        QVERIFY(!app::rooflineOf({}).isAboveMemory());
    }

    void aDeviceThatTellsNothingIsNamed() {
        const QString said = app::rooflineRefusal(
            engine::Status(engine::Code::StagesNotOffered, {{"device", "CUDA 0"}}));
        QVERIFY(said.startsWith(QStringLiteral("CUDA 0 ")));
        QVERIFY(!said.contains(QStringLiteral("--"))); // no words of the command line
        const engine::Status other(engine::Code::NoModelLoaded);
        QCOMPARE(app::rooflineRefusal(other), QString::fromStdString(other.sentence()));
    }

    void aModelIsMeasuredInTheBackground() {
        app::RooflineController rooflines;
        QSignalSpy running(&rooflines, &app::RooflineController::runningChanged);
        QSignalSpy measured(&rooflines, &app::RooflineController::measured);
        rooflines.measure(ember());
        QCOMPARE(rooflines.path(), emberFile());
        rooflines.measure({QStringLiteral("/another"), {}, {}, {}, {}}); // one at a time
        QTRY_COMPARE_WITH_TIMEOUT(measured.size(), 1, 60'000);
        QCOMPARE(running.size(), 2);
        const app::Roofline roofline = rooflines.roofline(emberFile());
        QCOMPARE(roofline.path, emberFile());
        QVERIFY(roofline.device.startsWith(QStringLiteral("CPU")));
        QCOMPARE(roofline.activations, QStringLiteral("int8"));
        QVERIFY(roofline.readLimit_gb_s && roofline.computeLimit_tops);
        for (const auto& stages : {roofline.decode, roofline.prompt}) {
            QCOMPARE(stages.size(), 9);
            double share = 0;
            for (const app::RooflineStage& stage : stages)
                share += stage.share;
            QVERIFY(share > 0.9 && share < 1.1);
        }
        QVERIFY(!rooflines.roofline(QStringLiteral("/another")).isMeasured());
    }

    void itCanBeCancelled() {
        app::RooflineController rooflines;
        QSignalSpy running(&rooflines, &app::RooflineController::runningChanged);
        QSignalSpy failed(&rooflines, &app::RooflineController::failed);
        rooflines.measure(ember());
        rooflines.cancel();
        QTRY_COMPARE_WITH_TIMEOUT(running.size(), 2, 30'000);
        QCOMPARE(failed.size(), 0);
        QVERIFY(!rooflines.roofline(emberFile()).isMeasured());
        QVERIFY(!rooflines.isRunning());
    }

    void whatCannotBeMeasuredIsASentence() {
        app::RooflineController rooflines;
        QSignalSpy failed(&rooflines, &app::RooflineController::failed);
        app::RooflineQuestion question = ember();
        question.path = QStringLiteral("/nowhere/model.gguf");
        rooflines.measure(question);
        QTRY_COMPARE(failed.size(), 1);
        QCOMPARE(failed.first().at(0).toString(), question.path);
        QVERIFY(failed.first().at(1).toString().endsWith(QLatin1Char('.')));
        question.weights = QStringLiteral("int7");
        rooflines.measure(question);
        QTRY_COMPARE(failed.size(), 2);
        QVERIFY(failed.last().at(1).toString().contains(QStringLiteral("int7")));
    }
};

INGLENOOK_SUITE(roofline, TstRoofline)
#include "tst_roofline.moc"
