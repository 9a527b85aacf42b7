#pragma once
// PageScan: the rows of a database file found page by page, for a file whose trees lead nowhere any
// more. Every sound leaf page gives its rows, whichever branch above it is broken. Format:
// sqlite.org/fileformat2.html, sections 1.5 to 2.1. Pages of 4096 bytes, which is what we write.

#include <functional>
#include <QString>
#include <string>
#include <variant>
#include <vector>

namespace app {

using ScannedValue = std::variant<std::monostate, qint64, std::string>;

struct ScannedRow {
    qint64 id = 0;                    // the rowid; its own column reads as nothing
    std::vector<ScannedValue> values; // in the order of the table's columns
};

/// Calls `take` for every row of integers, texts and nothings on a leaf of any table that is not on
/// the list of free pages (those hold what was deleted). Bounded by the file's size.
void scanTableLeaves(const QString& file, const std::function<void(const ScannedRow&)>& take);

} // namespace app
