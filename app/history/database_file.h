#pragma once
// DatabaseFile: opens one of the three databases so that nothing that was in it is ever lost.
//
// A newer file is refused with its bytes unchanged; an older one is backed up and migrated; a
// damaged one is kept aside and what reads is brought over (history) or it starts empty (cache,
// metrics). WAL is asked for and verified. history.db syncs every commit, the others do not.
// Database thread.

#include "app/history/migrations.h"

#include <memory>

namespace app {

struct OpenedDatabase {
    std::unique_ptr<SQLite::Database> connection;
    bool writable = true;
    std::vector<engine::Status> notices; // what a person should know: salvage, read-only ...
};

/// `migrations` is migrationsOf(kind), or a test's own.
engine::Result<OpenedDatabase> openDatabase(DatabaseKind kind, const QString& file,
                                            std::span<const Migration> migrations);

/// The second connection: read-only and query_only. Opened after the writer, closed before it.
/// `writable` as openDatabase() reported it.
engine::Result<std::unique_ptr<SQLite::Database>> openReader(const QString& file, bool writable);

} // namespace app
