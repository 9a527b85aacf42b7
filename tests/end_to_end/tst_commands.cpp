// The commands on real files: the reference models of this tree, and stories260K where the vectors
// are at hand.
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <QFile>
#include <QFileInfo>
#include <QtTest/QtTest>

using tests::runProgram;

namespace {

QString golden(const char* name) {
    return tests::sourceDir() + "/tests/fixtures/goldens/" + name;
}

QString stories() {
    return tests::vectorsDir() + "/stories260K/stories260K-f32.gguf";
}

} // namespace

class TstCommands : public QObject {
    Q_OBJECT

  private slots:
    void verifies() {
        const QString folder = golden("qwen2-tied");
        const auto run = runProgram({"verify", "--model", folder, "--golden",
                                     folder + "/golden.safetensors", "--weights", "f32", "--acts",
                                     "f32", "--kv", "f32", "--device", "cpu", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        QVERIFY2(run.err.isEmpty(), run.err);
        const QJsonObject json = run.json();
        QVERIFY(json["rel_error"].toDouble(1) <= 1e-3);
        QVERIFY(json["greedy_match"].toBool());
        QCOMPARE(json["positions"].toInt(), 96);
        QVERIFY(json["top1_agreement"].toDouble() > 0.99);
        QCOMPARE(json["schedules"].toArray().size(), 5);
    }

    void quantizesAndVerifiesTheResult() {
        QTemporaryDir dir;
        const QString out = dir.filePath("q8.gguf");
        const QString folder = golden("llama-llama3rope");
        const auto written = runProgram({"quantize", folder, out, "--weights", "int8", "--json"});
        QVERIFY2(written.exitCode == 0, written.err);
        const QJsonObject json = written.json();
        QCOMPARE(qint64(json["output_bytes"].toDouble()), QFileInfo(out).size());
        QVERIFY(json["quantized_bytes"].toDouble() <=
                0.27 * json["quantized_f32_bytes"].toDouble());
        const auto run =
            runProgram({"verify", "--model", out, "--golden", folder + "/golden.safetensors",
                        "--acts", "bf16", "--kv", "int8", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        QVERIFY(run.err.startsWith("Device: CPU")); // auto names its choice
        QVERIFY(run.json()["rel_error"].toDouble(1) <= 4.5e-2);
    }

    void benches() {
        const auto run =
            runProgram({"bench", "--model", golden("qwen2-tied"), "--prompt-tokens", "40",
                        "--generate-tokens", "8", "--repeats", "1", "--device", "cpu", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        const QJsonObject json = run.json();
        for (const char* key : {"prefill_tok_s", "decode_tok_s", "ttft_ms", "itl_ms",
                                "bytes_per_token", "read_gb_s", "limit_gb_s", "share"})
            QVERIFY2(json[key].toDouble() > 0, key);
        for (const char* key : {"weights", "acts", "kv", "device"})
            QVERIFY2(!json[key].toString().isEmpty(), key);
        QVERIFY(json.contains("group"));
        QVERIFY(!json.contains("stages") && !json.contains("check"));
    }

    void benchesItsStages() {
        const auto run = runProgram({"bench", "--model", golden("qwen2-tied"), "--prompt-tokens",
                                     "40", "--generate-tokens", "8", "--repeats", "1", "--device",
                                     "cpu", "--stages", "--check", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        const QJsonObject json = run.json();
        double step_ms = 0;
        for (const char* list : {"stages", "prefill_stages"}) {
            QStringList names;
            for (const QJsonValue& stage : json[list].toArray()) {
                names << stage["name"].toString();
                for (const char* key : {"ms", "gb_s", "share", "tops", "tops_share"})
                    QVERIFY2(stage[key].isDouble(), key);
                if (list == QLatin1String("stages"))
                    step_ms += stage["ms"].toDouble();
            }
            QCOMPARE(names.join(" "),
                     "embed qkv attention attn_out gate_up down head sample other");
        }
        QVERIFY(step_ms > 0);
        for (const char* key : {"limit_tops", "limit_attention_tops"})
            QVERIFY2(json[key].toDouble() > 0, key);
        const QJsonObject check = json["check"].toObject();
        QCOMPARE(check.size(), 7);
        for (const QString& stage : check.keys())
            QVERIFY2(check[stage].toDouble(1) <= 1e-3, qPrintable(stage));
    }

    void aModelWithoutTokenizerSaysSo() {
        const auto run =
            runProgram({"chat", "--model", golden("qwen2-tied"), "--prompt", "x", "--raw"});
        QCOMPARE(run.exitCode, 1);
        QVERIFY2(run.err.contains("tokenizer"), run.err);
    }

    void tellsAStory() {
        if (!QFileInfo::exists(stories()))
            QSKIP("stories260K-f32.gguf is not at hand (INGLENOOK_VECTORS).");
        const QStringList arguments = {"chat",          "--model", stories(),  "--raw",
                                       "--temperature", "0",       "--prompt", "Once upon a time",
                                       "--max-tokens",  "60"};
        const auto run = runProgram(arguments);
        QVERIFY2(run.exitCode == 0, run.err);
        QVERIFY2(run.out.startsWith(", there was a little girl named Lily. She loved to play"),
                 run.out);
        const auto json = runProgram(arguments + QStringList{"--json"});
        QCOMPARE(json.json()["generated_tokens"].toInt(), 60);
        QCOMPARE(json.json()["finish"].toString(), QStringLiteral("length"));
        // Piped text is the prompt where there is no --prompt.
        QStringList piped = arguments;
        piped.removeAt(piped.indexOf("--prompt") + 1);
        piped.removeOne("--prompt");
        QCOMPARE(runProgram(piped, "Once upon a time").out, run.out);
    }

    void theSameSeedAnswersTheSame() {
        if (!QFileInfo::exists(stories()))
            QSKIP("stories260K-f32.gguf is not at hand (INGLENOOK_VECTORS).");
        const auto tell = [&](const char* seed) {
            return runProgram({"chat", "--model", stories(), "--raw", "--temperature", "1",
                               "--prompt", "One day", "--max-tokens", "40", "--seed", seed})
                .out;
        };
        QVERIFY(!tell("7").isEmpty());
        QCOMPARE(tell("7"), tell("7"));
        QVERIFY(tell("7") != tell("8"));
    }

    void tokenizesAndBack() {
        if (!QFileInfo::exists(stories()))
            QSKIP("stories260K-f32.gguf is not at hand (INGLENOOK_VECTORS).");
        const QByteArray text = "Once upon a time, there was a girl.";
        const auto ids = runProgram({"tokenize", "--model", stories()}, text);
        QVERIFY2(ids.exitCode == 0, ids.err);
        QCOMPARE(ids.out.count('\n'), 1);
        QCOMPARE(runProgram({"tokenize", "--model", stories(), "--decode"}, ids.out).out, text);
        QCOMPARE(
            runProgram({"tokenize", "--model", stories(), "--decode"}, "1 2 99999999").exitCode, 1);
        const auto bare = runProgram({"tokenize", "--model", stories(), "--no-bos"}, text);
        QCOMPARE(bare.out.split(' ').size() + 1, ids.out.split(' ').size());
    }

    void measuresPerplexity() {
        if (!QFileInfo::exists(stories()))
            QSKIP("stories260K-f32.gguf is not at hand (INGLENOOK_VECTORS).");
        const auto run = runProgram({"perplexity", "--model", stories(), "--file",
                                     tests::sourceDir() + "/tests/fixtures/texts/stories.txt",
                                     "--weights", "f32", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        const double perplexity = run.json()["perplexity"].toDouble();
        QVERIFY2(perplexity > 1 && perplexity < 20, qPrintable(QString::number(perplexity)));
        QVERIFY(run.json()["tokens"].toInt() > 1000);
    }

    void leavesTheDataDirectoryAlone() {
        QTemporaryDir dir;
        const QString folder = golden("qwen2-tied");
        runProgram({"verify", "--model", folder, "--golden", folder + "/golden.safetensors",
                    "--data-dir", dir.filePath("data"), "--json"});
        QVERIFY(!QFileInfo::exists(dir.filePath("data")));
    }
};

INGLENOOK_SUITE(commands, TstCommands)
#include "tst_commands.moc"
