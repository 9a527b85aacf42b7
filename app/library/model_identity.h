#pragma once
// ModelIdentity: what a model really is, whatever its file is called. "DeepSeek-R1-Distill-Qwen-7B"
// is a Qwen2.5-Math-7B that learned from answers of DeepSeek-R1, not the model of 671 billion
// parameters. Pure; any thread.
//
// Source of the base models: the tables of DeepSeek-R1's README and of DeepSeek-R1-0528-Qwen3-8B's
// model card.

#include <QString>

namespace app {

struct ModelIdentity {
    QString name;   // as published, with hyphens
    QString family; // "DeepSeek-R1-Distill", "Qwen2.5", "Llama-3.1"
    QString base;   // empty = not known
    bool isDistilled = false;
};

/// `stated` is what the file calls itself, `fileName` what it is called on disk, `architecture` one
/// the engine computes, `base` what the file says it was made from (may be empty).
ModelIdentity identify(const QString& stated, const QString& fileName, const QString& architecture,
                       const QString& base, quint64 parameters);

/// The name of a model's file or folder: without ".gguf" and part numbers; in a Hugging Face cache
/// the repository's name instead of the revision.
QString idOfModelPath(const QString& path);

} // namespace app
