#pragma once
// LibraryScan: one look through all folders, given what the last one found. Opens only what is new
// or changed. Any thread but the GUI's.

#include "app/library/library_json.h"
#include "app/library/model_walk.h"

namespace app {

/// A folder to look through.
struct LibraryRoot {
    QString path;
    bool isOwn = false;
    bool isBuiltIn = false; // what the program brought along
};

struct LibraryScan {
    LibraryFinds finds;
    QList<LibraryFolder> folders; // without the built-in one
    QStringList directories;      // to be watched
    int opened = 0;               // models that were not known as they are
};

/// What is marked (`marked`: paths with a note, a favourite, defaults) is kept as away even when
/// its folder is there and it is not. A scan that was stopped returns what is known so far and must
/// not replace a whole one.
LibraryScan scanLibrary(const QList<LibraryRoot>& roots, const LibraryFinds& known,
                        const QStringList& marked, const std::atomic<bool>& stop);

} // namespace app
