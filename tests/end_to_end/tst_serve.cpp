// inglenook serve as a person starts it: the first line, the lock, the key, the end.
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <csignal>
#include <QElapsedTimer>
#include <QTcpSocket>
#include <QTemporaryDir>
#include <QtTest/QtTest>
#include <QUrl>

namespace {

/// A running server.
class Served {
  public:
    explicit Served(const QStringList& arguments) {
        m_process.start(QStringLiteral(INGLENOOK_PROGRAM), QStringList{"serve"} + arguments);
        QElapsedTimer clock;
        clock.start();
        while (!m_process.canReadLine() && m_process.state() != QProcess::NotRunning &&
               clock.elapsed() < 20'000)
            m_process.waitForReadyRead(100);
        firstLine = m_process.readLine();
    }
    ~Served() {
        m_process.kill();
        m_process.waitForFinished();
    }
    QProcess& process() { return m_process; }
    quint16 port() const { return quint16(QUrl(firstLine.mid(13).trimmed()).port(0)); }

    /// Status and body of one request.
    std::pair<int, QByteArray> ask(const QByteArray& head, const QByteArray& body = {}) const {
        QTcpSocket socket;
        socket.connectToHost(QStringLiteral("127.0.0.1"), port());
        if (!socket.waitForConnected(5000))
            return {0, {}};
        QByteArray bytes = head + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        if (!body.isEmpty())
            bytes += "Content-Type: application/json\r\nContent-Length: " +
                     QByteArray::number(body.size()) + "\r\n";
        socket.write(bytes + "\r\n" + body);
        QByteArray all;
        while (socket.waitForReadyRead(60'000))
            all += socket.readAll();
        return {all.mid(9, 3).toInt(), all.mid(all.indexOf("\r\n\r\n") + 4)};
    }
    bool becomesReady() const {
        QElapsedTimer clock;
        clock.start();
        while (clock.elapsed() < 60'000) {
            if (ask("GET /health").second.contains("\"ok\""))
                return true;
            QThread::msleep(50);
        }
        return false;
    }
    /// The exit code after this signal.
    int end(int signal) {
        ::kill(pid_t(m_process.processId()), signal);
        return m_process.waitForFinished(20'000) ? m_process.exitCode() : -1;
    }

    QByteArray firstLine;

  private:
    QProcess m_process;
};

} // namespace

class TstServe : public QObject {
    Q_OBJECT

  private slots:
    void answersAndEnds_data() {
        QTest::addColumn<int>("signal");
        QTest::newRow("SIGINT") << SIGINT;
        QTest::newRow("SIGTERM") << SIGTERM;
    }
    void answersAndEnds() {
        QFETCH(int, signal);
        const QTemporaryDir dir;
        Served served({"--port", "0", "--data-dir", dir.path(), "--device", "cpu"});
        QVERIFY2(served.firstLine.startsWith("listening on http://127.0.0.1:"), served.firstLine);
        QVERIFY(served.port() != 0);
        QVERIFY(served.becomesReady());
        const auto [status, body] =
            served.ask("POST /v1/chat/completions",
                       R"({"messages":[{"role":"user","content":"Hello"}],"max_tokens":8})");
        QCOMPARE(status, 200);
        QVERIFY2(body.contains("chat.completion"), body);
        QCOMPARE(served.end(signal), 0);
    }

    void aSecondOneOnTheSameDataExitsWithASentence() {
        const QTemporaryDir dir;
        Served first({"--port", "0", "--data-dir", dir.path()});
        QVERIFY(first.port() != 0);
        const auto second = tests::runProgram({"serve", "--port", "0", "--data-dir", dir.path()});
        QCOMPARE(second.exitCode, 1);
        QVERIFY(second.out.isEmpty());
        QVERIFY2(second.err.contains("--data-dir"), second.err);
        QCOMPARE(first.ask("GET /v1/models").first, 200);
    }

    void refusesTheNetworkWithoutAKey() {
        const QTemporaryDir dir;
        const auto run = tests::runProgram(
            {"serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", dir.path()});
        QCOMPARE(run.exitCode, 1);
        QVERIFY(run.out.isEmpty());
        QVERIFY2(run.err.contains("key"), run.err);
    }

    void withAKeyItMayBeReached() {
        const QTemporaryDir dir;
        Served served(
            {"--host", "0.0.0.0", "--port", "0", "--api-key", "secret", "--data-dir", dir.path()});
        QVERIFY2(served.firstLine.startsWith("listening on http://0.0.0.0:"), served.firstLine);
        QCOMPARE(served.ask("GET /v1/models").first, 401);
        QCOMPARE(served.ask("GET /health").first / 100 == 4, false);
        // The key is nowhere in what was written.
        QCOMPARE(served.end(SIGTERM), 0);
        const auto grep = [&] {
            QProcess process;
            process.start(QStringLiteral("grep"), {"-rl", "secret", dir.path()});
            process.waitForFinished();
            return process.readAllStandardOutput();
        };
        QCOMPARE(grep(), QByteArray());
    }

    void aModelThatCannotBeLoadedEndsIt() {
        const QTemporaryDir dir;
        const auto run =
            tests::runProgram({"serve", "--port", "0", "--data-dir", dir.path(), "--model",
                               tests::sourceDir() + QStringLiteral("/LICENSE")});
        QCOMPARE(run.exitCode, 1);
        QVERIFY2(run.err.contains("LICENSE"), run.err);
    }
};

INGLENOOK_SUITE(serve, TstServe)
#include "tst_serve.moc"
