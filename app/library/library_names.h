#pragma once
// LibraryNames: from the name of a model to its file or folder, for the command line: looks through
// the library's folders by names alone, without the cache and without opening a model. Any thread.

#include "engine/status.h"

#include <QString>

namespace app {

/// The path of the model called `name` (its file's or folder's name, ".gguf" or not; capitals do
/// not matter where no model is called exactly so). FileCannotOpen when there is none,
/// ModelNameAmbiguous when there are several.
engine::Result<QString> findModelByName(const QString& dataDir, const QString& name);

} // namespace app
