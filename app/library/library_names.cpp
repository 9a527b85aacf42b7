#include "app/library/library_names.h"

#include "app/json_store.h"
#include "app/library/library_json.h"
#include "app/library/model_identity.h"
#include "app/library/model_walk.h"
#include "app/paths.h"

#include <QFileInfo>

namespace app {

engine::Result<QString> findModelByName(const QString& dataDir, const QString& name) {
    const Paths paths{dataDir};
    // A file that cannot be used stays for the desktop to say so: the program's own folder serves.
    const auto stored = JsonStore(paths.libraryFile(), kMostChoiceBytes).read();
    const LibraryChoices choices = choicesFrom(stored.ok() ? stored->object() : QJsonObject());
    QStringList folders{paths.modelsDir()};
    if (!builtInModelPath().isEmpty())
        folders.append(QFileInfo(builtInModelPath()).absolutePath());
    folders += choices.folders;
    QString wanted = name;
    if (wanted.endsWith(QLatin1String(".gguf"), Qt::CaseInsensitive))
        wanted.chop(5);
    QStringList exact;
    QStringList alike;
    const std::atomic<bool> stop{false};
    for (const QString& folder : std::as_const(folders))
        for (const ModelCandidate& candidate : walkModels(folder, stop).candidates) {
            const QString id = idOfModelPath(candidate.path);
            if (id.compare(wanted, Qt::CaseInsensitive) == 0)
                (id == wanted ? exact : alike).append(candidate.path);
        }
    QStringList found = exact.isEmpty() ? alike : exact;
    found.removeDuplicates();
    if (found.isEmpty())
        return engine::Status(
            engine::Code::FileCannotOpen,
            {{"file", name.toStdString()}, {"reason", "there is no such file, folder or model"}});
    if (found.size() > 1)
        return engine::Status(engine::Code::ModelNameAmbiguous,
                              {{"name", name.toStdString()},
                               {"count", std::to_string(found.size())},
                               {"list", found.join(QStringLiteral(", ")).toStdString()}});
    return found.first();
}

} // namespace app
