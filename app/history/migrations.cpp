#include "app/history/migrations.h"

#include "app/history/sqlite_status.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <sqlite3.h>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <unistd.h>

namespace app {

namespace {

struct MigrationRow {
    std::string_view database;
    int version;
    std::string_view sql;
};

constexpr MigrationRow kRows[] = {
#include <migration_rows.inc> // made by CMake
};

std::string_view sqlName(DatabaseKind kind) {
    switch (kind) {
    case DatabaseKind::Cache:
        return "cache";
    case DatabaseKind::Metrics:
        return "metrics";
    case DatabaseKind::History:
        break;
    }
    return "history";
}

/// Rows of every ordinary table, to compare a backup with what it was made from.
std::vector<std::pair<std::string, long long>> rowCounts(SQLite::Database& database) {
    std::vector<std::pair<std::string, long long>> counts;
    SQLite::Statement tables(database, "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                       "sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name");
    while (tables.executeStep()) {
        const std::string table = tables.getColumn(0).getString();
        SQLite::Statement count(database, "SELECT count(*) FROM \"" + table + "\"");
        count.executeStep();
        counts.emplace_back(table, count.getColumn(0).getInt64());
    }
    return counts;
}

/// Brings a file and its name to the disk. SQLite before 3.44 does not sync what VACUUM INTO wrote.
std::string syncToDisk(const QString& file) {
    for (const QString& path : {file, QFileInfo(file).absolutePath()}) {
        const int descriptor = ::open(QFile::encodeName(path).constData(), O_RDONLY | O_CLOEXEC);
        const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
        const int why = errno;
        if (descriptor >= 0)
            ::close(descriptor);
        if (!synced)
            return std::strerror(why);
    }
    return {};
}

std::string checkBackup(SQLite::Database& original, const QString& backup) {
    SQLite::Database copy(backup.toStdString(), SQLite::OPEN_READONLY);
    SQLite::Statement check(copy, "PRAGMA quick_check(1)");
    check.executeStep();
    if (check.getColumn(0).getString() != "ok")
        return "the copy is not whole";
    if (schemaVersion(copy) != schemaVersion(original) || rowCounts(copy) != rowCounts(original))
        return "the copy differs from the original";
    return {};
}

} // namespace

std::vector<Migration> migrationsOf(DatabaseKind kind) {
    std::vector<Migration> migrations;
    for (const MigrationRow& row : kRows)
        if (row.database == sqlName(kind))
            migrations.push_back({row.version, row.sql});
    return migrations;
}

int schemaVersion(SQLite::Database& database) {
    return database.execAndGet("PRAGMA user_version").getInt();
}

engine::Status backUp(SQLite::Database& database, const QString& file, const QString& backup) {
    std::string reason;
    try {
        QDir().mkpath(QFileInfo(backup).absolutePath());
        SQLite::Statement copy(database, "VACUUM INTO ?");
        copy.bind(1, backup.toStdString());
        copy.exec();
        reason = checkBackup(database, backup);
        if (reason.empty())
            reason = syncToDisk(backup);
    } catch (const SQLite::Exception& exception) {
        reason = exception.what();
    }
    if (reason.empty())
        return {};
    QFile::remove(backup);
    return engine::Status(
        engine::Code::BackupFailed,
        {{"file", file.toStdString()}, {"backup", backup.toStdString()}, {"reason", reason}});
}

engine::Status migrate(SQLite::Database& database, const QString& file,
                       std::span<const Migration> migrations) {
    const int found = schemaVersion(database);
    const int newest = migrations.empty() ? 0 : migrations.back().version;
    if (found >= newest)
        return {};
    if (found > 0) {
        const QFileInfo info(file);
        const QString backup =
            QStringLiteral("%1/backups/%2-schema%3-%4.db")
                .arg(info.absolutePath(), info.completeBaseName(), QString::number(found),
                     QDateTime::currentDateTimeUtc().toString(
                         QStringLiteral("yyyyMMdd-HHmmss-zzz")));
        INGLENOOK_TRY(backUp(database, file, backup));
    }
    for (const Migration& migration : migrations) {
        if (migration.version <= found)
            continue;
        try {
            SQLite::Transaction step(database, SQLite::TransactionBehavior::IMMEDIATE);
            database.exec(std::string(migration.sql));
            database.exec("PRAGMA user_version = " + std::to_string(migration.version));
            step.commit();
        } catch (const SQLite::Exception& exception) {
            return engine::Status(engine::Code::MigrationFailed,
                                  {{"file", file.toStdString()},
                                   {"version", std::to_string(migration.version)},
                                   {"reason", exception.what()}});
        }
    }
    return {};
}

} // namespace app
