#include "app/history/salvage.h"

#include "app/history/history_writer.h"
#include "app/history/message_codec.h"
#include "app/history/page_scan.h"

#include <algorithm>
#include <functional>
#include <QFile>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <string>

namespace app {

namespace {

constexpr qint64 kPage = 4096;          // SQLite's default, which we keep
constexpr qint64 kGuessedIds = 1 << 16; // how far to look when no row tells the largest id
constexpr qint64 kMostIds = qint64(1) << 24;

constexpr const char* kAllConversationColumns =
    "id, title, created_ms, updated_ms, pinned, trashed_ms, leaf";
constexpr const char* kPartColumns = "id, message, reasoning, text";
constexpr const char* kAllRunColumns = "id, title, task, material, closing, created_ms, trashed_ms";
constexpr const char* kLaneColumns = "conversation, run, agent";

/// A working copy beside the damaged file, removed at the end.
class WorkingCopy {
  public:
    explicit WorkingCopy(const QString& damaged) : m_file(damaged + QStringLiteral("-salvage")) {
        QFile::remove(m_file);
        QFile::copy(damaged, m_file);
        QFile::copy(damaged + QStringLiteral("-wal"), m_file + QStringLiteral("-wal"));
    }
    ~WorkingCopy() {
        for (const char* suffix : {"", "-wal", "-shm", "-journal"})
            QFile::remove(m_file + QLatin1String(suffix));
    }
    WorkingCopy(const WorkingCopy&) = delete;
    WorkingCopy& operator=(const WorkingCopy&) = delete;

    /// The first page (header and table of tables) from a sound file. Every file that the same
    /// migrations made has its tables at the same pages, so the rest can be found again.
    void graftFirstPage(const QString& sound) {
        QFile source(sound);
        QFile copy(m_file);
        if (!source.open(QIODevice::ReadOnly) || !copy.open(QIODevice::ReadWrite))
            return;
        QByteArray page = source.read(kPage);
        const quint32 pages = quint32(copy.size() / kPage);
        for (int i = 0; i < 4; ++i) // offset 28: pages in the file, big-endian
            page[28 + i] = char(pages >> (24 - 8 * i) & 0xFF);
        if (page.size() == kPage)
            copy.write(page);
    }

    const QString& file() const { return m_file; }

  private:
    QString m_file;
};

/// Absent where it cannot be read; 0 for NULL and for no row.
std::optional<qint64> tryInteger(SQLite::Database& database, const std::string& sql) {
    try {
        SQLite::Statement ask(database, sql);
        return ask.executeStep() ? ask.getColumn(0).getInt64() : 0;
    } catch (const SQLite::Exception&) {
        return {};
    }
}

qint64 largestId(SQLite::Database& database, const std::string& table) {
    const auto inTable = tryInteger(database, "SELECT max(rowid) FROM " + table + " NOT INDEXED");
    const auto ever =
        tryInteger(database, "SELECT max(seq) FROM sqlite_sequence WHERE name = '" + table + "'");
    const qint64 id = std::max(inTable.value_or(0), ever.value_or(0));
    if (id == 0 && inTable)
        return 0; // it is empty
    return id > 0 && id < kMostIds ? id : kGuessedIds;
}

void copyRow(SQLite::Statement& from, SQLite::Statement& to) {
    for (int i = 0; i < from.getColumnCount(); ++i) {
        const SQLite::Column column = from.getColumn(i);
        if (column.isNull())
            to.bind(i + 1);
        else if (column.isInteger())
            to.bind(i + 1, column.getInt64());
        else
            to.bind(i + 1, column.getString());
    }
    to.exec();
    to.reset();
}

/// Copies row by row; what cannot be read or does not fit its table is left out.
qint64 copyTable(SQLite::Database& damaged, SQLite::Database& fresh, const std::string& table,
                 const std::string& columns) {
    qint64 copied = 0;
    try {
        std::string places = "?";
        for (const char c : columns)
            places += c == ',' ? ", ?" : "";
        SQLite::Statement insert(fresh, "INSERT INTO " + table + " (" + columns + ") VALUES (" +
                                            places + ")");
        SQLite::Statement fetch(damaged, "SELECT " + columns + " FROM " + table +
                                             " NOT INDEXED WHERE rowid = ?");
        const qint64 last = largestId(damaged, table);
        for (qint64 id = 1; id <= last; ++id) {
            try {
                bindNumber(fetch, 1, id);
                if (fetch.executeStep()) {
                    copyRow(fetch, insert);
                    ++copied;
                }
            } catch (const SQLite::Exception&) {
                insert.tryReset();
            }
            fetch.tryReset();
        }
    } catch (const SQLite::Exception&) {
        return copied; // the table itself cannot be found
    }
    return copied;
}

bool isInteger(const ScannedValue& value) {
    return std::holds_alternative<qint64>(value);
}
bool isText(const ScannedValue& value) {
    return std::holds_alternative<std::string>(value);
}

/// The table that rows of this form are of; null for one that is made again or none of ours.
const char* tableOf(const std::vector<ScannedValue>& v) {
    if (v.size() == 7 && isText(v[1]) && isInteger(v[2]) && isInteger(v[3]) && isInteger(v[4]))
        return "conversations";
    if (v.size() >= 8 && isInteger(v[1]) && isInteger(v[2]) && isInteger(v[3]) && isInteger(v[4]) &&
        isText(v[5]) && isText(v[6]) && isInteger(v[7]))
        return "messages";
    return nullptr;
}

std::vector<std::string> columnsOf(SQLite::Database& database, const std::string& table) {
    std::vector<std::string> columns;
    SQLite::Statement all(database, "SELECT name FROM pragma_table_info('" + table + "')");
    while (all.executeStep())
        columns.push_back(all.getColumn(0).getString());
    return columns;
}

/// Rows that no tree leads to any more. What is there already stays as it is.
void addScanned(const QString& file, SQLite::Database& fresh, SalvageCount& count) {
    const std::vector<std::string> ofMessages = columnsOf(fresh, "messages");
    const std::vector<std::string> ofConversations = columnsOf(fresh, "conversations");
    scanTableLeaves(file, [&](const ScannedRow& row) {
        const char* table = tableOf(row.values);
        if (table == nullptr)
            return;
        const std::vector<std::string>& columns = table[0] == 'm' ? ofMessages : ofConversations;
        if (row.values.size() > columns.size())
            return;
        std::string names = columns[0]; // the id; a row of an older schema lacks the last ones
        std::string places = "?";
        for (std::size_t i = 1; i < row.values.size(); ++i) {
            names += ", " + columns[i];
            places += ", ?";
        }
        try {
            SQLite::Statement insert(fresh, std::string("INSERT OR IGNORE INTO ") + table + " (" +
                                                names + ") VALUES (" + places + ")");
            bindNumber(insert, 1, row.id);
            for (std::size_t i = 1; i < row.values.size(); ++i) {
                if (const auto* number = std::get_if<qint64>(&row.values[i]))
                    bindNumber(insert, int(i) + 1, *number);
                else if (const auto* text = std::get_if<std::string>(&row.values[i]))
                    insert.bind(int(i) + 1, *text);
            }
            const int added = insert.exec();
            (table[0] == 'm' ? count.messages : count.conversations) += added;
        } catch (const SQLite::Exception&) {
            return; // it does not fit its table: not a row of it
        }
    });
}

/// Messages whose conversation is lost get one, so that every one of them can be seen.
void adoptOrphans(SQLite::Database& fresh) {
    fresh.exec("INSERT INTO conversations (id, title, created_ms, updated_ms, leaf) "
               "SELECT conversation, '(recovered)', min(created_ms), max(created_ms), max(id) "
               "FROM messages WHERE conversation NOT IN (SELECT id FROM conversations) "
               "GROUP BY conversation");
    // A lost message must not hide those below it, nor a lost leaf the whole branch.
    fresh.exec("UPDATE messages SET parent = coalesce((SELECT max(id) FROM messages AS older WHERE "
               "older.conversation = messages.conversation AND older.id < messages.id), 0) "
               "WHERE parent <> 0 AND parent NOT IN (SELECT id FROM messages)");
    fresh.exec("UPDATE conversations SET leaf = coalesce((SELECT max(id) FROM messages WHERE "
               "conversation = conversations.id), 0) "
               "WHERE leaf NOT IN (SELECT id FROM messages)");
}

/// `scanAnyway`: also when no table could be found, which another first page may mend.
SalvageCount copyAll(const QString& file, SQLite::Database& fresh, bool scanAnyway) {
    SalvageCount count;
    fresh.exec("PRAGMA foreign_keys = OFF"); // a parent row may be lost; see adoptOrphans
    SQLite::Transaction all(fresh);
    {
        SQLite::Database damaged(file.toStdString(), SQLite::OPEN_READWRITE);
        count.conversations = copyTable(damaged, fresh, "conversations", kAllConversationColumns);
        count.messages = copyTable(damaged, fresh, "messages", kMessageColumns);
        copyTable(damaged, fresh, "message_parts", kPartColumns);
        copyTable(damaged, fresh, "runs", kAllRunColumns);
        copyTable(damaged, fresh, "lanes", kLaneColumns);
    } // closed, it has moved its log into the file
    if (scanAnyway || count.messages > 0)
        addScanned(file, fresh, count);
    adoptOrphans(fresh);
    fresh.exec("DELETE FROM message_parts WHERE message NOT IN (SELECT id FROM messages)");
    // A lane without its run is a chat, so that it can be seen.
    fresh.exec("DELETE FROM lanes WHERE run NOT IN (SELECT id FROM runs) OR "
               "conversation NOT IN (SELECT id FROM conversations)");
    HistoryWriter(fresh).rebuildSearch();
    all.commit();
    return count;
}

} // namespace

std::optional<SalvageCount> salvageHistory(const QString& damaged, SQLite::Database& fresh) {
    std::optional<SalvageCount> count;
    for (const bool graft : {false, true}) {
        try {
            WorkingCopy copy(damaged);
            if (graft) {
                // The fresh file must be complete on disk for its first page to be read.
                fresh.exec("PRAGMA wal_checkpoint(TRUNCATE)");
                copy.graftFirstPage(QString::fromStdString(fresh.getFilename()));
            }
            count = copyAll(copy.file(), fresh, graft);
        } catch (const SQLite::Exception&) {
            count.reset();
        }
        fresh.tryExec("PRAGMA foreign_keys = ON");
        if (count && count->messages > 0)
            break;
    }
    return count;
}

} // namespace app
