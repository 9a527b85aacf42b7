// Benching a model: every stage beside the limits of the device, and an end that can be asked for.
#include "engine/model/opened_model.h"
#include "engine/runtime/evaluate.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <QtTest/QtTest>

using namespace engine;

namespace {

/// A few tokens of a reference model on the CPU.
struct Bed {
    Result<OpenedModel> model =
        openModel((tests::sourceDir() + "/tests/fixtures/goldens/qwen2-tied").toStdString());
    BenchOptions options;

    Bed() {
        options.promptTokens = 20;
        options.chunkRows = 8;
        options.generateTokens = 4;
        options.repeats = 1;
        options.stages = true;
    }
    Result<BenchResult> run() const {
        return benchModel(
            model->config, model->tensors, [] { return makeCpuExecutor(); }, options);
    }
};

} // namespace

class TstBench : public QObject {
    Q_OBJECT

  private slots:
    void stagesStandBesideTheLimits() {
        const Bed bed;
        QVERIFY(bed.model.ok());
        const Result<BenchResult> result = bed.run();
        QVERIFY2(result.ok(), result.status().sentence().c_str());
        QVERIFY(result->limitGbPerSecond > 0);
        QVERIFY(result->computeLimits.products > 0);
        for (const auto* stages : {&result->stages, &result->prefillStages}) {
            QCOMPARE(stages->front().name, std::string("embed"));
            QCOMPARE(stages->back().name, std::string("other"));
            for (const BenchStage& stage : *stages) {
                QCOMPARE(stage.share, stage.gbPerSecond / result->limitGbPerSecond);
                const double most = stage.name == "attention" ? result->computeLimits.attention
                                                              : result->computeLimits.products;
                QCOMPARE(stage.topsShare, stage.tops / most);
                QCOMPARE(stage.tops > 0,
                         stage.name != "embed" && stage.name != "sample" && stage.name != "other");
            }
        }
    }

    void itEndsWhenAsked() {
        Bed bed;
        const std::atomic<bool> stop{true};
        bed.options.stop = &stop;
        QCOMPARE(bed.run().status().code(), Code::Cancelled);
    }

    void emptyChunksAreRefused() {
        Bed bed;
        bed.options.chunkRows = 0;
        QCOMPARE(bed.run().status().code(), Code::OptionInvalid);
    }
};

INGLENOOK_SUITE(bench, TstBench)
#include "tst_bench.moc"
