// serve-bench on stories260K: its report is whole and its figures agree with each other.
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using tests::runProgram;

class TstServeBench : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        if (tests::vectorsDir().isEmpty())
            QSKIP("INGLENOOK_VECTORS is not set: no small model at hand");
    }

    void reports_data() {
        QTest::addColumn<QStringList>("how");
        QTest::newRow("burst") << QStringList{"--burst"};
        QTest::newRow("concurrency") << QStringList{"--concurrency", "4"};
        QTest::newRow("rate") << QStringList{"--rate", "200"};
    }
    void reports() {
        QFETCH(QStringList, how);
        QStringList arguments = {"serve-bench", "--model",
                                 tests::vectorsDir() + "/stories260K/stories260K-f32.gguf"};
        arguments += how;
        arguments += {"--requests",        "12", "--prompt-tokens", "20",  "--prefix-tokens", "32",
                      "--generate-tokens", "8",  "--device",        "cpu", "--json"};
        const auto run = runProgram(arguments);
        QVERIFY2(run.exitCode == 0, run.err);
        const QJsonObject json = run.json();
        QCOMPARE(json["errors"].toInt(-1), 0);
        QCOMPARE(json["output_tokens"].toInt(), 12 * 8);
        QVERIFY(json["makespan_s"].toDouble() > 0);
        QVERIFY(std::abs(json["output_tok_s"].toDouble() * json["makespan_s"].toDouble() - 96) <
                0.1);
        for (const char* key :
             {"ttft_mean", "ttft_p50", "ttft_p99", "itl_p50", "itl_p99", "e2e_mean", "e2e_p99"})
            QVERIFY2(json[key].toDouble(-1) > 0, key);
        QVERIFY(json["e2e_p99"].toDouble() >= json["ttft_p99"].toDouble());
        QVERIFY(json["cached_tokens"].toInt() >= 12 * 32); // the prefix was there already
        if (how.contains("--rate"))                        // twelve arrivals at 200 a second
            QVERIFY(json["makespan_s"].toDouble() > 0.01);
    }

    /// Answers of different lengths end one by one: who comes then finds all others streaming.
    void tellsTheFirstTokenInACrowd() {
        const auto run = runProgram(
            {"serve-bench", "--model", tests::vectorsDir() + "/stories260K/stories260K-f32.gguf",
             "--requests", "40", "--concurrency", "4", "--prompt-tokens", "4", "--generate-tokens",
             "100", "--spread", "0.5", "--device", "cpu", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        const QJsonObject json = run.json();
        QCOMPARE(json["errors"].toInt(-1), 0);
        const int crowded = json["crowded"].toInt();
        QVERIFY2(crowded > 0 && crowded <= 40 - 4 + 1, qPrintable(QString::number(crowded)));
        QVERIFY(json["ttft_crowded_p50"].toDouble() > 0);
        QVERIFY(json["ttft_crowded_p99"].toDouble() >= json["ttft_crowded_p50"].toDouble());
        const int tokens = json["output_tokens"].toInt();
        QVERIFY2(tokens > 40 * 50 && tokens < 40 * 150 && tokens != 40 * 100,
                 qPrintable(QString::number(tokens)));
    }

    /// Every row of every request stands in the table of steps.
    void tellsItsSteps() {
        const QTemporaryDir folder;
        const QString path = folder.filePath("steps.csv");
        const QStringList arguments = {"serve-bench",
                                       "--model",
                                       tests::vectorsDir() + "/stories260K/stories260K-f32.gguf",
                                       "--requests",
                                       "6",
                                       "--prompt-tokens",
                                       "20",
                                       "--generate-tokens",
                                       "8",
                                       "--device",
                                       "cpu",
                                       "--json",
                                       "--steps"};
        const auto run = runProgram(arguments + QStringList{path});
        QVERIFY2(run.exitCode == 0, run.err);
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QList<QByteArray> names = file.readLine().trimmed().split(',');
        std::uint64_t answers = 0;
        std::uint64_t promptRows = 0;
        double begin_ms = -1;
        while (!file.atEnd()) {
            const QList<QByteArray> fields = file.readLine().trimmed().split(',');
            QCOMPARE(fields.size(), names.size());
            const auto value = [&](const char* name) {
                return fields[names.indexOf(name)].toDouble();
            };
            answers += static_cast<std::uint64_t>(value("answers"));
            promptRows += static_cast<std::uint64_t>(value("prompt_rows"));
            QVERIFY((value("prompts") > 0) == (value("prompt_rows") > 0));
            QVERIFY(value("took_ms") >= 0);
            QVERIFY(value("begin_ms") > begin_ms); // once each, in order
            begin_ms = value("begin_ms");
        }
        QCOMPARE(promptRows, std::uint64_t(7 * 20)); // one request before, to warm up
        QCOMPARE(answers, std::uint64_t(7 * 7));
        const auto refused = runProgram(arguments + QStringList{folder.path() + "/no/steps.csv"});
        QVERIFY(refused.exitCode != 0);
        QVERIFY2(refused.err.contains("could not be written"), refused.err);
    }

    /// What is not at its end when the time is over counts as far as it came.
    void endsWhenItsTimeIsOver() {
        const auto run = runProgram(
            {"serve-bench", "--model", tests::vectorsDir() + "/stories260K/stories260K-f32.gguf",
             "--requests", "400", "--burst", "--slots", "8", "--prompt-tokens", "20",
             "--generate-tokens", "400", "--seconds", "0.3", "--device", "cpu", "--json"});
        QVERIFY2(run.exitCode == 0, run.err);
        const QJsonObject json = run.json();
        QCOMPARE(json["errors"].toInt(-1), 0);
        QVERIFY(json["cut"].toInt() > 0);
        QVERIFY(json["output_tokens"].toInt() > 0);
        QVERIFY(json["output_tokens"].toInt() < 400 * 400);
        const double makespan_s = json["makespan_s"].toDouble();
        QVERIFY(makespan_s >= 0.3 && makespan_s < 1);
        const double tokens = json["output_tok_s"].toDouble() * makespan_s;
        QVERIFY(std::abs(tokens - json["output_tokens"].toInt()) < 0.1);
    }
};

INGLENOOK_SUITE(serve_bench, TstServeBench)
#include "tst_serve_bench.moc"
