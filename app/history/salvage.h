#pragma once
// Salvage: brings every row that can still be read from a damaged history into a fresh one. The
// damaged file is only copied, never opened itself. Rows are fetched one by one by id, then looked
// for on every page, so that a broken page costs the rows on it and no others.

#include <optional>
#include <QString>
#include <SQLiteCpp/Database.h>

namespace app {

struct SalvageCount {
    qint64 conversations = 0;
    qint64 messages = 0;
};

/// Nothing when not even the tables could be found. `fresh` has the newest schema and no rows.
std::optional<SalvageCount> salvageHistory(const QString& damaged, SQLite::Database& fresh);

} // namespace app
