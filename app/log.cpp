#include "app/log.h"

#include "engine/status.h"

#include <atomic>
#include <QDateTime>
#include <QDir>

namespace app {

namespace {

constexpr int kOlderFiles = 4;

// Qt's handler is a bare function: the one place where it can find the log.
std::atomic<Log*> installedLog = nullptr;
std::atomic<QtMessageHandler> previousHandler = nullptr;

const char* levelName(QtMsgType type) {
    switch (type) {
    case QtDebugMsg:
        return "debug";
    case QtInfoMsg:
        return "info";
    case QtWarningMsg:
        return "warning";
    case QtCriticalMsg:
    case QtFatalMsg:
        break;
    }
    return "error";
}

void handle(QtMsgType type, const QMessageLogContext& context, const QString& text) {
    if (Log* log = installedLog)
        log->write(levelName(type), text);
    if (const QtMessageHandler previous = previousHandler)
        previous(type, context, text);
}

} // namespace

Log::Log(const QString& dir, qint64 mostBytes) : m_dir(dir), m_mostBytes(mostBytes) {
    QDir().mkpath(dir);
    m_file.setFileName(dir + QStringLiteral("/inglenook.log"));
    m_file.open(QIODevice::WriteOnly | QIODevice::Append | QIODevice::Unbuffered);
}

Log::~Log() = default;

void Log::write(const char* level, const QString& text) {
    const QString stamp = QDateTime::currentDateTimeUtc().toString(Qt::ISODateWithMs);
    const std::string line = stamp.toStdString() + ' ' + level + ' ' +
                             engine::escapeForDisplay(text.toStdString()) + '\n';
    const QMutexLocker lock(&m_mutex);
    if (!m_file.isOpen())
        return;
    if (m_file.size() + qint64(line.size()) > m_mostBytes)
        rotate();
    m_file.write(line.data(), qint64(line.size())); // on a full disk the line is lost, no more
}

void Log::rotate() {
    const QString name = m_file.fileName();
    m_file.close();
    QFile::remove(QStringLiteral("%1.%2").arg(name).arg(kOlderFiles));
    for (int i = kOlderFiles - 1; i > 0; --i)
        QFile::rename(QStringLiteral("%1.%2").arg(name).arg(i),
                      QStringLiteral("%1.%2").arg(name).arg(i + 1));
    QFile::rename(name, name + QStringLiteral(".1"));
    m_file.open(QIODevice::WriteOnly | QIODevice::Append | QIODevice::Unbuffered);
}

LogInstall::LogInstall(Log& log) {
    installedLog = &log;
    previousHandler = qInstallMessageHandler(handle);
}

LogInstall::~LogInstall() {
    installedLog = nullptr;
    qInstallMessageHandler(previousHandler.exchange(nullptr));
}

} // namespace app
