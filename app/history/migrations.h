#pragma once
// Migrations: from any released schema to the newest, each step whole or not at all, after a backup
// that was opened and checked. The schema number is SQLite's user_version.

#include "engine/status.h"

#include <QString>
#include <span>
#include <SQLiteCpp/Database.h>
#include <string_view>
#include <vector>

namespace app {

enum class DatabaseKind { History, Cache, Metrics };

struct Migration {
    int version = 0; // the schema it leads to; 1, 2, 3 ...
    std::string_view sql;
};

/// Those of resources/sql for one database, by version.
std::vector<Migration> migrationsOf(DatabaseKind kind);

int schemaVersion(SQLite::Database& database);

/// Copies a database that may be in use to `backup` (VACUUM INTO, never a copy of the file), opens
/// the copy and checks its integrity, schema number and row counts; it is on the disk afterwards.
/// BackupFailed otherwise, and no half backup stays.
engine::Status backUp(SQLite::Database& database, const QString& file, const QString& backup);

/// Brings `database` to the newest schema. A database that already holds something is first backed
/// up to backups/ beside it. On failure it is as it was before the step that failed.
engine::Status migrate(SQLite::Database& database, const QString& file,
                       std::span<const Migration> migrations);

} // namespace app
