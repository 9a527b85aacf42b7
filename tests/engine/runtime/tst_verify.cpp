// The reference models against their exact logits, in the formats of the README's table, from
// safetensors and from GGUF; and mutants, which must be caught.
#include "engine/model/convert.h"
#include "engine/runtime/evaluate.h"
#include "tests/support/mutant_source.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;

namespace {

using W = WeightFormat;
using A = ActivationFormat;
using K = KvFormat;

const char* const kCases[] = {
    "gpt2",          "llama-eps",  "llama-linear-rope",  "llama-llama3rope", "llama-outliers",
    "qwen2-bigbias", "qwen2-tied", "qwen2-untied-hd128", "qwen3-yarn"};

struct Row {
    const char* name;
    NumberFormats formats;
    bool reference;
    double relLimit;
    double top1Limit;
    bool hardCases; ///< also the two cases that coarse activations cannot do
};
const Row kRows[] = {
    {"f32", {W::F32, A::F32, K::F32}, false, 1e-3, 0.99, true},
    {"bf16", {W::BF16, A::BF16, K::BF16}, false, 1.5e-2, 0, true},
    {"int8 reference", {W::Int8, A::BF16, K::BF16}, true, 1.5e-2, 0, true},
    {"int4 reference", {W::Int4, A::BF16, K::BF16}, true, 1.5e-2, 0, true},
    {"int8 kv8", {W::Int8, A::BF16, K::Int8}, false, 4.5e-2, 0, false},
    {"int8 all", {W::Int8, A::Int8, K::Int8}, false, 7e-2, 0.84, false},
};

std::filesystem::path folder(const QString& name) {
    return (tests::sourceDir() + "/tests/fixtures/goldens/" + name).toStdString();
}

ExecutorFactory cpu() {
    return [] { return makeCpuExecutor(); };
}

bool isLong(const QString& name) {
    return name == QLatin1String("qwen2-bigbias"); // 2600 positions
}

} // namespace

class TstVerify : public QObject {
    Q_OBJECT

  private:
    void check(const OpenedModel& model, const QString& name, const Row& row) {
        VerifyOptions options;
        options.formats = row.formats;
        options.reference = row.reference;
        const auto result = verifyModel(model, folder(name) / "golden.safetensors", cpu(), options);
        QVERIFY2(result.ok(), result.status().sentence().c_str());
        QCOMPARE(result->schedules.size(), std::size_t(5));
        qInfo("rel_error %.2e top-1 %.3f", result->relError, result->top1Agreement);
        QVERIFY2(result->relError <= row.relLimit, qPrintable(QString::number(result->relError)));
        QVERIFY2(result->top1Agreement >= row.top1Limit,
                 qPrintable(QString::number(result->top1Agreement)));
        if (row.formats.activations == A::F32)
            for (const ScheduleResult& schedule : result->schedules)
                QVERIFY2(schedule.greedyMatch >= schedule.greedyExpected, schedule.name.c_str());
    }

  private slots:
    void holdsTheLimits_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("row");
        for (const char* name : kCases) {
            const bool hard = isLong(name) || QLatin1String(name) == "llama-outliers";
            for (std::size_t row = 0; row < std::size(kRows); ++row)
                if ((kRows[row].hardCases || !hard) && !isLong(name))
                    QTest::addRow("%s %s", name, kRows[row].name) << QString(name) << int(row);
        }
    }
    void holdsTheLimits() {
        QFETCH(QString, name);
        QFETCH(int, row);
        const auto model = openModel(folder(name));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        check(*model, name, kRows[row]);
    }

    /// What quantize writes is verified like what it read.
    void holdsTheLimitsFromGguf_data() {
        QTest::addColumn<QString>("name");
        for (const char* name : kCases)
            if (!isLong(name) && QLatin1String(name) != "llama-outliers")
                QTest::newRow(name) << QString(name);
    }
    void holdsTheLimitsFromGguf() {
        QFETCH(QString, name);
        const auto model = openModel(folder(name));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QTemporaryDir dir;
        const std::atomic<bool> stop{false};
        const auto exact = dir.filePath("bf16.gguf").toStdString();
        const auto int8 = dir.filePath("int8.gguf").toStdString();
        for (const auto& [file, weights] : {std::pair(exact, W::BF16), std::pair(int8, W::Int8)}) {
            const auto report = convertToGguf(*model, file, weights, {}, stop);
            QVERIFY2(report.ok(), report.status().sentence().c_str());
            const auto again = openModel(file);
            QVERIFY2(again.ok(), again.status().sentence().c_str());
            Row row = weights == W::BF16 ? kRows[0] : kRows[4];
            if (weights == W::Int8)
                row.formats.weights = W::Auto; // Q8_0 stays what it is
            check(*again, name, row);
        }
    }

    void mutantsFail_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("mutation");
        const auto add = [](const char* name, const char* mutation) {
            QTest::addRow("%s: %s", name, mutation) << QString(name) << QString(mutation);
        };
        add("llama-llama3rope", "none");
        add("llama-llama3rope", "attention norm forgotten");
        add("llama-llama3rope", "feed-forward norm forgotten");
        add("llama-llama3rope", "output norm forgotten");
        add("llama-llama3rope", "RoPE pairing");
        add("llama-llama3rope", "RoPE scaling forgotten");
        add("llama-llama3rope", "attention scale");
        add("llama-linear-rope", "RoPE scaling forgotten");
        add("llama-eps", "eps");
        add("qwen2-tied", "key bias forgotten");
        add("qwen2-tied", "query bias forgotten");
        add("qwen2-tied", "value bias forgotten");
        add("qwen3-yarn", "query norm forgotten");
        add("qwen3-yarn", "key norm forgotten");
        add("qwen3-yarn", "RoPE scaling forgotten");
        add("qwen3-yarn", "RoPE theta");
        add("gpt2", "none");
        add("gpt2", "positions forgotten");
        add("gpt2", "attention norm forgotten");
        add("gpt2", "norm bias forgotten");
        add("gpt2", "output bias forgotten");
        add("gpt2", "inner bias forgotten");
        add("gpt2", "down bias forgotten");
        add("gpt2", "value bias forgotten");
        add("gpt2", "query and key swapped");
    }
    void mutantsFail() {
        QFETCH(QString, name);
        QFETCH(QString, mutation);
        auto model = openModel(folder(name));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        tests::mutate(*model, mutation.toStdString());
        for (const int row : {0, 1}) {
            VerifyOptions options;
            options.formats = kRows[row].formats;
            const auto result =
                verifyModel(*model, folder(name) / "golden.safetensors", cpu(), options);
            QVERIFY2(result.ok(), result.status().sentence().c_str());
            qInfo("rel_error %.2e", result->relError);
            QCOMPARE(result->relError > kRows[row].relLimit, mutation != "none");
        }
    }

    /// NaN instead of logits is the worst error, and never passes.
    void nanNeverPasses() {
        auto model = openModel(folder("qwen2-tied"));
        QVERIFY(model.ok());
        model->config.normEps = NAN;
        VerifyOptions options;
        options.formats = kRows[0].formats;
        const auto result =
            verifyModel(*model, folder("qwen2-tied") / "golden.safetensors", cpu(), options);
        QVERIFY(!result.ok() || result->relError > 1);
    }

    void refusesAnotherModelsGolden() {
        auto model = openModel(folder("qwen2-tied"));
        QVERIFY(model.ok());
        VerifyOptions options;
        QVERIFY(
            verifyModel(*model, folder("qwen2-tied") / "config.json", cpu(), options).status() ==
            Code::GoldenInvalid);
        QVERIFY(verifyModel(*model, folder("qwen2-tied") / "absent", cpu(), options).status() ==
                Code::FileCannotOpen);
        QVERIFY(verifyModel(*model, folder("qwen2-tied") / "model.safetensors", cpu(), options)
                    .status() == Code::GoldenInvalid);
    }
};

INGLENOOK_SUITE(verify, TstVerify)
#include "tst_verify.moc"
