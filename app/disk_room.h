#pragma once
// How much room a disk has.

#include <QtGlobal>

class QString;

namespace app {

/// Bytes free for us on the file system of `folder` or of the nearest parent that exists; -1:
/// cannot be told. Looks at the disk.
qint64 freeBytes(const QString& folder);

} // namespace app
