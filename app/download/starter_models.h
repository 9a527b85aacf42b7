#pragma once
// The models that a beginner is offered: the distilled DeepSeek family, in GGUF conversions that
// lie on Hugging Face and on ModelScope under the same name. Names only; sizes are what the hub
// tells.

#include <QList>
#include <QString>

namespace app {

struct StarterModel {
    QString name;       // "DeepSeek-R1-Distill-Qwen-1.5B"
    QString repository; // "owner/name"
};

/// Smallest first.
const QList<StarterModel>& starterModels();

} // namespace app
