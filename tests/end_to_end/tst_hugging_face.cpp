// Folders as DeepSeek publishes its distilled models, opened by the program like a downloaded one:
// the numbers are those of the reference model, and the GGUF that `quantize` writes of a folder
// reads the same text as the same tokens and answers the same.
#include "tests/support/hugging_face_folder.h"
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using tests::PublishedModel;
using tests::RopeForm;
using tests::runProgram;

Q_DECLARE_METATYPE(tests::PublishedModel)
Q_DECLARE_METATYPE(tests::RopeForm)

namespace {

const QByteArray kText = "Hello hello the king and 1234567 things, it's 12:30.\n\n  Two  blanks\t"
                         "你好, 服务器繁忙! <think> a<b <|EOT|> \xF0\x9F\x98\x80\r\n";

QString golden(const QString& name) {
    return tests::sourceDir() + QStringLiteral("/tests/fixtures/goldens/") + name;
}

} // namespace

class TstHuggingFace : public QObject {
    Q_OBJECT

  private slots:
    void opensAsPublished_data() {
        QTest::addColumn<PublishedModel>("model");
        QTest::addColumn<RopeForm>("form");
        QTest::addColumn<QString>("reference");
        QTest::addColumn<QString>("chatTemplate");
        const auto add = [](const char* name, PublishedModel model, const char* reference,
                            const char* chatTemplate) {
            for (const RopeForm form : {RopeForm::Published, RopeForm::RopeParameters})
                QTest::addRow("%s, %s", name,
                              form == RopeForm::Published ? "rope_scaling" : "rope_parameters")
                    << model << form << QString::fromLatin1(reference)
                    << QString::fromLatin1(chatTemplate);
        };
        add("R1-Distill-Llama", PublishedModel::R1DistillLlama8B, "llama-llama3rope",
            "deepseek-r1-distill.jinja");
        add("R1-Distill-Qwen", PublishedModel::R1DistillQwen1_5B, "qwen2-tied",
            "deepseek-r1-distill.jinja");
        add("R1-0528-Qwen3", PublishedModel::R1_0528Qwen3_8B, "qwen3-yarn",
            "deepseek-r1-0528.jinja");
    }
    void opensAsPublished() {
        QFETCH(PublishedModel, model);
        QFETCH(RopeForm, form);
        QFETCH(QString, reference);
        QFETCH(QString, chatTemplate);
        QTemporaryDir dir;
        const QString folder = dir.filePath(QStringLiteral("model"));
        const auto write = [&](tests::Weights weights) {
            return tests::writeHuggingFaceFolder(
                model, form, weights, golden(reference),
                tests::sourceDir() + QStringLiteral("/tests/fixtures/templates/") + chatTemplate,
                folder);
        };
        // The reference of qwen3 states the factor that the published key only multiplies.
        if (model != PublishedModel::R1_0528Qwen3_8B || form == RopeForm::RopeParameters) {
            QVERIFY(write(tests::Weights::AsTheyAre));
            verify(folder, golden(reference) + QStringLiteral("/golden.safetensors"));
        }

        // Random weights leave the next token nearly to chance: both INT8 forms must be exact.
        QVERIFY(write(tests::Weights::OnInt8Grid));
        const QString gguf = dir.filePath(QStringLiteral("model.gguf"));
        const auto written = runProgram({"quantize", folder, gguf, "--weights", "int8"});
        QVERIFY2(written.exitCode == 0, written.err);
        sameTokens(folder, gguf, model);
        sameAnswer(folder, gguf);
    }

  private:
    static void verify(const QString& folder, const QString& exact) {
        const auto run =
            runProgram({"verify", "--model", folder, "--golden", exact, "--weights", "f32",
                        "--acts", "f32", "--kv", "f32", "--device", "cpu", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        QVERIFY2(run.json()["rel_error"].toDouble(1) <= 1e-3, run.out);
        QVERIFY(run.json()["greedy_match"].toBool());
    }

    static void sameTokens(const QString& folder, const QString& gguf, PublishedModel model) {
        for (const bool special : {false, true}) {
            QStringList tokenize{"tokenize", "--model"};
            const QStringList flags = special ? QStringList{"--parse-special"} : QStringList();
            const auto ids = runProgram(tokenize + QStringList{folder} + flags, kText);
            QVERIFY2(ids.exitCode == 0, ids.err);
            const auto fromGguf = runProgram(tokenize + QStringList{gguf} + flags, kText);
            QVERIFY2(fromGguf.exitCode == 0, fromGguf.err);
            QCOMPARE(fromGguf.out, ids.out);
            const QList<QByteArray> list = ids.out.trimmed().split(' ');
            QCOMPARE(list.first().toInt() >= 312, true); // add_bos_token: it begins with bos
            const QByteArray hello = "276";              // " hello", which no merge makes
            QCOMPARE(list.contains(hello), model == PublishedModel::R1DistillLlama8B);
        }
    }

    static void sameAnswer(const QString& folder, const QString& gguf) {
        const auto ask = [](const QString& path, const QString& prompt) {
            return runProgram({"chat", "--model", path, "--weights", "int8", "--acts", "f32",
                               "--kv", "f32", "--device", "cpu", "--temperature", "0",
                               "--max-tokens", "48", "--prompt", prompt, "--json"});
        };
        int longest = 0; // random weights may end an answer at once
        for (const char* prompt : {"Tell me of 123 things", "hello", "What is the time?"}) {
            const auto one = ask(folder, QString::fromLatin1(prompt));
            const auto other = ask(gguf, QString::fromLatin1(prompt));
            QVERIFY2(one.exitCode == 0, one.err);
            QVERIFY2(other.exitCode == 0, other.err);
            QVERIFY(one.json()["prompt_tokens"].toInt() > 3);
            for (const char* key :
                 {"prompt_tokens", "generated_tokens", "finish", "text", "reasoning"})
                QCOMPARE(other.json()[key], one.json()[key]);
            longest = std::max(longest, one.json()["generated_tokens"].toInt());
        }
        QVERIFY(longest > 8);
    }
};

INGLENOOK_SUITE(hugging_face, TstHuggingFace)
#include "tst_hugging_face.moc"
