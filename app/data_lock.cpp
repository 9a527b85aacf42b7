#include "app/data_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <QDeadlineTimer>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QLocalSocket>
#include <QThread>
#include <sys/file.h>
#include <unistd.h>

namespace app {

namespace {
constexpr int kRaiseTimeout_ms = 2000;
constexpr qsizetype kLongestSocketPath = 100; // sun_path holds 108 bytes
constexpr char kRaise[] = "raise\n";
} // namespace

DataLock::DataLock(const QString& lockFile, const QString& socket, QObject* parent)
    : QObject(parent), m_lockFile(lockFile), m_socket(socket) {}

DataLock::~DataLock() {
    if (m_server) {
        m_server->close();
        QLocalServer::removeServer(m_socket);
    }
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
    listen();
    return true;
}

void DataLock::listen() {
    if (m_socket.toLocal8Bit().size() > kLongestSocketPath)
        return; // a second start then says that the directory is in use, and raises nothing
    QLocalServer::removeServer(m_socket); // left by a killed process: we hold the lock
    m_server = std::make_unique<QLocalServer>();
    m_server->setSocketOptions(QLocalServer::UserAccessOption);
    connect(m_server.get(), &QLocalServer::newConnection, this, [this] {
        while (QLocalSocket* guest = m_server->nextPendingConnection()) {
            // Whatever it says: there is one thing to ask for here.
            connect(guest, &QLocalSocket::disconnected, guest, &QObject::deleteLater);
            guest->disconnectFromServer();
            emit raiseRequested();
        }
    });
    m_server->listen(m_socket);
}

bool DataLock::askToRaise() const {
    // The first may hold the lock and not listen yet.
    QDeadlineTimer deadline(kRaiseTimeout_ms);
    do {
        QLocalSocket socket;
        socket.connectToServer(m_socket);
        if (socket.waitForConnected(int(deadline.remainingTime()))) {
            socket.write(kRaise);
            socket.waitForBytesWritten(100);
            return true;
        }
        QThread::msleep(20);
    } while (!deadline.hasExpired());
    return false;
}

} // namespace app
