#pragma once
// DataLock: one program a data directory. Whoever opens it holds data.lock; a second desktop asks
// the first to come forward.
//
// The lock is the kernel's (flock), not the file's content: it ends with the process however that
// dies, is never stale, and can be taken on a full or a read-only disk.

#include <memory>
#include <QLocalServer>
#include <QObject>
#include <QString>

namespace app {

class DataLock : public QObject {
    Q_OBJECT

  public:
    DataLock(const QString& lockFile, const QString& socket, QObject* parent = nullptr);
    ~DataLock() override;

    /// Takes the directory; makes it when it is not there. False: somebody else has it, or there
    /// is no such directory (see error()). A read-only directory is taken without a lock when it
    /// has no data.lock: nobody can write there.
    bool take();
    /// Empty after take() failed because somebody else has it; else why it cannot be taken.
    QString error() const { return m_error; }
    /// Asks the holder to raise its window; false when nobody answers within two seconds.
    bool askToRaise() const;

  signals:
    void raiseRequested();

  private:
    void listen();

    QString m_lockFile;
    QString m_socket;
    int m_descriptor = -1; // holds the lock
    QString m_error;
    std::unique_ptr<QLocalServer> m_server;
};

} // namespace app
