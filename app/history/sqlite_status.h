#pragma once
// What SQLite says, as a Status: the one place where its exceptions end.

#include "engine/status.h"

#include <QString>
#include <SQLiteCpp/Exception.h>
#include <utility>

namespace app {

/// True for results that mean "the bytes in the file are wrong", not "the disk is".
bool meansDamage(int sqliteCode);
engine::Status statusOf(const SQLite::Exception& exception, const QString& file);

/// Runs `work` (returning a Status or a Result) and turns what SQLite throws into a Status.
template<typename Work>
auto guarded(const QString& file, Work&& work) -> decltype(work()) {
    try {
        return std::forward<Work>(work)();
    } catch (const SQLite::Exception& exception) {
        return statusOf(exception, file);
    } catch (const std::bad_alloc&) {
        return engine::Status(engine::Code::OutOfMemory, {{"need", "?"}, {"free", "?"}});
    }
}

} // namespace app
