#include "app/history/sqlite_status.h"

#include <sqlite3.h>

namespace app {

bool meansDamage(int sqliteCode) {
    const int primary = sqliteCode & 0xFF;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT;
}

engine::Status statusOf(const SQLite::Exception& exception, const QString& file) {
    const std::string name = file.toStdString();
    const std::string reason = exception.what();
    const int code = exception.getErrorCode() & 0xFF;
    if (meansDamage(code))
        return engine::Status(engine::Code::DatabaseDamaged, {{"file", name}, {"reason", reason}});
    switch (code) {
    case SQLITE_FULL:
        return engine::Status(engine::Code::DiskFull, {{"file", name}});
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return engine::Status(engine::Code::DatabaseCannotOpen,
                              {{"file", name}, {"reason", reason}});
    case SQLITE_READONLY:
        return engine::Status(engine::Code::DatabaseReadOnly, {{"file", name}, {"reason", reason}});
    default:
        return engine::Status(engine::Code::DatabaseCannotWrite,
                              {{"file", name}, {"reason", reason}});
    }
}

} // namespace app
