#include "app/disk_room.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <sys/statvfs.h>

namespace app {

// Not QStorageInfo: it finds a place only through the table of mounts, which a container may lack.
qint64 freeBytes(const QString& folder) {
    QString place = QDir(folder).absolutePath();
    while (!QFileInfo::exists(place) && place.size() > 1)
        place = QFileInfo(place).absolutePath();
    struct statvfs disk {};
    if (statvfs(QFile::encodeName(place).constData(), &disk) != 0)
        return -1;
    return static_cast<qint64>(disk.f_bavail) * static_cast<qint64>(disk.f_frsize);
}

} // namespace app
