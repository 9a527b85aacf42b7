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
                                            app::judgeByBytes({100 * kGB, 100 * kGB}));
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
                                            {"M-BF16.gguf", 16 * kGB}}),
                                app::judgeByBytes(room)))
                list.append(choice.fit);
            return list;
        };
        using enum RemoteFit;
        QCOMPARE(verdicts({100 * kGB, 9 * kGB}), (QList{Fits, Tight, TooLarge}));
        QCOMPARE(verdicts({10 * kGB, 90 * kGB}), (QList{Fits, Fits, NoDiskRoom}));
        QCOMPARE(verdicts({100 * kGB, -1}), (QList{Unknown, Unknown, Unknown}));
    }

    void oneIsRecommended() {
        const auto recommended = [](qint64 memory) {
            QStringList labels;
            for (const app::RemoteChoice& choice :
                 app::choicesOf(repository({{"M-Q2_K.gguf", 2 * kGB},
                                            {"M-Q4_K_M.gguf", 4 * kGB},
                                            {"M-Q8_0.gguf", 8 * kGB}}),
                                app::judgeByBytes({100 * kGB, memory})))
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
                                            app::judgeByBytes({kGB, kGB}));
        QCOMPARE(choices.size(), 1);
        QCOMPARE(choices.first().bytes, 100);
        QCOMPARE(choices.first().files.size(), 4);
    }
};

INGLENOOK_SUITE(remote_choices, TstRemoteChoices)
#include "tst_remote_choices.moc"
