#pragma once
// Names that come from the network never lead out of the folder they are meant for.

#include "engine/status.h"

#include <QString>

namespace app {

/// True for a relative path of ordinary names: no "..", nothing absolute, hidden, reserved by us,
/// too long, and no character that hides or reorders text.
bool isSafeRelativePath(const QString& path);

/// `folder`/`path`, after the folders in between were made. DownloadNameUnsafe when the path is not
/// safe or a link stands on the way; FileCannotWrite when a folder cannot be made.
engine::Result<QString> placeFor(const QString& folder, const QString& path, const QString& host);

/// "owner/name" as the hubs allow it: two safe names.
bool isRepositoryName(const QString& name);

} // namespace app
