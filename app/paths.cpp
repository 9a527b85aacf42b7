#include "app/paths.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>

namespace app {

Paths resolvePaths(const QString& fromFlag) {
    if (!fromFlag.isEmpty())
        return {QDir(fromFlag).absolutePath()};
    const QDir programDir(QCoreApplication::applicationDirPath());
    if (programDir.exists(QStringLiteral("portable")))
        return {programDir.absoluteFilePath(QStringLiteral("data"))};
    const QString base = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation);
    return {base + QStringLiteral("/inglenook")};
}

QString sharedDataDir() {
    const QDir programDir(QCoreApplication::applicationDirPath());
    for (const char* candidate : {"../share/inglenook", "../resources", "../../../resources"}) {
        const QFileInfo info(programDir.filePath(QString::fromLatin1(candidate)));
        if (QFileInfo::exists(info.filePath() + QStringLiteral("/models")))
            return info.canonicalFilePath();
    }
    return {};
}

QString builtInModelPath() {
    const QString shared = sharedDataDir();
    const QString path = shared + QStringLiteral("/models/ember.gguf");
    return !shared.isEmpty() && QFileInfo::exists(path) ? path : QString();
}

} // namespace app
