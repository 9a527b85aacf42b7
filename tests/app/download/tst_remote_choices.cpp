#include "app/download/remote_choices.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::RemoteFit;

namespace {

constexpr qint64 kGB = 1'000'000'000;

app::RemoteRepository repository(const QList<QPair<const char*, qint64>>& files) {
    app::RemoteRepository repository;
    for (const auto& [path, bytes] : files)
        repository.files.append({QString::fromLatin1(path), bytes, {}, {}, {}});
    return repository;
}

} // namespace

class TstRemoteChoices : public QObject {
    Q_OBJECT

  private slots:
    void quantizationsAreRead_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("quantization");
        QTest::addColumn<bool>("isSupported");
        const auto row = [](const char* name, const char* quantization, bool isSupported) {
            QTest::newRow(name) << QString::fromLatin1(name) << QString::fromLatin1(quantization)
                                << isSupported;
        };
        row("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf", "Q4_K_M", true);
        row("Model-7B-Q8_0-00001-of-00003.gguf", "Q8_0", true);
        row("BF16/Model-BF16-00002-of-00003.gguf", "BF16", true);
        row("model.q5_k_s.gguf", "Q5_K_S", true);
        row("Model-IQ4_XS.gguf", "IQ4_XS", false);
        row("Model-Q3_K_M.gguf", "Q3_K_M", false);
        row("Model-Q2_K.gguf", "Q2_K", false);
        row("Model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", false);
        row("Model-TQ1_0.gguf", "TQ1_0", false);
        row("model.gguf", "", true);
    }
    void quantizationsAreRead() {
        QFETCH(const QString, name);
        QFETCH(const QString, quantization);
        QFETCH(const bool, isSupported);
        QCOMPARE(app::quantizationOf(name), quantization);
        QCOMPARE(app::isQuantizationSupported(quantization), isSupported);
    }

    void partsAreOneChoice() {
        const auto choices = app::choicesOf(repository({{"M-Q8_0-00002-of-00002.gguf", 3 * kGB},
                                                        {"M-Q8_0-00001-of-00002.gguf", 5 * kGB},
                                                        {"M-Q4_K_M.gguf", 4 * kGB},
                                                        {"mmproj-F16.gguf", kGB},
                                                        {"README.md", 10}}),
                                            app::FreeRoom{100 * kGB, 100 * kGB});
        QCOMPARE(choices.size(), 2);
        QCOMPARE(choices.at(0).label, QStringLiteral("Q4_K_M"));
        QCOMPARE(choices.at(1).bytes, 8 * kGB);
        QCOMPARE(choices.at(1).files.first().path, QStringLiteral("M-Q8_0-00001-of-00002.gguf"));
    }

    void fitIsJudged() {
        const auto verdicts = [](app::FreeRoom room) {
            QList<RemoteFit> list;
            for (const app::RemoteChoice& choice :
                 app::choicesOf(repository({{"M-Q4_K_M.gguf", 4 * kGB},
                                            {"M-Q8_0.gguf", 8 * kGB},
                                            {"M-BF16.gguf", 20 * kGB}}),
                                room))
                list.append(choice.fit);
            return list;
        };
        using enum RemoteFit;
        QCOMPARE(verdicts({100 * kGB, 9 * kGB}), (QList{Fits, Tight, TooLarge}));
        QCOMPARE(verdicts({10 * kGB, 90 * kGB}), (QList{Fits, Fits, NoDiskRoom}));
        QCOMPARE(verdicts({100 * kGB, -1}), (QList{Unknown, Unknown, Unknown}));
    }

    /// Against sums over all matrices of models of these shapes: never too little.
    void theNeedIsNearThePlan_data() {
        QTest::addColumn<QString>("quantization");
        QTest::addColumn<double>("file_gb");
        QTest::addColumn<double>("planned_gb"); // weights as they are run, int8 KV of 8192 tokens
        const auto row = [](const char* shape, const char* quantization, double file_gb,
                            double planned_gb) {
            QTest::addRow("%s %s", shape, quantization)
                << QString::fromLatin1(quantization) << file_gb << planned_gb;
        };
        row("qwen2-7b", "Q4_K_M", 4.68, 5.91);
        row("llama-8b", "Q4_0", 4.65, 5.60);
        row("llama-8b", "Q4_K_M", 4.91, 6.47);
        row("llama-8b", "Q6_K", 6.59, 9.09);
        row("llama-8b", "Q8_0", 8.53, 9.09);
        row("llama-8b", "BF16", 16.06, 8.71);
        row("qwen2-14b", "Q5_K_M", 10.50, 16.52);
        row("qwen2-32b", "Q8_0", 34.81, 35.92);
        row("llama-70b", "Q4_K_M", 42.47, 50.66);
    }
    void theNeedIsNearThePlan() {
        QFETCH(const QString, quantization);
        QFETCH(const double, file_gb);
        QFETCH(const double, planned_gb);
        const double need_gb =
            double(app::memoryNeed(quantization, qint64(file_gb * kGB), {}, 8192)) / kGB;
        QVERIFY2(need_gb >= planned_gb && need_gb <= planned_gb * 1.1 + 0.6,
                 qPrintable(QString::number(need_gb)));
    }

    void whatIsSetIsWhatIsNeeded() {
        const auto need = [](const app::LoadWish& wish, int context) {
            return app::memoryNeed(QStringLiteral("BF16"), 16 * kGB, wish, context);
        };
        const QString bf16 = QStringLiteral("bf16");
        const QString int4 = QStringLiteral("int4");
        QVERIFY(need({bf16, {}, 0}, 0) > need({}, 0) + 7 * kGB);
        QVERIFY(need({int4, {}, 0}, 0) < need({}, 0) - 2 * kGB);
        QCOMPARE(need({QStringLiteral("auto"), {}, 0}, 99), need({}, 99));
        for (const char* fourBits : {"Q4_0", "Q4_1"}) // stay as they are, with or without minima
            QCOMPARE(app::memoryNeed(QLatin1String(fourBits), kGB, {int4, {}, 0}, 0),
                     app::memoryNeed(QLatin1String(fourBits), kGB, {}, 0));
        const auto kv = [&](const app::LoadWish& wish) {
            return need(wish, 10'000) - need(wish, 0);
        };
        QVERIFY(kv({{}, bf16, 0}) > kv({}) * 19 / 10);
        // A context that was asked for by number is not shortened.
        const app::RemoteRepository one = repository({{"M-Q8_0.gguf", 8 * kGB}});
        const auto fit = [&](int context) {
            return app::choicesOf(one, {100 * kGB, 11 * kGB}, {{}, {}, context}).first().fit;
        };
        QCOMPARE(fit(0), RemoteFit::Fits);
        QCOMPARE(fit(20'000), RemoteFit::Tight);
        QCOMPARE(fit(100'000), RemoteFit::TooLarge);
    }

    void oneIsRecommended() {
        const auto recommended = [](qint64 memory) {
            QStringList labels;
            for (const app::RemoteChoice& choice :
                 app::choicesOf(repository({{"M-Q2_K.gguf", 2 * kGB},
                                            {"M-Q4_K_M.gguf", 4 * kGB},
                                            {"M-Q8_0.gguf", 8 * kGB}}),
                                app::FreeRoom{100 * kGB, memory}))
                if (choice.isRecommended)
                    labels.append(choice.label);
            return labels;
        };
        QCOMPARE(recommended(64 * kGB), QStringList(QStringLiteral("Q8_0")));
        QCOMPARE(recommended(8 * kGB), QStringList(QStringLiteral("Q4_K_M")));
        QCOMPARE(recommended(1 * kGB), QStringList());
    }

    void foldersAreAChoice() {
        const auto choices = app::choicesOf(repository({{"config.json", 10},
                                                        {"tokenizer.json", 20},
                                                        {"model-00001-of-00002.safetensors", 30},
                                                        {"model-00002-of-00002.safetensors", 40},
                                                        {"pytorch_model.bin", 999},
                                                        {"onnx/model.safetensors", 999}}),
                                            app::FreeRoom{kGB, kGB});
        QCOMPARE(choices.size(), 1);
        QCOMPARE(choices.first().bytes, 100);
        QCOMPARE(choices.first().files.size(), 4);
    }
};

INGLENOOK_SUITE(remote_choices, TstRemoteChoices)
#include "tst_remote_choices.moc"
