// openModel on the reference models and, where present, on real files.
#include "engine/model/architecture.h"
#include "engine/model/opened_model.h"
#include "engine/model/quantize.h"
#include "engine/model/safetensors_file.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <QtTest/QtTest>

using namespace engine;

class TstOpenedModel : public QObject {
    Q_OBJECT

  private:
    static std::filesystem::path golden(const char* name) {
        return (tests::sourceDir() + "/tests/fixtures/goldens/" + name).toStdString();
    }

  private slots:
    void opensEveryReferenceModel_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<bool>("bias");
        QTest::addColumn<bool>("qkNorm");
        QTest::addColumn<bool>("tied");
        QTest::addColumn<int>("scaling");
        const auto row = [](const char* name, bool bias, bool qkNorm, bool tied,
                            RopeScalingKind kind) {
            QTest::newRow(name) << QString(name) << bias << qkNorm << tied
                                << static_cast<int>(kind);
        };
        row("llama-eps", false, false, false, RopeScalingKind::None);
        row("llama-linear-rope", false, false, false, RopeScalingKind::Linear);
        row("llama-llama3rope", false, false, false, RopeScalingKind::Llama3);
        row("llama-outliers", false, false, true, RopeScalingKind::None);
        row("qwen2-bigbias", true, false, true, RopeScalingKind::None);
        row("qwen2-tied", true, false, true, RopeScalingKind::None);
        row("qwen2-untied-hd128", true, false, false, RopeScalingKind::None);
        row("qwen3-yarn", false, true, false, RopeScalingKind::Yarn);
        row("gpt2", true, false, true, RopeScalingKind::None);
    }

    void opensEveryReferenceModel() {
        QFETCH(QString, name);
        QFETCH(bool, bias);
        QFETCH(bool, qkNorm);
        QFETCH(bool, tied);
        QFETCH(int, scaling);
        const auto model = openModel(golden(qPrintable(name)));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QCOMPARE(model->config.qkvBias, bias);
        QCOMPARE(model->config.qkNorm, qkNorm);
        QCOMPARE(model->config.tiedEmbeddings, tied);
        QCOMPARE(static_cast<int>(model->config.ropeScaling.kind), scaling);
        QCOMPARE(model->config.vocabularySize, 320U);
        QCOMPARE(model->config.ropePairing, RopePairing::Halves);
        QCOMPARE(QString::fromStdString(model->fileType), QStringLiteral("BF16"));
        QCOMPARE(QString::fromStdString(model->config.name), name);
        QCOMPARE(model->tensors->contentHash().size(), std::size_t{64});
        for (const ExpectedTensor& expected : expectedTensors(model->config))
            QVERIFY2(model->tensors->find(expected.name) != nullptr, expected.name.c_str());
    }

    void readsReferenceArrays() {
        const auto path = golden("qwen2-tied") / "golden.safetensors";
        const auto ids = readSafetensorsArray(path, "input_ids");
        QVERIFY2(ids.ok(), ids.status().sentence().c_str());
        QCOMPARE(ids->ints.size(), std::size_t{96});
        const auto logits = readSafetensorsArray(path, "logits");
        QVERIFY(logits.ok());
        QCOMPARE(logits->shape, (std::vector<std::uint64_t>{96, 320}));
        QCOMPARE(logits->floats.size(), std::size_t{96 * 320});
        QVERIFY(readSafetensorsArray(path, "absent").status() == Code::TensorMissing);
    }

    void convertsMatricesWithSmallError_data() {
        QTest::addColumn<int>("format");
        QTest::addColumn<double>("limit");
        QTest::newRow("f32") << static_cast<int>(MatrixFormat::F32) << 0.0;
        QTest::newRow("bf16") << static_cast<int>(MatrixFormat::BF16) << 0.0; // the file's own type
        QTest::newRow("int8 g128") << static_cast<int>(MatrixFormat::Int8G128) << 0.008;
        QTest::newRow("int8 g32") << static_cast<int>(MatrixFormat::Int8G32) << 0.006;
        QTest::newRow("int4") << static_cast<int>(MatrixFormat::Int4G32) << 0.085;
        QTest::newRow("int4 min") << static_cast<int>(MatrixFormat::Int4G32Min) << 0.077;
        QTest::newRow("int4 zero") << static_cast<int>(MatrixFormat::Int4G32Zero) << 0.077;
    }

    void convertsMatricesWithSmallError() {
        QFETCH(int, format);
        QFETCH(double, limit);
        const auto model = openModel(golden("llama-linear-rope"));
        QVERIFY(model.ok());
        // 352 columns: the last group of 128 is short, and two groups of 32 are padding.
        const TensorInfo* tensor = model->tensors->find("blk.0.ffn_down.weight");
        QCOMPARE(tensor->columns(), std::uint64_t{352});
        const auto matrix = loadMatrix(*model->tensors, *tensor, static_cast<MatrixFormat>(format));
        QVERIFY2(matrix.ok(), matrix.status().sentence().c_str());
        std::vector<float> exact(352);
        std::vector<float> approximate(352);
        double error = 0;
        double power = 0;
        for (std::uint32_t row = 0; row < matrix->rows; ++row) {
            QVERIFY(readRowsF32(*model->tensors, *tensor, row, 1, exact).ok());
            dequantizeRow(*matrix, row, approximate);
            for (std::size_t k = 0; k < exact.size(); ++k) {
                error += std::pow(double{approximate[k]} - exact[k], 2);
                power += std::pow(double{exact[k]}, 2);
            }
        }
        QVERIFY2(std::sqrt(error / power) <= limit,
                 qPrintable(QString::number(std::sqrt(error / power))));
    }

    void opensStories() {
        if (tests::vectorsDir().isEmpty())
            QSKIP("INGLENOOK_VECTORS is not set: stories260K is not tested");
        const auto model =
            openModel((tests::vectorsDir() + "/stories260K/stories260K-f32.gguf").toStdString());
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QCOMPARE(model->config.ropePairing, RopePairing::Adjacent);
        QCOMPARE(model->config.headDim, 8U);
        QVERIFY(model->vocabulary.kind == TokenizerKind::SentencePiece);
        QCOMPARE(model->vocabulary.tokens.size(), std::size_t{512});
        QCOMPARE(model->vocabulary.bos, 1);
        QVERIFY(model->vocabulary.addBos);
        QCOMPARE(model->vocabulary.endOfGeneration, std::vector<TokenId>{2});
    }
};

INGLENOOK_SUITE(opened_model, TstOpenedModel)
#include "tst_opened_model.moc"
