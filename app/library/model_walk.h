#pragma once
// ModelWalk: what in a folder may be a model, by names and sizes alone: nothing is opened. Any
// thread but the GUI's, as a disk may be asleep.

#include "app/library/model_card.h"

#include <atomic>
#include <QStringList>

namespace app {

/// A .gguf file (of a split one its first part), or a folder with weights in safetensors.
struct ModelCandidate {
    QString path;
    QList<ModelFile> files; // what it consists of; a change of one makes it another model
};

struct ModelWalk {
    QList<ModelCandidate> candidates; // ordered by path
    QStringList directories;          // that were looked into
    bool isThere = false;
    bool isEmpty = true; // nothing at all in it: the place where a disk is not mounted
    bool isReadOnly = false;
};

/// Any depth up to kDeepest; linked folders are followed, each real folder is looked into once.
ModelWalk walkModels(const QString& root, const std::atomic<bool>& stop);

constexpr int kDeepestModelFolder = 12;
constexpr int kMostModelFolders = 20'000;

} // namespace app
