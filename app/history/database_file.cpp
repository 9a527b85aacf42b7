#include "app/history/database_file.h"

#include "app/history/salvage.h"
#include "app/history/sqlite_status.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QUrl>
#include <sqlite3.h>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

namespace app {

namespace {

constexpr qint64 kAlwaysCheckedBytes = 64 << 20; // about 0.1 s
constexpr int kBusyTimeout_ms = 5000;            // a backup tool may hold the file for a moment

engine::Status newerStatus(const QString& file, int found, int known) {
    return engine::Status(engine::Code::DatabaseNewer, {{"file", file.toStdString()},
                                                        {"found", std::to_string(found)},
                                                        {"known", std::to_string(known)}});
}

/// user_version as the first page states it, without SQLite touching the file; 0 when unreadable.
int versionInHeader(const QString& file) {
    QFile bytes(file);
    if (!bytes.open(QIODevice::ReadOnly))
        return 0;
    const QByteArray header = bytes.read(100);
    if (header.size() < 100 || !header.startsWith("SQLite format 3"))
        return 0;
    quint32 version = 0; // big-endian, offset 60
    for (int i = 60; i < 64; ++i)
        version = version << 8 | static_cast<unsigned char>(header[i]);
    return static_cast<int>(version);
}

bool hasWal(const QString& file) {
    return QFileInfo(file + QStringLiteral("-wal")).size() > 0;
}

/// Refuses a newer file. A version committed but not yet moved out of the WAL counts as well; a
/// read-only connection looks at it, because closing that one changes nothing.
engine::Status refuseNewer(const QString& file, int known) {
    int found = versionInHeader(file);
    if (found <= known && hasWal(file)) {
        try {
            SQLite::Database peek(file.toStdString(), SQLite::OPEN_READONLY);
            found = schemaVersion(peek);
        } catch (const SQLite::Exception&) {
            return {}; // damage is judged when the file is opened for good
        }
    }
    return found > known ? newerStatus(file, found, known) : engine::Status();
}

/// The writer's connection, or what SQLite throws.
std::unique_ptr<SQLite::Database> connectWriter(DatabaseKind kind, const QString& file) {
    auto database = std::make_unique<SQLite::Database>(
        file.toStdString(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeout_ms);
    const std::string mode = database->execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode != "wal")
        throw SQLite::Exception("write-ahead log refused, the journal is " + mode, SQLITE_CANTOPEN);
    database->exec(kind == DatabaseKind::History ? "PRAGMA synchronous = FULL"
                                                 : "PRAGMA synchronous = NORMAL");
    database->exec("PRAGMA foreign_keys = ON");
    return database;
}

/// The SQLite code in a finding like "Page 7: unable to get the page. error code=266", else 0.
int codeIn(const std::string& finding) {
    static constexpr std::string_view kBefore = "error code";
    const std::size_t at = finding.find(kBefore);
    if (at == std::string::npos)
        return 0;
    int code = 0;
    const char* digits = finding.data() + std::min(at + kBefore.size() + 1, finding.size());
    std::from_chars(digits, finding.data() + finding.size(), code);
    return code;
}

/// Throws what the integrity check found first. A page that the disk does not give just now is not
/// damage: the file would be put aside for nothing.
void throwDamage(SQLite::Database& database) {
    SQLite::Statement check(database, "PRAGMA quick_check(1)");
    const std::string first =
        check.executeStep() ? check.getColumn(0).getString() : "the check gave no answer";
    if (first == "ok")
        return;
    const int code = codeIn(first);
    throw SQLite::Exception(first, code != 0 && !meansDamage(code) ? code : SQLITE_CORRUPT);
}

/// An empty database of the newest schema; null when these migrations cannot be run.
std::unique_ptr<SQLite::Database> freshSchema(std::span<const Migration> migrations) {
    auto fresh = std::make_unique<SQLite::Database>(":memory:",
                                                    SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    return migrate(*fresh, QString(), migrations).ok() ? std::move(fresh) : nullptr;
}

/// What SQLite says of the first table or column of `fresh` that is not in `database`.
std::optional<std::string> missingName(SQLite::Database& database, SQLite::Database& fresh) {
    SQLite::Statement tables(fresh, "SELECT name FROM sqlite_schema WHERE type = 'table'");
    while (tables.executeStep()) {
        const std::string table = tables.getColumn(0).getString();
        SQLite::Statement names(fresh, "SELECT name FROM pragma_table_info(?)");
        names.bind(1, table);
        std::string columns; // in brackets: in quotes an unknown name would be a text
        while (names.executeStep())
            columns += (columns.empty() ? "[" : ", [") + names.getColumn(0).getString() + "]";
        try {
            SQLite::Statement(database, "SELECT " + columns + " FROM [" + table + "] LIMIT 0");
        } catch (const SQLite::Exception& exception) {
            if (exception.getErrorCode() == SQLITE_ERROR)
                return exception.what();
            throw;
        }
    }
    return {};
}

/// Brings the file to the newest schema. No checksum covers the names of tables and columns nor the
/// schema's number, so that one changed byte there passes every other check: thrown as damage.
engine::Status migrateSound(SQLite::Database& database, const QString& file,
                            std::span<const Migration> migrations) {
    const std::unique_ptr<SQLite::Database> fresh = freshSchema(migrations);
    const bool isOld = !migrations.empty() && schemaVersion(database) < migrations.back().version;
    if (fresh && isOld && !missingName(database, *fresh))
        throw SQLite::Exception("its schema's number is not that of its tables", SQLITE_CORRUPT);
    INGLENOOK_TRY(migrate(database, file, migrations));
    if (fresh)
        if (const auto missing = missingName(database, *fresh))
            throw SQLite::Exception(*missing, SQLITE_CORRUPT);
    return {};
}

/// Moves the file and its log out of the way, under one new name.
QString setAside(const QString& file) {
    const QString stamp =
        QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmss-zzz"));
    const QFileInfo info(file);
    const QString aside = QStringLiteral("%1/%2-damaged-%3.db")
                              .arg(info.absolutePath(), info.completeBaseName(), stamp);
    if (!QFile::rename(file, aside))
        return {};
    QFile::rename(file + QStringLiteral("-wal"), aside + QStringLiteral("-wal"));
    QFile::remove(file + QStringLiteral("-shm"));
    return aside;
}

/// Opens, checks, migrates. Damage comes back as DatabaseDamaged, whichever step met it.
engine::Result<OpenedDatabase> openSound(DatabaseKind kind, const QString& file,
                                         std::span<const Migration> migrations) {
    const bool mustCheck = hasWal(file) || QFileInfo(file).size() <= kAlwaysCheckedBytes;
    return guarded(file, [&]() -> engine::Result<OpenedDatabase> {
        OpenedDatabase opened;
        try {
            opened.connection = connectWriter(kind, file);
        } catch (const SQLite::Exception& exception) {
            // Its statements are right for any sound file: a plain error speaks of this one
            // ("unsupported file format", "malformed database schema").
            if (exception.getErrorCode() == SQLITE_ERROR)
                throw SQLite::Exception(exception.what(), SQLITE_CORRUPT);
            throw;
        }
        if (mustCheck)
            throwDamage(*opened.connection);
        INGLENOOK_TRY(migrateSound(*opened.connection, file, migrations));
        return opened;
    });
}

/// A connection to a file that can be read but not written: nothing is created beside it.
std::unique_ptr<SQLite::Database> connectImmutable(const QString& file) {
    QUrl uri = QUrl::fromLocalFile(file);
    uri.setQuery(hasWal(file) ? QStringLiteral("mode=ro") : QStringLiteral("mode=ro&immutable=1"));
    auto database = std::make_unique<SQLite::Database>(uri.toEncoded().toStdString(),
                                                       SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    database->execAndGet("SELECT count(*) FROM sqlite_schema"); // opening alone reads nothing
    return database;
}

engine::Result<OpenedDatabase> openUnwritable(const QString& file, const engine::Status& why) {
    return guarded(file, [&]() -> engine::Result<OpenedDatabase> {
        OpenedDatabase opened;
        opened.connection = connectImmutable(file);
        opened.writable = false;
        opened.notices.push_back(why);
        return opened;
    });
}

engine::Result<OpenedDatabase> replaceDamaged(DatabaseKind kind, const QString& file,
                                              std::span<const Migration> migrations,
                                              const std::string& reason) {
    const QString aside = setAside(file);
    if (aside.isEmpty())
        return engine::Status(
            engine::Code::DatabaseCannotOpen,
            {{"file", file.toStdString()},
             {"reason", reason + "; it could not be renamed, so nothing was changed"}});
    engine::Result<OpenedDatabase> opened = openSound(kind, file, migrations);
    if (!opened.ok())
        return opened;
    std::optional<SalvageCount> count;
    if (kind == DatabaseKind::History)
        count = salvageHistory(aside, *opened->connection);
    if (count && count->messages + count->conversations > 0)
        opened->notices.push_back(
            engine::Status(engine::Code::DatabaseSalvaged,
                           {{"file", file.toStdString()},
                            {"reason", reason},
                            {"aside", aside.toStdString()},
                            {"messages", std::to_string(count->messages)},
                            {"conversations", std::to_string(count->conversations)}}));
    else if (kind == DatabaseKind::History)
        opened->notices.push_back(engine::Status(
            engine::Code::DatabaseSetAside,
            {{"file", file.toStdString()}, {"reason", reason}, {"aside", aside.toStdString()}}));
    else
        QFile::remove(aside); // it can be made again
    return opened;
}

std::string argument(const engine::Status& status, std::string_view name) {
    for (const engine::StatusArgument& each : status.arguments())
        if (each.name == name)
            return each.value;
    return {};
}

} // namespace

engine::Result<OpenedDatabase> openDatabase(DatabaseKind kind, const QString& file,
                                            std::span<const Migration> migrations) {
    const int known = migrations.empty() ? 0 : migrations.back().version;
    INGLENOOK_TRY(refuseNewer(file, known));
    QDir().mkpath(QFileInfo(file).absolutePath());
    engine::Result<OpenedDatabase> opened = openSound(kind, file, migrations);
    if (opened.ok())
        return opened;
    const engine::Status status = opened.status();
    if (status.code() == engine::Code::DatabaseDamaged)
        return replaceDamaged(kind, file, migrations, argument(status, "reason"));
    if (!QFileInfo::exists(file))
        return status;
    engine::Result<OpenedDatabase> readable = openUnwritable(file, status);
    if (!readable.ok())
        return status;
    return readable;
}

engine::Result<std::unique_ptr<SQLite::Database>> openReader(const QString& file, bool writable) {
    return guarded(file, [&]() -> engine::Result<std::unique_ptr<SQLite::Database>> {
        if (!writable)
            return connectImmutable(file);
        auto database = std::make_unique<SQLite::Database>(file.toStdString(),
                                                           SQLite::OPEN_READONLY, kBusyTimeout_ms);
        database->exec("PRAGMA query_only = ON");
        return database;
    });
}

} // namespace app
