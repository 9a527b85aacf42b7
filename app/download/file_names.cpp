#include "app/download/file_names.h"

#include <cerrno>
#include <cstring>
#include <QFile>
#include <QStringList>
#include <sys/stat.h>

namespace app {

namespace {

constexpr int kLongestName = 200; // bytes; ".part.json" still fits into a file system's 255
constexpr int kLongestPath = 1024;
constexpr int kDeepest = 8;

bool isPlainCharacter(QChar c) {
    switch (c.category()) {
    case QChar::Other_Control:
    case QChar::Other_Format: // joiners, direction marks: they hide what a name is
    case QChar::Other_PrivateUse:
    case QChar::Other_NotAssigned:
    case QChar::Separator_Line:
    case QChar::Separator_Paragraph:
        return false;
    default:
        return c != QLatin1Char('\\') && c != QLatin1Char(':');
    }
}

bool isSafeName(const QString& name) {
    if (name.isEmpty() || name.startsWith(QLatin1Char('.')) || name.endsWith(QLatin1Char(' ')) ||
        name.toUtf8().size() > kLongestName)
        return false;
    for (const QChar c : name)
        if (!isPlainCharacter(c))
            return false;
    return name.isValidUtf16();
}

} // namespace

bool isSafeRelativePath(const QString& path) {
    const QStringList names = path.split(QLatin1Char('/'));
    if (path.toUtf8().size() > kLongestPath || names.size() > kDeepest)
        return false;
    for (const QString& name : names)
        if (!isSafeName(name))
            return false;
    return true;
}

bool isRepositoryName(const QString& name) {
    return name.count(QLatin1Char('/')) == 1 && isSafeRelativePath(name);
}

engine::Result<QString> placeFor(const QString& folder, const QString& path, const QString& host) {
    const engine::Status unsafe(engine::Code::DownloadNameUnsafe,
                                {{"host", host.toStdString()}, {"file", path.toStdString()}});
    if (!isSafeRelativePath(path))
        return unsafe;
    QString place = folder;
    const QStringList names = path.split(QLatin1Char('/'));
    for (qsizetype i = 0; i < names.size(); ++i) {
        place += QLatin1Char('/') + names.at(i);
        const QByteArray native = QFile::encodeName(place);
        const bool isFolder = i + 1 < names.size();
        if (isFolder && ::mkdir(native.constData(), 0755) != 0 && errno != EEXIST)
            return engine::Status(
                engine::Code::FileCannotWrite,
                {{"file", place.toStdString()}, {"reason", std::strerror(errno)}});
        struct stat found {};
        if (::lstat(native.constData(), &found) != 0)
            continue; // the file itself, not there yet
        if (isFolder ? !S_ISDIR(found.st_mode) : !S_ISREG(found.st_mode))
            return unsafe;
    }
    return place;
}

} // namespace app
