#pragma once
// LibraryJson: the library's two files. library.json holds what its owner chose (folders,
// favourites, notes, defaults); library_cache.json what was read from the models, so that a model
// that did not change is not opened again, and one on an unplugged disk is still known. The cache
// may be deleted. Pure but for the cache file; any thread.

#include "app/library/model_card.h"

#include <QHash>
#include <QJsonObject>
#include <QStringList>

namespace app {

/// What its owner chose.
struct LibraryChoices {
    QStringList folders;              // besides the program's own
    QHash<QString, ModelMarks> marks; // by path
};

/// What was found at the last look.
struct LibraryFinds {
    QList<ModelCard> cards;
    QList<RejectedModel> rejected;
};

/// Most bytes of library.json.
constexpr qint64 kMostChoiceBytes = 4 << 20;
/// What is missing or no choice is left out.
LibraryChoices choicesFrom(const QJsonObject& json);
QJsonObject toJson(const LibraryChoices& choices);

/// Nothing when the file is not there, damaged, or of another version.
LibraryFinds readFinds(const QString& file);
engine::Status writeFinds(const QString& file, const LibraryFinds& finds);

} // namespace app
