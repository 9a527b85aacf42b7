// kill -9 of the program itself, window and engine and all, at random moments while chats that
// other starts sent to it are being answered by the built-in model. What it said it had stored is
// there afterwards, and the history is whole, every time.
#include "app/history/database_file.h"
#include "app/history/history_writer.h"
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <csignal>
#include <mutex>
#include <QJsonObject>
#include <QLocalSocket>
#include <QRandomGenerator>
#include <QSet>
#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <thread>

namespace {

constexpr int kAskers = 3;
constexpr int kLatest_ms = 3000;      // of the killing, after the first message was taken
constexpr int kRoundsPerHistory = 10; // then a new one: the list must not become the test

/// A second start in miniature: one prompt through the program's socket; true when it was stored.
bool sendPrompt(const QString& socket, const QString& text) {
    QLocalSocket door;
    door.connectToServer(socket);
    if (!door.waitForConnected(1000))
        return false;
    door.write(QJsonDocument(QJsonObject{{"ask", "prompt"}, {"text", text}})
                   .toJson(QJsonDocument::Compact) +
               '\n');
    while (!door.canReadLine())
        if (!door.waitForReadyRead(10000))
            return false;
    return QJsonDocument::fromJson(door.readLine()).object().value("taken").toBool();
}

} // namespace

class TstKillProgram : public QObject {
    Q_OBJECT

  private slots:
    void acknowledgedMessagesSurvive() {
        const int kills = qEnvironmentVariableIntValue("INGLENOOK_KILLS") > 0
                              ? qEnvironmentVariableIntValue("INGLENOOK_KILLS")
                              : 100;
        QRandomGenerator random(41);
        std::unique_ptr<QTemporaryDir> dir;
        int open = 0; // answers that were being written when the program died
        for (int round = 0; round < kills; ++round) {
            if (round % kRoundsPerHistory == 0) {
                dir = std::make_unique<QTemporaryDir>();
                m_acknowledged.clear();
                writeSettings(dir->path());
            }
            // Most moments are early: that is when everything happens at once.
            const double chance = random.generateDouble();
            runAndKill(dir->path(), round, int(chance * chance * kLatest_ms));
            if (QTest::currentTestFailed())
                return;
            open += check(dir->filePath(QStringLiteral("history.db")));
            if (QTest::currentTestFailed())
                return;
        }
        qInfo("%d kills, %d messages acknowledged: none lost; %d answers were being written", kills,
              m_total, open);
        QVERIFY(m_total >= kills);
        QVERIFY2(open >= kills / 2, "the program was killed while it had nothing to do");
    }

    /// The same door as a person uses it: the program started a second time.
    void secondStartSendsItsPrompt() {
        QTemporaryDir dir;
        writeSettings(dir.path());
        QProcess first;
        start(first, dir.path(), QStringLiteral("the first message"));
        QVERIFY(first.waitForStarted());
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(dir.filePath(QStringLiteral("raise.socket"))),
                                 30000);
        const auto second = tests::runProgram(
            {"--data-dir", dir.path(), "--prompt", "sent by a second start"}, {}, 30000);
        QVERIFY2(second.exitCode == 0, second.err);
        ::kill(pid_t(first.processId()), SIGKILL);
        QVERIFY(first.waitForFinished());
        m_acknowledged = {QStringLiteral("sent by a second start")};
        check(dir.filePath(QStringLiteral("history.db")));
        QCOMPARE(tests::runProgram({"--data-dir", dir.path(), "--prompt", " "}).exitCode, 2);
    }

  private:
    /// Hot sampling: the built-in model answers at length instead of in a sentence.
    static void writeSettings(const QString& dir) {
        QFile file(dir + QStringLiteral("/settings.json"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{\"sampling_overridden\": true, \"sampling\": {\"temperature\": 5}}");
    }

    static void start(QProcess& process, const QString& dir, const QString& prompt) {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
        process.setProcessEnvironment(environment);
        process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        process.start(QStringLiteral(INGLENOOK_PROGRAM),
                      {QStringLiteral("--data-dir"), dir, QStringLiteral("--prompt"), prompt});
    }

    void runAndKill(const QString& dir, int round, int after_ms) {
        QProcess process;
        start(process, dir, QStringLiteral("begin %1").arg(round));
        QVERIFY(process.waitForStarted());
        const QString socket = dir + QStringLiteral("/raise.socket");
        const QString first = QStringLiteral("first of round %1").arg(round);
        QElapsedTimer patience;
        patience.start();
        while (!sendPrompt(socket, first)) {
            QVERIFY2(patience.elapsed() < 30000 && process.state() == QProcess::Running,
                     "the program takes no message");
            QThread::msleep(20);
        }
        acknowledge(first);
        std::atomic<bool> over = false;
        std::vector<std::thread> askers;
        for (int asker = 0; asker < kAskers; ++asker)
            askers.emplace_back([&, asker] {
                QRandomGenerator pause(quint32(round * kAskers + asker));
                for (int i = 0; !over; ++i) {
                    const QString text =
                        QStringLiteral("message %1 of %2 in round %3").arg(i).arg(asker).arg(round);
                    if (sendPrompt(socket, text))
                        acknowledge(text);
                    QThread::msleep(pause.bounded(200));
                }
            });
        QThread::msleep(ulong(after_ms));
        ::kill(pid_t(process.processId()), SIGKILL);
        over = true;
        for (std::thread& asker : askers)
            asker.join();
        QVERIFY(process.waitForFinished());
        QCOMPARE(process.exitStatus(), QProcess::CrashExit);
    }

    void acknowledge(const QString& text) {
        const std::lock_guard lock(m_mutex);
        m_acknowledged.insert(text);
        ++m_total;
    }

    /// How many answers were being written. The next start of the program goes through the same.
    int check(const QString& file) const {
        auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                        app::migrationsOf(app::DatabaseKind::History));
        if (!opened.ok() || !opened->notices.empty()) {
            QTest::qFail(opened.ok() ? opened->notices.front().sentence().c_str()
                                     : opened.status().sentence().c_str(),
                         __FILE__, __LINE__);
            return 0;
        }
        SQLite::Database& database = *opened->connection;
        const std::string whole = database.execAndGet("PRAGMA integrity_check").getString();
        const int open = database
                             .execAndGet("SELECT count(*) FROM messages WHERE state = " +
                                         std::to_string(int(app::MessageState::Streaming)))
                             .getInt();
        app::HistoryWriter(database).recover();
        QSet<QString> stored;
        SQLite::Statement all(database, "SELECT text FROM messages");
        while (all.executeStep())
            stored.insert(QString::fromStdString(all.getColumn(0).getString()));
        if (whole != "ok")
            QTest::qFail(whole.c_str(), __FILE__, __LINE__);
        for (const QString& text : m_acknowledged)
            if (!stored.contains(text))
                QTest::qFail(qPrintable(QStringLiteral("lost: ") + text), __FILE__, __LINE__);
        return open;
    }

    std::mutex m_mutex;
    QSet<QString> m_acknowledged; // in the history at hand
    int m_total = 0;
};

INGLENOOK_SUITE(kill_program, TstKillProgram)
#include "tst_kill_program.moc"
