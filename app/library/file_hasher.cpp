#include "app/library/file_hasher.h"

#include <QCryptographicHash>
#include <QElapsedTimer>
#include <QFile>
#include <QFileInfo>
#include <QThread>

namespace app {

namespace {

constexpr qint64 kChunk_bytes = 4 << 20;
constexpr qint64 kProgress_ms = 200;

} // namespace

FileHasher::FileHasher(QObject* parent) : QObject(parent) {
    m_pool.setMaxThreadCount(1);
    m_pool.setThreadPriority(QThread::LowestPriority);
}

FileHasher::~FileHasher() {
    m_stop = true;
    m_pool.clear();
    m_pool.waitForDone();
}

void FileHasher::hash(const QString& file) {
    if (m_asked.contains(file))
        return;
    m_asked.insert(file);
    m_pool.start([this, file] { run(file); });
}

void FileHasher::run(const QString& path) {
    const QFileInfo before(path);
    QCryptographicHash hash(QCryptographicHash::Sha256);
    QFile file(path);
    bool good = file.open(QIODevice::ReadOnly | QIODevice::Unbuffered);
    const qint64 total = file.size();
    QByteArray chunk(kChunk_bytes, Qt::Uninitialized);
    QElapsedTimer sinceTold;
    sinceTold.start();
    qint64 done = 0;
    while (good && !m_stop && done < total) {
        const qint64 got = file.read(chunk.data(), chunk.size());
        good = got > 0;
        if (!good)
            break;
        hash.addData(QByteArrayView(chunk.constData(), got));
        done += got;
        if (sinceTold.elapsed() >= kProgress_ms) {
            sinceTold.restart();
            emit progressed(path, quint64(done), quint64(total));
        }
    }
    if (m_stop)
        return;
    const QFileInfo after(path);
    good = good && after.size() == before.size() && after.lastModified() == before.lastModified();
    const QString sha256 = good ? QString::fromLatin1(hash.result().toHex()) : QString();
    QMetaObject::invokeMethod(
        this,
        [this, path, sha256] {
            m_asked.remove(path);
            emit hashed(path, sha256);
        },
        Qt::QueuedConnection);
}

} // namespace app
