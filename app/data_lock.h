#pragma once
// DataLock: one program a data directory. Whoever opens it holds data.lock; a second desktop speaks
// to the first through its InstanceDoor.
//
// The lock is the kernel's (flock), not the file's content: it ends with the process however that
// dies, is never stale, and can be taken on a full or a read-only disk.

#include <QString>

namespace app {

class DataLock {
  public:
    explicit DataLock(const QString& lockFile) : m_lockFile(lockFile) {}
    ~DataLock();
    DataLock(const DataLock&) = delete;
    DataLock& operator=(const DataLock&) = delete;

    /// Takes the directory; makes it when it is not there. False: somebody else has it, or there
    /// is no such directory (see error()). A read-only directory is taken without a lock when it
    /// has no data.lock: nobody can write there.
    bool take();
    /// Empty after take() failed because somebody else has it; else why it cannot be taken.
    QString error() const { return m_error; }

  private:
    QString m_lockFile;
    int m_descriptor = -1; // holds the lock
    QString m_error;
};

} // namespace app
