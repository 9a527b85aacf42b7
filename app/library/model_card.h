#pragma once
// ModelCard: what the library knows of one model without loading it, and what its owner wrote on
// it. Values; any thread.

#include "app/sampling_values.h"
#include "engine/status.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <QList>
#include <QMetaType>
#include <QString>

namespace app {

struct ModelFile {
    QString name; // in the model's folder
    quint64 bytes = 0;
    qint64 modified_ms = 0; // UTC
    QString sha256;         // empty: not computed yet

    bool isSameAs(const ModelFile& other) const {
        return name == other.name && bytes == other.bytes && modified_ms == other.modified_ms;
    }
};

/// Whether a model consists of the files that it consisted of before.
inline bool areSame(const QList<ModelFile>& before, const QList<ModelFile>& now) {
    return std::equal(before.begin(), before.end(), now.begin(), now.end(),
                      [](const ModelFile& a, const ModelFile& b) { return a.isSameAs(b); });
}

/// What new chats and loads of a model begin with; empty and 0: nothing of its own.
struct ModelDefaults {
    std::optional<SamplingValues> sampling; // none: as published
    QString systemPrompt;
    QString kv; // auto f32 bf16 int8
    int contextTokens = 0;

    bool isEmpty() const { return *this == ModelDefaults(); }
    bool operator==(const ModelDefaults&) const = default;
};

/// What was set on the model at a path.
using ModelDefaultsOf = std::function<ModelDefaults(const QString& path)>;

/// What a person has set on a model.
struct ModelMarks {
    bool isFavourite = false;
    QString note;
    ModelDefaults defaults;

    bool isEmpty() const { return !isFavourite && note.isEmpty() && defaults.isEmpty(); }
};

/// Where the default sampling comes from.
enum class SamplingSource { Publisher, DeepSeek, Ours };

struct ModelCard {
    QString path; // file or folder
    QString root; // folder of the library it was found in
    QString id;   // its name on the command line: file or folder without ending
    QString name; // "DeepSeek-R1-Distill-Qwen-7B"
    QString family;
    QString baseModel; // what it was made from: "Qwen2.5-Math-7B"; empty = not known
    bool isDistilled = false;
    QString architecture; // "qwen2": what is computed, whatever the name says
    quint64 parameters = 0;
    QString format;   // "GGUF v3", "safetensors"
    QString fileType; // "Q8_0", "BF16"
    int contextTokens = 0;
    int layers = 0;
    int hiddenSize = 0;
    int heads = 0;
    int kvHeads = 0;
    QString licence; // as the files state it; empty = they do not
    bool isReasoner = false;
    bool hasTokenizer = true;
    SamplingValues published; // what the model's own defaults are
    SamplingSource samplingSource = SamplingSource::Ours;
    QList<ModelFile> files;
    QString contentHash; // header and samples, as the engine names a resident model

    bool isBuiltIn = false;
    bool isAway = false; // on a disk that is not there now
    ModelMarks marks;

    quint64 bytes() const {
        quint64 sum = 0;
        for (const ModelFile& file : files)
            sum += file.bytes;
        return sum;
    }
};

/// A file or folder that looks like a model and is none that works.
struct RejectedModel {
    QString path;
    QString root;
    QList<ModelFile> files;
    engine::Status reason;
    bool isAway = false;

    QString sentence() const; ///< in the language of the moment
};

/// One of the folders that are looked through.
struct LibraryFolder {
    QString path;
    bool isOwn = false; // the program's own: always there, cannot be removed
    bool isAway = false;
    bool isReadOnly = false;
    int models = 0;
};

} // namespace app

Q_DECLARE_METATYPE(app::ModelCard)
