#include "app/history/database_file.h"
#include "app/history/history_reader.h"
#include "app/history/history_writer.h"
#include "app/history/message_codec.h"
#include "tests/support/suite_registry.h"
#include "tests/support/watched_vfs.h"

#include <QCryptographicHash>
#include <QDir>
#include <QMap>
#include <QRandomGenerator>
#include <QSet>
#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

namespace {

using app::DatabaseKind;

QByteArray hashOf(const QString& file) {
    QFile bytes(file);
    if (!bytes.open(QIODevice::ReadOnly))
        return {};
    return QCryptographicHash::hash(bytes.readAll(), QCryptographicHash::Sha256);
}

engine::Result<app::OpenedDatabase> openHistory(const QString& file) {
    return app::openDatabase(DatabaseKind::History, file, app::migrationsOf(DatabaseKind::History));
}

bool codeIs(const engine::Status& status, engine::Code code) {
    if (status.code() != code)
        qWarning("%s", status.sentence().c_str());
    return status.code() == code;
}

/// A history with `turns` messages of a person and as many answers, some 500 bytes each.
void fill(const QString& file, int turns) {
    auto opened = openHistory(file);
    QVERIFY(opened.ok());
    app::HistoryWriter writer(*opened->connection);
    for (int i = 0; i < turns; ++i) {
        app::NewTurn turn;
        turn.title = QStringLiteral("chat %1").arg(i);
        turn.userText = QStringLiteral("question %1 ").arg(i) + QString(500, QLatin1Char('q'));
        app::StoredTurn stored = writer.addTurn(turn);
        stored.answer.text = QStringLiteral("answer %1 ").arg(i) + QString(500, QLatin1Char('a'));
        stored.answer.state = app::MessageState::Done;
        writer.finishAnswer(stored.answer);
    }
}

constexpr int kPage = 4096;

QByteArray bytesOf(const QString& file) {
    QFile bytes(file);
    return bytes.open(QIODevice::ReadOnly) ? bytes.readAll() : QByteArray();
}

void writeBytes(const QString& file, const QByteArray& bytes) {
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    QCOMPARE(out.write(bytes), bytes.size());
}

QSet<QByteArray> textsIn(SQLite::Database& database) {
    QSet<QByteArray> texts;
    SQLite::Statement all(database, "SELECT text FROM messages");
    while (all.executeStep())
        texts.insert(QByteArray::fromStdString(all.getColumn(0).getString()));
    return texts;
}

/// The page on which each message lies: its text is there once and in one piece.
QMap<QByteArray, int> pagesOfTexts(const QString& file, const QByteArray& bytes) {
    QMap<QByteArray, int> pages;
    SQLite::Database database(file.toStdString(), SQLite::OPEN_READONLY);
    for (const QByteArray& text : textsIn(database))
        if (const qsizetype at = bytes.indexOf(text); at >= 0)
            pages.insert(text, int(at / kPage));
    return pages;
}

QByteArray damage(QByteArray bytes, quint32 seed) {
    QRandomGenerator random(seed);
    const int size = int(bytes.size());
    if (seed % 4 == 0)
        return bytes.left(random.bounded(size / 2, size));
    const int flips = 1 + random.bounded(64);
    for (int i = 0; i < flips; ++i) {
        const bool header = seed % 4 == 1 && i == 0;
        bytes[header ? random.bounded(100) : random.bounded(size)] = char(random.bounded(256));
    }
    return bytes;
}

int count(SQLite::Database& database, const char* table) {
    return database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt();
}

} // namespace

class TstDatabaseFile : public QObject {
    Q_OBJECT

  private slots:
    void init() { QVERIFY(m_dir.isValid()); }

    void newFileIsWalAndFull() {
        auto opened = openHistory(path("new/history.db"));
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        SQLite::Database& database = *opened->connection;
        QCOMPARE(database.execAndGet("PRAGMA journal_mode").getString(), std::string("wal"));
        QCOMPARE(database.execAndGet("PRAGMA synchronous").getInt(), 2);
        QCOMPARE(app::schemaVersion(database),
                 app::migrationsOf(DatabaseKind::History).back().version);
        auto metrics = app::openDatabase(DatabaseKind::Metrics, path("new/metrics.db"),
                                         app::migrationsOf(DatabaseKind::Metrics));
        QVERIFY(metrics.ok());
        QCOMPARE(metrics->connection->execAndGet("PRAGMA synchronous").getInt(), 1);
        auto cache = app::openDatabase(DatabaseKind::Cache, path("new/cache.db"),
                                       app::migrationsOf(DatabaseKind::Cache));
        QVERIFY(cache.ok());
    }

    void readerCannotWrite() {
        const QString file = path("reader.db");
        auto writer = openHistory(file);
        QVERIFY(writer.ok());
        auto reader = app::openReader(file, true);
        QVERIFY(reader.ok());
        QVERIFY_EXCEPTION_THROWN((*reader)->exec("DELETE FROM messages"), SQLite::Exception);
    }

    void newerFileIsRefusedUnharmed() {
        const QString file = path("newer.db");
        fill(file, 3);
        {
            SQLite::Database database(file.toStdString(), SQLite::OPEN_READWRITE);
            database.exec("PRAGMA user_version = 9");
        }
        const QByteArray before = hashOf(file);
        const auto opened = openHistory(file);
        QVERIFY(codeIs(opened.status(), engine::Code::DatabaseNewer));
        QCOMPARE(hashOf(file), before);
    }

    void newerInTheLogIsRefusedUnharmed() {
        const QString file = path("newer-wal.db");
        fill(file, 3);
        const QString copy = path("newer-wal-copy.db");
        {
            // Copied while the log is not yet moved into the file, as a crash would leave it.
            SQLite::Database database(file.toStdString(), SQLite::OPEN_READWRITE);
            database.exec("PRAGMA user_version = 9");
            QVERIFY(QFile::copy(file, copy));
            QVERIFY(QFile::copy(file + QStringLiteral("-wal"), copy + QStringLiteral("-wal")));
        }
        const QByteArray before = hashOf(copy);
        const QByteArray logBefore = hashOf(copy + QStringLiteral("-wal"));
        QVERIFY(codeIs(openHistory(copy).status(), engine::Code::DatabaseNewer));
        QCOMPARE(hashOf(copy), before);
        QCOMPARE(hashOf(copy + QStringLiteral("-wal")), logBefore);
    }

    void migrationBacksUpFirst() {
        const QString file = path("migrate/history.db");
        fill(file, 5);
        std::vector<app::Migration> migrations = app::migrationsOf(DatabaseKind::History);
        const int before = migrations.back().version;
        migrations.push_back({before + 1, "ALTER TABLE messages ADD COLUMN note TEXT;"});
        auto opened = app::openDatabase(DatabaseKind::History, file, migrations);
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        QCOMPARE(app::schemaVersion(*opened->connection), before + 1);
        const QStringList backups = QDir(path("migrate/backups")).entryList(QDir::Files);
        QCOMPARE(backups.size(), 1);
        SQLite::Database backup(path("migrate/backups/" + backups.first().toUtf8()).toStdString());
        QCOMPARE(app::schemaVersion(backup), before);
        QCOMPARE(count(backup, "messages"), 10);
    }

    void failedMigrationLeavesTheOldSchemaReadable() {
        const QString file = path("fails.db");
        fill(file, 2);
        std::vector<app::Migration> migrations = app::migrationsOf(DatabaseKind::History);
        const int before = migrations.back().version;
        migrations.push_back({before + 1, "ALTER TABLE messages ADD COLUMN note TEXT; "
                                          "SELECT no_such_function();"});
        auto opened = app::openDatabase(DatabaseKind::History, file, migrations);
        QVERIFY(opened.ok());
        QVERIFY(!opened->writable);
        QVERIFY(codeIs(opened->notices.front(), engine::Code::MigrationFailed));
        QCOMPARE(app::schemaVersion(*opened->connection), before);
        QCOMPARE(app::HistoryReader(*opened->connection).list().size(), 2);
    }

    void aFileWithoutRunsCanStillBeRead() {
        std::vector<app::Migration> migrations = app::migrationsOf(DatabaseKind::History);
        migrations.resize(1);
        auto opened = app::openDatabase(DatabaseKind::History, path("first.db"), migrations);
        QVERIFY(opened.ok());
        app::HistoryWriter(*opened->connection).addTurn({.userText = QStringLiteral("old")});
        app::HistoryReader reader(*opened->connection);
        QCOMPARE(reader.list().size(), 1);
        QVERIFY(reader.runs().isEmpty());
        QCOMPARE(reader.run(1).id, app::RunId(0));
    }

    void lanesOfARunAreNotInTheListOfChats() {
        auto opened = openHistory(path("runs.db"));
        QVERIFY(opened.ok());
        app::HistoryWriter writer(*opened->connection);
        app::HistoryReader reader(*opened->connection);
        writer.addTurn({.title = QStringLiteral("a chat"), .userText = QStringLiteral("hello")});
        app::StoredRun run;
        run.title = QStringLiteral("review");
        run.task = QStringLiteral("Look at this.");
        run.id = writer.addRun(run);
        app::NewTurn turn;
        turn.run = run.id;
        turn.userText = QStringLiteral("Look at this. You are a critic.");
        for (const char* agent : {"{\"name\":\"one\"}", "{\"name\":\"two\"}"}) {
            turn.agent = QString::fromLatin1(agent);
            writer.addTurn(turn);
        }
        QCOMPARE(reader.list().size(), 1);
        QCOMPARE(reader.runs().size(), 1);
        QCOMPARE(reader.run(run.id).lanes.size(), 2);
        QCOMPARE(reader.run(run.id).lanes[1].agent, turn.agent);
        QCOMPARE(reader.search(QStringLiteral("critic"), 9).size(), 2);

        writer.setRunTrashed(run.id, true);
        QVERIFY(reader.runs().isEmpty());
        QVERIFY(reader.search(QStringLiteral("critic"), 9).isEmpty());
        writer.setRunTrashed(run.id, false);
        QCOMPARE(reader.search(QStringLiteral("critic"), 9).size(), 2);
        writer.setRunTrashed(run.id, true);
        writer.purgeTrash(std::numeric_limits<qint64>::max());
        writer.setRunTrashed(run.id, false);
        QCOMPARE(reader.run(run.id).id, app::RunId(0));
        QCOMPARE(reader.list().size(), 1);
    }

    /// 100 files with 1 to 64 wrong bytes or a lost end; INGLENOOK_DAMAGED of them at full length.
    /// A byte in the name of a column: the file is whole for SQLite, and no query finds the column.
    void aChangedNameIsDamage() {
        const QString file = path("names.db");
        fill(file, 3);
        QByteArray bytes = bytesOf(file);
        const qsizetype at = bytes.indexOf("reasoning");
        QVERIFY(at > 0 && at < kPage);
        bytes[at] = 'x';
        writeBytes(file, bytes);
        auto opened = openHistory(file);
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        QCOMPARE(opened->notices.size(), std::size_t(1));
        QCOMPARE(textsIn(*opened->connection).size(), 6);
        QCOMPARE(QDir(m_dir.path()).entryList({QStringLiteral("names-damaged-*.db")}).size(), 1);
    }

    void damagedFilesAreSalvaged() {
        const int files = qEnvironmentVariableIntValue("INGLENOOK_DAMAGED") > 0
                              ? qEnvironmentVariableIntValue("INGLENOOK_DAMAGED")
                              : 100;
        const QString sound = path("sound.db");
        fill(sound, 60);
        const QByteArray original = bytesOf(sound);
        const QMap<QByteArray, int> pages = pagesOfTexts(sound, original);
        QCOMPARE(pages.size(), 120);
        qint64 expected = 0;
        qint64 found = 0;
        int salvaged = 0;
        for (int seed = 1; seed <= files; ++seed) {
            const tests::WatchedVfs unsynced;
            const QByteArray damaged = damage(original, quint32(seed));
            const QString file = path("damage.db");
            writeBytes(file, damaged);
            auto opened = openHistory(file);
            if (opened.status().code() == engine::Code::DatabaseNewer) {
                // The byte that was hit is the schema's number, which nothing else confirms.
                QCOMPARE(bytesOf(file), damaged);
                continue;
            }
            QVERIFY2(opened.ok(), opened.status().sentence().c_str());
            QVERIFY2(opened->writable,
                     qPrintable(QStringLiteral("seed %1: %2")
                                    .arg(seed)
                                    .arg(opened->notices.empty()
                                             ? QString()
                                             : QString::fromStdString(
                                                   opened->notices.front().sentence()))));
            const QStringList aside =
                QDir(m_dir.path()).entryList({QStringLiteral("damage-damaged-*.db")});
            const QSet<QByteArray> texts = textsIn(*opened->connection);
            if (aside.isEmpty()) { // the bytes fell on text or free space: nothing to repair
                QVERIFY(opened->notices.empty());
                QCOMPARE(count(*opened->connection, "messages"), 120);
            } else {
                ++salvaged;
                QCOMPARE(bytesOf(path(aside.first().toUtf8())), damaged);
                QVERIFY(!opened->notices.empty());
                int whole = 0;
                int back = 0;
                for (auto it = pages.begin(); it != pages.end(); ++it) {
                    const qsizetype at = qsizetype(it.value()) * kPage;
                    if (damaged.mid(at, kPage) != original.mid(at, kPage))
                        continue;
                    ++whole;
                    back += texts.contains(it.key());
                }
                QVERIFY2(
                    back * 100 >= whole * 95,
                    qPrintable(QStringLiteral("seed %1: %2 of %3").arg(seed).arg(back).arg(whole)));
                expected += whole;
                found += back;
                QCOMPARE(opened->connection->execAndGet("PRAGMA integrity_check").getString(),
                         std::string("ok"));
            }
            opened->connection.reset();
            for (const QString& each : QDir(m_dir.path()).entryList({QStringLiteral("damage*")}))
                QFile::remove(path(each.toUtf8()));
        }
        qInfo("%d files, %d put aside, %lld of %lld messages on sound pages read back", files,
              salvaged, (long long)found, (long long)expected);
        QVERIFY(salvaged > files / 4);
    }

    void brokenRootLosesNoRowAndRaisesNone() {
        const QString file = path("root.db");
        fill(file, 60);
        qint64 root = 0;
        {
            auto opened = openHistory(file);
            QVERIFY(opened.ok());
            app::HistoryWriter writer(*opened->connection);
            for (int deleted = 1; deleted <= 20; ++deleted) // whole pages become free
                writer.setTrashed(deleted, true);
            writer.purgeTrash(app::nowMs() + 1000);
            root = opened->connection
                       ->execAndGet("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'")
                       .getInt64();
        }
        QByteArray bytes = bytesOf(file);
        bytes.replace(qsizetype(root - 1) * kPage, kPage, QByteArray(kPage, '\0'));
        writeBytes(file, bytes);
        auto opened = openHistory(file);
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        QVERIFY(codeIs(opened->notices.front(), engine::Code::DatabaseSalvaged));
        QCOMPARE(count(*opened->connection, "messages"), 80);
        QCOMPARE(count(*opened->connection, "conversations"), 40);
        QCOMPARE(opened->connection->execAndGet("PRAGMA integrity_check").getString(),
                 std::string("ok"));
    }

    void notADatabaseIsSetAside() {
        const QString file = path("garbage.db");
        QFile bytes(file);
        QVERIFY(bytes.open(QIODevice::WriteOnly));
        bytes.write(QByteArray(64560, '\0')); // what a reboot once left of another program's chats
        bytes.close();
        auto opened = openHistory(file);
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        QVERIFY(codeIs(opened->notices.front(), engine::Code::DatabaseSetAside));
        QCOMPARE(count(*opened->connection, "messages"), 0);
    }

    void damagedCacheStartsEmpty() {
        const QString file = path("cache.db");
        QFile bytes(file);
        QVERIFY(bytes.open(QIODevice::WriteOnly));
        bytes.write("not a database at all, but long enough to be looked at as one");
        bytes.close();
        auto opened =
            app::openDatabase(DatabaseKind::Cache, file, app::migrationsOf(DatabaseKind::Cache));
        QVERIFY(opened.ok());
        QVERIFY(opened->notices.empty());
    }

    void missingFolderThatCannotBeMadeIsASentence() {
        const auto opened = openHistory(QStringLiteral("/proc/inglenook/history.db"));
        QVERIFY(!opened.ok());
        QVERIFY(opened.status().sentence().find("/proc/inglenook/history.db") != std::string::npos);
    }

  private:
    QString path(const QByteArray& name) const { return m_dir.filePath(QString::fromUtf8(name)); }

    QTemporaryDir m_dir;
};

INGLENOOK_SUITE(database_file, TstDatabaseFile)
#include "tst_database_file.moc"
