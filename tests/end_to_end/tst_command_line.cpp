// The command line's contract without a model: usage, exit codes, sentences.
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using tests::runProgram;

class TstCommandLine : public QObject {
    Q_OBJECT

  private slots:
    void saysItsVersion() {
        const auto run = runProgram({"--version"});
        QCOMPARE(run.exitCode, 0);
        QVERIFY(run.out.startsWith("inglenook 0."));
    }

    void helps() {
        const auto general = runProgram({"--help"});
        QCOMPARE(general.exitCode, 0);
        for (const char* name :
             {"chat", "verify", "bench", "tokenize", "quantize", "perplexity", "synth", "serve"}) {
            QVERIFY(general.out.contains(name));
            const auto run = runProgram({name, "--help"});
            QCOMPARE(run.exitCode, 0);
            QVERIFY(run.out.startsWith(QByteArray("usage: inglenook ") + name));
            QVERIFY(run.out.contains("--device"));
        }
    }

    void wrongUsageExitsWithTwo_data() {
        QTest::addColumn<QStringList>("arguments");
        const auto add = [](const char* name, const QStringList& arguments) {
            QTest::newRow(name) << arguments;
        };
        add("unknown command", {"sing"});
        add("unknown option", {"chat", "--volume", "11"});
        add("missing value", {"chat", "--prompt"});
        add("option where a value belongs", {"chat", "--prompt", "--raw"});
        add("twice", {"chat", "--seed", "1", "--seed", "2"});
        add("no number", {"chat", "--seed", "x"});
        add("negative seed", {"chat", "--seed", "-1"});
        add("temperature out of range", {"chat", "--temperature", "-1"});
        add("temperature nan", {"chat", "--temperature", "nan"});
        add("flag with value", {"chat", "--raw=yes"});
        add("stray argument", {"chat", "hello"});
        add("raw with system", {"chat", "--raw", "--system", "x", "--prompt", "y"});
        add("no golden", {"verify", "--model", "x"});
        add("weights", {"verify", "--model", "x", "--golden", "y", "--weights", "int3"});
        add("device", {"verify", "--model", "x", "--golden", "y", "--device", "cuda:a"});
        add("no file", {"perplexity", "--model", "x"});
        add("quantize without weights", {"quantize", "a", "b"});
        add("quantize without out", {"quantize", "a", "--weights", "int8"});
        add("unknown shape", {"bench", "--synthetic", "gpt-9"});
        add("two models", {"bench", "--synthetic", "llama-8b", "--model", "x"});
        add("batch of none", {"bench", "--synthetic", "llama-8b", "--batch", "0"});
        add("two ways at once", {"serve-bench", "--burst", "--rate", "5"});
        add("port out of range", {"serve", "--port", "65536"});
        add("no host", {"serve", "--host"});
    }
    void wrongUsageExitsWithTwo() {
        QFETCH(QStringList, arguments);
        const auto run = runProgram(arguments);
        QCOMPARE(run.exitCode, 2);
        QVERIFY(run.out.isEmpty());
        QCOMPARE(run.err.count('\n'), 1);
        QVERIFY(run.err.size() > 20);
    }

    void failureExitsWithOne_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QByteArray>("says");
        const QString readme = tests::sourceDir() + "/LICENSE";
        QTest::newRow("absent model")
            << QStringList{"chat", "--model", "/absent.gguf", "--prompt", "x"}
            << QByteArray("/absent.gguf");
        QTest::newRow("no model") << QStringList{"chat", "--model", readme, "--prompt", "x"}
                                  << QByteArray("LICENSE");
        QTest::newRow("cuda") << QStringList{"verify", "--model",  readme,  "--golden",
                                             "x",      "--device", "cuda:7"}
                              << QByteArray("CUDA 7 cannot be used");
        QTest::newRow("tokenize") << QStringList{"tokenize", "--model", "/absent"}
                                  << QByteArray("/absent");
        QTest::newRow("empty prompt")
            << QStringList{"chat", "--model", readme, "--prompt", ""} << QByteArray("empty");
    }
    void failureExitsWithOne() {
        QFETCH(QStringList, arguments);
        QFETCH(QByteArray, says);
        const auto run = runProgram(arguments);
        QCOMPARE(run.exitCode, 1);
        QVERIFY(run.out.isEmpty());
        QVERIFY2(run.err.contains(says), run.err);
        const QByteArray last = run.err.trimmed().split('\n').last();
        QVERIFY2(last.endsWith('.'), last);
    }
};

INGLENOOK_SUITE(command_line, TstCommandLine)
#include "tst_command_line.moc"
