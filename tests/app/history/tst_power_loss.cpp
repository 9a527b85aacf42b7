// Power loss at any operation of a session: what was not synced is kept, dropped or torn, in any
// order. Every acknowledged commit is there afterwards and the database is whole. The same with the
// program killed (everything written is there) and in the middle of a migration.
#include "tests/app/history/history_scenario.h"
#include "tests/support/suite_registry.h"
#include "tests/support/watched_vfs.h"

#include <QDir>
#include <QRandomGenerator>
#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>

namespace {

using tests::FileOperation;

constexpr int kSector = 512; // what a disk writes whole

struct Recorded {
    FileOperation operation;
    std::string path;
    std::int64_t offset;
    QByteArray data;
    tests::Acknowledged acknowledged; // as of this operation
};

/// Everything a session does to its files, in order.
class Recorder {
  public:
    tests::WatchedVfs::Watcher watcher() {
        return [this](const tests::FileEvent& event) {
            if (event.operation != FileOperation::Read)
                m_log.push_back({event.operation, std::string(event.path), event.offset,
                                 QByteArray(event.data.data(), qsizetype(event.data.size())),
                                 m_acknowledged});
            return 0;
        };
    }
    void acknowledge(const tests::Acknowledged& texts) { m_acknowledged = texts; }
    const std::vector<Recorded>& log() const { return m_log; }
    /// The moments: before operation 0, 1, ... and after the last.
    int moments() const { return int(m_log.size()) + 1; }
    const tests::Acknowledged& acknowledgedAt(int moment) const {
        return moment < int(m_log.size()) ? m_log[std::size_t(moment)].acknowledged
                                          : m_acknowledged;
    }

  private:
    std::vector<Recorded> m_log;
    tests::Acknowledged m_acknowledged;
};

/// One file on a disk with a cache: what is surely there, and what may come.
struct CachedFile {
    bool exists = false; // surely
    QByteArray durable;
    std::vector<const Recorded*> pending;
};

void apply(QByteArray& bytes, const Recorded& change, std::int64_t from, std::int64_t length) {
    if (change.operation == FileOperation::Truncate) {
        bytes.resize(qsizetype(change.offset));
        return;
    }
    const qsizetype end = qsizetype(change.offset + from + length);
    if (bytes.size() < end)
        bytes.append(end - bytes.size(), '\0');
    std::copy_n(change.data.constData() + from, length,
                bytes.data() + qsizetype(change.offset + from));
}

class Disk {
  public:
    /// Files of `dir` as they are before the session.
    explicit Disk(const QString& dir) {
        for (const QFileInfo& info : QDir(dir).entryInfoList(QDir::Files)) {
            QFile file(info.filePath());
            if (file.open(QIODevice::ReadOnly))
                m_files[info.filePath().toStdString()] = {true, file.readAll(), {}};
        }
    }

    void take(const Recorded& change) {
        CachedFile& file = m_files[change.path];
        switch (change.operation) {
        case FileOperation::Write:
        case FileOperation::Truncate:
            file.pending.push_back(&change);
            break;
        case FileOperation::Sync:
            for (const Recorded* each : file.pending)
                apply(file.durable, *each, 0, each->data.size());
            file.pending.clear();
            file.exists = true;
            break;
        case FileOperation::Delete:
            m_files.erase(change.path);
            break;
        case FileOperation::Open:
        case FileOperation::Read:
            break;
        }
    }

    /// Writes what is found after the cut below `to`. Without `random` everything written is there:
    /// a killed program on a disk that goes on.
    void leave(const QString& from, const QString& to, QRandomGenerator* random) const {
        for (const auto& [path, file] : m_files) {
            QByteArray bytes = file.durable;
            bool exists = file.exists || random == nullptr;
            for (const Recorded* change : file.pending)
                exists |= settle(bytes, *change, random);
            if (!exists)
                continue;
            const QString name = to + QString::fromStdString(path).mid(from.size());
            QDir().mkpath(QFileInfo(name).absolutePath());
            QFile out(name);
            if (out.open(QIODevice::WriteOnly))
                out.write(bytes);
        }
    }

  private:
    /// True when any of it reached the disk.
    static bool settle(QByteArray& bytes, const Recorded& change, QRandomGenerator* random) {
        const int fate = random != nullptr ? int(random->bounded(3)) : 0;
        if (fate == 1)
            return false;
        if (fate == 0 || change.operation == FileOperation::Truncate) {
            apply(bytes, change, 0, change.data.size());
            return true;
        }
        for (std::int64_t at = 0; at < change.data.size(); at += kSector)
            if (random->bounded(2) == 0)
                apply(bytes, change, at, std::min<std::int64_t>(kSector, change.data.size() - at));
        return true;
    }

    std::map<std::string, CachedFile> m_files;
};

int wanted(const char* variable, int otherwise) {
    const int value = qEnvironmentVariableIntValue(variable);
    return value > 0 ? value : otherwise;
}

std::vector<app::Migration> withOneMore() {
    std::vector<app::Migration> migrations = app::migrationsOf(app::DatabaseKind::History);
    migrations.push_back({migrations.back().version + 1,
                          "ALTER TABLE messages ADD COLUMN note TEXT NOT NULL DEFAULT '';"
                          "UPDATE messages SET note = substr(text, 1, 200);"
                          "CREATE INDEX messages_by_note ON messages (note);"});
    return migrations;
}

} // namespace

class TstPowerLoss : public QObject {
    Q_OBJECT

  private slots:
    void acknowledgedCommitsSurvive() {
        const int snapshots = wanted("INGLENOOK_SNAPSHOTS", 300);
        QTemporaryDir place;
        const QString file = place.filePath(QStringLiteral("history.db"));
        Recorder recorder;
        {
            tests::WatchedVfs vfs(recorder.watcher());
            tests::HistoryScenario scenario(file);
            scenario.onStored = [&](const auto& texts) { recorder.acknowledge(texts); };
            QVERIFY(scenario.open().ok());
            for (std::size_t i = 0; i < scenario.stepCount(); ++i) {
                const engine::Status status = scenario.step(i);
                QVERIFY2(status.ok(), status.sentence().c_str());
            }
            scenario.close();
        }
        cutAt(recorder, place.path(), snapshots, true,
              app::migrationsOf(app::DatabaseKind::History), false);
    }

    void migrationIsAllOrNothing_data() {
        QTest::addColumn<int>("schema");
        QTest::addColumn<bool>("power");
        for (const app::Migration& each : app::migrationsOf(app::DatabaseKind::History))
            for (const bool power : {false, true})
                QTest::addRow("from schema %d, %s", each.version, power ? "power loss" : "kill")
                    << each.version << power;
    }
    void migrationIsAllOrNothing() {
        QFETCH(int, schema);
        QFETCH(bool, power);
        QTemporaryDir place;
        const QString file = place.filePath(QStringLiteral("history.db"));
        const tests::Acknowledged old = fillOldSchema(file, schema);
        QVERIFY(old.size() > 20);
        QTemporaryDir before;
        QVERIFY(QFile::copy(file, before.filePath(QStringLiteral("history.db"))));
        Recorder recorder;
        recorder.acknowledge(old);
        const std::vector<app::Migration> migrations = withOneMore();
        {
            tests::WatchedVfs vfs(recorder.watcher());
            auto opened = app::openDatabase(app::DatabaseKind::History, file, migrations);
            QVERIFY2(opened.ok(), opened.status().sentence().c_str());
            QCOMPARE(app::schemaVersion(*opened->connection), migrations.back().version);
        }
        // The session began from the file as it was.
        QVERIFY(QFile::remove(file));
        QDir(place.filePath(QStringLiteral("backups"))).removeRecursively();
        QVERIFY(QFile::copy(before.filePath(QStringLiteral("history.db")), file));
        cutAt(recorder, place.path(), power ? wanted("INGLENOOK_SNAPSHOTS", 300) / 3 : 0, power,
              migrations, true);
    }

  private:
    /// `snapshots` random moments, or every one when 0.
    void cutAt(const Recorder& recorder, const QString& place, int snapshots, bool power,
               const std::vector<app::Migration>& migrations, bool migrating) {
        QRandomGenerator random(7);
        std::vector<int> moments;
        for (int i = 0; i < (snapshots > 0 ? snapshots : recorder.moments()); ++i)
            moments.push_back(snapshots > 0 ? random.bounded(recorder.moments()) : i);
        std::sort(moments.begin(), moments.end());
        Disk disk(place);
        int taken = 0;
        tests::WatchedVfs unsynced; // the checks need no durable files
        for (const int moment : moments) {
            for (; taken < moment; ++taken)
                disk.take(recorder.log()[std::size_t(taken)]);
            QTemporaryDir left;
            disk.leave(place, left.path(), power ? &random : nullptr);
            const QString file = left.filePath(QStringLiteral("history.db"));
            QString wrong;
            if (migrating)
                wrong = betweenSchemas(file, migrations, power);
            wrong += tests::verifyHistory(file, recorder.acknowledgedAt(moment), migrations);
            QVERIFY2(wrong.isEmpty(), qPrintable(QStringLiteral("moment %1 of %2: %3")
                                                     .arg(moment)
                                                     .arg(recorder.moments())
                                                     .arg(wrong)));
        }
        qInfo("%zu moments of %d", moments.size(), recorder.moments());
    }

    /// Empty when it is wholly old, or new with the old one beside it.
    static QString betweenSchemas(const QString& file,
                                  const std::vector<app::Migration>& migrations, bool power) {
        SQLite::Database database(file.toStdString(), SQLite::OPEN_READWRITE);
        const int version = app::schemaVersion(database);
        bool known = false;
        for (const app::Migration& each : migrations)
            known |= each.version == version;
        if (!known)
            return QStringLiteral("schema %1").arg(version);
        const bool hasNote =
            database
                .execAndGet(
                    "SELECT count(*) FROM pragma_table_info('messages') WHERE name = 'note'")
                .getInt() == 1;
        if (hasNote != (version == migrations.back().version))
            return QStringLiteral("schema %1 with%2 its column")
                .arg(version)
                .arg(hasNote ? QString() : QStringLiteral("out"));
        // The copy is synced past SQLite, which the recording does not see.
        const QDir backups(QFileInfo(file).absolutePath() + QStringLiteral("/backups"));
        if (hasNote && !power && backups.entryList({QStringLiteral("*.db")}).size() != 1)
            return QStringLiteral("new, and no copy of the old one");
        return {};
    }

    /// A history as the version with this schema left it.
    static tests::Acknowledged fillOldSchema(const QString& file, int schema) {
        std::vector<app::Migration> migrations;
        for (const app::Migration& each : app::migrationsOf(app::DatabaseKind::History))
            if (each.version <= schema)
                migrations.push_back(each);
        tests::Acknowledged texts;
        auto opened = app::openDatabase(app::DatabaseKind::History, file, migrations);
        if (!opened.ok())
            return texts;
        SQLite::Database& database = *opened->connection;
        database.exec("INSERT INTO conversations (title, created_ms, updated_ms, leaf) "
                      "VALUES ('old chat', 1, 1, 40)");
        for (int i = 1; i <= 40; ++i) {
            const QString text =
                QStringLiteral("old message %1 ").arg(i) + QString(400, QLatin1Char('m'));
            database.exec("INSERT INTO messages (conversation, parent, role, state, text, "
                          "created_ms) VALUES (1, " +
                          std::to_string(i - 1) + ", " + std::to_string(1 + (i + 1) % 2) +
                          ", 0, '" + text.toStdString() + "', 1)");
            texts[i] = text;
        }
        app::HistoryWriter(database).rebuildSearch();
        return texts;
    }
};

INGLENOOK_SUITE(power_loss, TstPowerLoss)
#include "tst_power_loss.moc"
