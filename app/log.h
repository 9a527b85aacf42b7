#pragma once
// Log: what the program says, in a file of at most 1 MiB, with four older ones kept. Control and
// bidi characters are written as escapes, so that a log shown in a terminal does nothing. Any
// thread.

#include <memory>
#include <QFile>
#include <QMutex>
#include <QString>

namespace app {

class Log {
  public:
    /// Logs into `dir`/inglenook.log; without a writable folder it stays silent.
    explicit Log(const QString& dir, qint64 mostBytes = 1 << 20);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(const char* level, const QString& text);

  private:
    void rotate();

    QMutex m_mutex;
    QString m_dir;
    qint64 m_mostBytes;
    QFile m_file;
};

/// Sends Qt's messages (qInfo, qWarning ...) to a Log for as long as it lives. One at a time.
class LogInstall {
  public:
    explicit LogInstall(Log& log);
    ~LogInstall();
    LogInstall(const LogInstall&) = delete;
    LogInstall& operator=(const LogInstall&) = delete;
};

} // namespace app
