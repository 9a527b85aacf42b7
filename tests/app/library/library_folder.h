#pragma once
// Folders with real small models for the tests of the library.

#include <QDir>
#include <QFile>
#include <QString>

namespace tests {

inline QString emberFile() {
    return QStringLiteral(INGLENOOK_SOURCE_DIR "/resources/models/ember.gguf");
}

/// A GGUF file that works; a link, as people keep models in one place.
inline bool placeGguf(const QString& file) {
    QDir().mkpath(file.section(QLatin1Char('/'), 0, -2));
    return QFile::link(emberFile(), file);
}

/// A folder with config.json and safetensors.
inline bool placeFolder(const QString& folder) {
    const QString from = QStringLiteral(INGLENOOK_SOURCE_DIR "/tests/fixtures/goldens/qwen2-tied/");
    bool good = QDir().mkpath(folder);
    for (const char* name : {"config.json", "model.safetensors", "generation_config.json"})
        good = QFile::copy(from + QLatin1String(name),
                           folder + QLatin1Char('/') + QLatin1String(name)) &&
               good;
    return good;
}

inline bool placeText(const QString& file, const QByteArray& text) {
    QDir().mkpath(file.section(QLatin1Char('/'), 0, -2));
    QFile out(file);
    return out.open(QIODevice::WriteOnly) && out.write(text) == text.size();
}

} // namespace tests
