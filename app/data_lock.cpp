#include "app/data_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <sys/file.h>
#include <unistd.h>

namespace app {

DataLock::~DataLock() {
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

bool DataLock::take() {
    m_error.clear();
    const QString dir = QFileInfo(m_lockFile).absolutePath();
    QDir().mkpath(dir);
    const QByteArray path = QFile::encodeName(m_lockFile);
    // Close-on-exec: a child must not keep the directory after we have gone.
    m_descriptor = ::open(path.constData(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int why = errno;
    if (m_descriptor < 0)
        m_descriptor = ::open(path.constData(), O_RDONLY | O_CLOEXEC);
    if (m_descriptor < 0) {
        if ((why == EROFS || why == EACCES) && QFileInfo(dir).isDir())
            return true;
        m_error = QString::fromLocal8Bit(std::strerror(why));
        return false;
    }
    if (::flock(m_descriptor, LOCK_EX | LOCK_NB) != 0) {
        ::close(m_descriptor);
        m_descriptor = -1;
        return false;
    }
    return true;
}

} // namespace app
