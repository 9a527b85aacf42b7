#include "app/library/model_walk.h"

#include <algorithm>
#include <map>
#include <QDateTime>
#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>
#include <QSet>

namespace app {

namespace {

ModelFile fileOf(const QFileInfo& info) {
    return {info.fileName(), quint64(info.size()), info.lastModified().toMSecsSinceEpoch(), {}};
}

bool isWeights(const QFileInfo& info) {
    const QString name = info.fileName();
    return name.endsWith(QLatin1String(".safetensors")) ||
           (name.startsWith(QLatin1String("pytorch_model")) &&
            name.endsWith(QLatin1String(".bin")));
}

/// The files beside the weights that make a model what it is.
bool isPartOfModel(const QFileInfo& info) {
    const QString name = info.fileName();
    return isWeights(info) || name.endsWith(QLatin1String(".json")) ||
           name.endsWith(QLatin1String(".jinja")) || name == QLatin1String("merges.txt") ||
           name == QLatin1String("tokenizer.model") || name == QLatin1String("README.md") ||
           name.startsWith(QLatin1String("LICENSE"));
}

class Walk {
  public:
    Walk(ModelWalk& found, const std::atomic<bool>& stop) : m_found(found), m_stop(stop) {}

    void into(const QString& folder, int depth) {
        const QString real = QFileInfo(folder).canonicalFilePath();
        if (m_stop || depth > kDeepestModelFolder || real.isEmpty() || m_seen.contains(real) ||
            m_seen.size() >= kMostModelFolders)
            return;
        m_seen.insert(real);
        m_found.directories.append(folder);
        const QFileInfoList entries = QDir(folder).entryInfoList(
            QDir::Files | QDir::Dirs | QDir::NoDotAndDotDot | QDir::Readable, QDir::Name);
        if (depth == 0)
            m_found.isEmpty = QDir(folder).isEmpty();
        addGgufs(folder, entries);
        addFolder(folder, entries);
        for (const QFileInfo& entry : entries)
            if (entry.isDir())
                into(entry.filePath(), depth + 1);
    }

  private:
    /// A split model is one candidate: its parts under the path of the first that is there.
    void addGgufs(const QString& folder, const QFileInfoList& entries) {
        static const QRegularExpression part(QStringLiteral("^(.*)-\\d{5}-of-\\d{5}\\.gguf$"),
                                             QRegularExpression::CaseInsensitiveOption);
        std::map<QString, ModelCandidate> split; // by stem
        for (const QFileInfo& entry : entries) {
            if (!entry.isFile() ||
                entry.suffix().compare(QLatin1String("gguf"), Qt::CaseInsensitive) != 0)
                continue;
            const QRegularExpressionMatch match = part.match(entry.fileName());
            if (!match.hasMatch()) {
                m_found.candidates.append(
                    {folder + QLatin1Char('/') + entry.fileName(), {fileOf(entry)}});
                continue;
            }
            ModelCandidate& candidate = split[match.captured(1)];
            if (candidate.path.isEmpty()) // entries come by name: the first part comes first
                candidate.path = folder + QLatin1Char('/') + entry.fileName();
            candidate.files.append(fileOf(entry));
        }
        for (auto& [stem, candidate] : split)
            m_found.candidates.append(std::move(candidate));
    }

    void addFolder(const QString& folder, const QFileInfoList& entries) {
        if (std::none_of(entries.begin(), entries.end(),
                         [](const QFileInfo& entry) { return entry.isFile() && isWeights(entry); }))
            return;
        ModelCandidate candidate{folder, {}};
        for (const QFileInfo& entry : entries)
            if (entry.isFile() && isPartOfModel(entry))
                candidate.files.append(fileOf(entry));
        m_found.candidates.append(candidate);
    }

    ModelWalk& m_found;
    const std::atomic<bool>& m_stop;
    QSet<QString> m_seen; // canonical: links may lead in a circle
};

} // namespace

ModelWalk walkModels(const QString& root, const std::atomic<bool>& stop) {
    ModelWalk found;
    const QFileInfo info(root);
    found.isThere = info.isDir();
    if (!found.isThere)
        return found;
    found.isReadOnly = !info.isWritable();
    Walk(found, stop).into(QDir::cleanPath(info.absoluteFilePath()), 0);
    std::sort(found.candidates.begin(), found.candidates.end(),
              [](const ModelCandidate& a, const ModelCandidate& b) { return a.path < b.path; });
    return found;
}

} // namespace app
