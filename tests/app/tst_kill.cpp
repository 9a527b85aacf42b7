// kill -9 at random moments while three chats stream. What was shown as sent is there, what was
// shown of an answer is there but for the last second, and the database is whole, every time.
#include "app/history/database_file.h"
#include "app/history/history_reader.h"
#include "app/history/history_writer.h"
#include "tests/support/suite_registry.h"

#include <csignal>
#include <ctime>
#include <QHash>
#include <QProcess>
#include <QRandomGenerator>
#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>

namespace {

constexpr int kMostLost_ms = 1000;

qint64 monotonicMs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return qint64(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

struct Shown {
    QHash<app::MessageId, QString> users;
    QHash<app::MessageId, qint64> lengths; // of answers, as far as they must be there
};

Shown parse(const QByteArray& output, qint64 mustBeThereSince_ms) {
    Shown shown;
    for (const QByteArray& line : output.split('\n')) {
        const QList<QByteArray> words = line.split(' ');
        if (words.size() >= 3 && words.at(0) == "user")
            shown.users.insert(words.at(1).toLongLong(),
                               QString::fromUtf8(line.mid(6 + words.at(1).size())));
        else if (words.size() == 4 && words.at(0) == "grew" &&
                 words.at(3).toLongLong() <= mustBeThereSince_ms)
            shown.lengths.insert(words.at(1).toLongLong(), words.at(2).toLongLong());
    }
    return shown;
}

} // namespace

class TstKill : public QObject {
    Q_OBJECT

  private slots:
    void nothingCommittedIsLost() {
        const QString program =
            tests::binaryDir() + QStringLiteral("/tests/end_to_end/inglenook_kill_driver");
        if (!QFile::exists(program))
            QSKIP("inglenook_kill_driver is not built");
        const int kills = qEnvironmentVariableIntValue("INGLENOOK_KILLS") > 0
                              ? qEnvironmentVariableIntValue("INGLENOOK_KILLS")
                              : 100;
        QTemporaryDir dir;
        QRandomGenerator random(2024);
        qint64 users = 0;
        qint64 answers = 0;
        for (int round = 0; round < kills; ++round) {
            QProcess process;
            process.start(program, {dir.path()});
            QVERIFY(process.waitForStarted());
            QByteArray output;
            while (!output.contains("grew") && process.waitForReadyRead(20000))
                output += process.readAllStandardOutput();
            QVERIFY2(output.contains("grew"), process.readAllStandardError().constData());
            // Most moments fall into the first second; every tenth round runs long enough for a
            // missing second to show.
            QTest::qWait(round % 10 == 9 ? 2500 : random.bounded(600));
            const qint64 killed = monotonicMs();
            ::kill(pid_t(process.processId()), SIGKILL);
            QVERIFY(process.waitForFinished());
            output += process.readAllStandardOutput();
            QVERIFY2(!output.contains("banner"), output.constData());
            const Shown shown = parse(output, killed - kMostLost_ms);
            users += shown.users.size();
            answers += shown.lengths.size();
            check(dir.filePath(QStringLiteral("history.db")), shown);
            if (QTest::currentTestFailed())
                return;
        }
        qInfo("%d kills, %lld messages shown as sent, %lld answers older than a second: none lost",
              kills, (long long)users, (long long)answers);
        QVERIFY(users >= kills);
    }

  private:
    static void check(const QString& file, const Shown& shown) {
        auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                        app::migrationsOf(app::DatabaseKind::History));
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        QVERIFY(opened->notices.empty());
        SQLite::Database& database = *opened->connection;
        QCOMPARE(database.execAndGet("PRAGMA integrity_check").getString(), std::string("ok"));
        app::HistoryWriter(database).recover();
        QHash<app::MessageId, app::Message> stored;
        app::HistoryReader reader(database);
        for (const app::Conversation& conversation : reader.list())
            for (const app::Message& message : reader.load(conversation.id).messages)
                stored.insert(message.id, message);
        for (auto it = shown.users.begin(); it != shown.users.end(); ++it)
            QCOMPARE(stored.value(it.key()).text, it.value());
        for (auto it = shown.lengths.begin(); it != shown.lengths.end(); ++it)
            QVERIFY2(stored.value(it.key()).text.size() >= it.value(),
                     qPrintable(QStringLiteral("message %1: %2 of %3 characters")
                                    .arg(it.key())
                                    .arg(stored.value(it.key()).text.size())
                                    .arg(it.value())));
    }
};

INGLENOOK_SUITE(kill, TstKill)
#include "tst_kill.moc"
