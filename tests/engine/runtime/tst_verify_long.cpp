// The reference model with 2600 positions and key biases of norm 300: a key cache that keeps the
// bias inside fails here. Slow, so apart from the others.
#include "engine/runtime/evaluate.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;

class TstVerifyLong : public QObject {
    Q_OBJECT

  private slots:
    void holdsTheLimits_data() {
        QTest::addColumn<int>("weights");
        QTest::addColumn<int>("acts");
        QTest::addColumn<int>("kv");
        QTest::addColumn<bool>("reference");
        QTest::addColumn<double>("limit");
        const auto add = [](const char* name, WeightFormat weights, ActivationFormat acts,
                            KvFormat kv, bool reference, double limit) {
            QTest::newRow(name) << int(weights) << int(acts) << int(kv) << reference << limit;
        };
        add("f32", WeightFormat::F32, ActivationFormat::F32, KvFormat::F32, false, 1e-3);
        add("bf16", WeightFormat::BF16, ActivationFormat::BF16, KvFormat::BF16, false, 1.5e-2);
        add("int8", WeightFormat::Int8, ActivationFormat::BF16, KvFormat::BF16, true, 1.5e-2);
    }
    void holdsTheLimits() {
        QFETCH(int, weights);
        QFETCH(int, acts);
        QFETCH(int, kv);
        QFETCH(bool, reference);
        QFETCH(double, limit);
        const std::filesystem::path folder =
            (tests::sourceDir() + "/tests/fixtures/goldens/qwen2-bigbias").toStdString();
        const auto model = openModel(folder);
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        VerifyOptions options;
        options.formats = {WeightFormat(weights), ActivationFormat(acts), KvFormat(kv)};
        options.reference = reference;
        const auto result = verifyModel(
            *model, folder / "golden.safetensors", [] { return makeCpuExecutor(); }, options);
        QVERIFY2(result.ok(), result.status().sentence().c_str());
        QVERIFY2(result->relError <= limit, qPrintable(QString::number(result->relError)));
    }
};

INGLENOOK_SUITE(verify_long, TstVerifyLong)
#include "tst_verify_long.moc"
