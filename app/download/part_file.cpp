#include "app/download/part_file.h"

#include "app/disk_room.h"
#include "engine/model/memory_plan.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>
#include <sys/stat.h>
#include <unistd.h>

namespace app {

namespace {

constexpr qint64 kSyncEvery_bytes = 64 << 20;

} // namespace

bool PartOrigin::continues(const PartOrigin& earlier) const {
    if (!checksum.isEmpty() || !earlier.checksum.isEmpty())
        return checksum == earlier.checksum && (bytes < 0 || bytes == earlier.bytes);
    return address == earlier.address && !earlier.etag.isEmpty();
}

PartFile::PartFile(QString path) : m_path(std::move(path)) {}

PartFile::~PartFile() {
    close();
}

void PartFile::close() {
    if (m_descriptor >= 0)
        ::close(m_descriptor);
    m_descriptor = -1;
}

engine::Status PartFile::fail(int error) const {
    if (error == ENOSPC || error == EDQUOT) {
        const QString folder = QFileInfo(m_path).absolutePath();
        const qint64 left = m_origin.bytes < 0 ? 0 : m_origin.bytes - m_length;
        const auto text = [](qint64 bytes) {
            return engine::formatBytes(std::uint64_t(std::max<qint64>(bytes, 0)));
        };
        return engine::Status(engine::Code::DownloadNoRoom,
                              {{"file", QFileInfo(m_path).completeBaseName().toStdString()},
                               {"need", text(left)},
                               {"free", text(freeBytes(folder))},
                               {"folder", folder.toStdString()}});
    }
    return engine::Status(engine::Code::FileCannotWrite,
                          {{"file", m_path.toStdString()}, {"reason", std::strerror(error)}});
}

engine::Status PartFile::open(const PartOrigin& origin) {
    close();
    // Never through a link, never a device: the folder may have been prepared by somebody else.
    m_descriptor = ::open(QFile::encodeName(m_path).constData(),
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (m_descriptor < 0)
        return fail(errno);
    struct stat found {};
    if (::fstat(m_descriptor, &found) != 0 || !S_ISREG(found.st_mode))
        return fail(EINVAL);
    qint64 synced = 0;
    const PartOrigin earlier = readOrigin(synced);
    m_length = found.st_size;
    m_synced = synced;
    if (m_length == 0 || !origin.continues(earlier))
        return begin(origin);
    // Without a checksum at the end, bytes that a power cut may have turned into zeros do not
    // count.
    const qint64 sure = origin.checksum.isEmpty() ? std::min(m_length, synced) : m_length;
    m_origin = origin;
    m_origin.etag = earlier.etag;
    if (m_origin.bytes < 0)
        m_origin.bytes = earlier.bytes;
    if (m_origin.bytes >= 0 && m_length > m_origin.bytes)
        return begin(origin);
    return cut(sure);
}

engine::Status PartFile::begin(const PartOrigin& origin) {
    m_origin = origin;
    m_synced = 0;
    if (const engine::Status failed = cut(0); !failed.ok())
        return failed;
    return writeOrigin(0) ? engine::Status() : fail(errno != 0 ? errno : EIO);
}

engine::Status PartFile::cut(qint64 length) {
    if (::ftruncate(m_descriptor, length) != 0)
        return fail(errno);
    m_length = length;
    return {};
}

engine::Status PartFile::append(const QByteArray& bytes) {
    qint64 written = 0;
    while (written < bytes.size()) {
        const ssize_t now = ::pwrite(m_descriptor, bytes.constData() + written,
                                     size_t(bytes.size() - written), m_length + written);
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0) {
            const int error = now == 0 ? ENOSPC : errno;
            // The length must be what was taken into the checksum.
            if (::ftruncate(m_descriptor, m_length) != 0)
                return fail(errno);
            return fail(error);
        }
        written += now;
    }
    m_length += written;
    return m_length - m_synced >= kSyncEvery_bytes ? sync() : engine::Status();
}

QByteArray PartFile::read(qint64 offset, qint64 most) const {
    QByteArray bytes(qsizetype(std::min(most, m_length - offset)), Qt::Uninitialized);
    const ssize_t got = ::pread(m_descriptor, bytes.data(), size_t(bytes.size()), offset);
    bytes.resize(std::max<ssize_t>(got, 0));
    return bytes;
}

engine::Status PartFile::sync() {
    if (::fdatasync(m_descriptor) != 0)
        return fail(errno);
    m_synced = m_length;
    // When the note cannot be written, less is taken as sure after a restart: no error.
    if (m_origin.checksum.isEmpty())
        writeOrigin(m_synced);
    return {};
}

void PartFile::discard() {
    close();
    QFile::remove(m_path);
    QFile::remove(originPath());
    m_length = 0;
}

bool PartFile::writeOrigin(qint64 synced) const {
    const QJsonObject json = {{QStringLiteral("checksum"), m_origin.checksum},
                              {QStringLiteral("address"), m_origin.address},
                              {QStringLiteral("etag"), QString::fromLatin1(m_origin.etag)},
                              {QStringLiteral("bytes"), m_origin.bytes},
                              {QStringLiteral("synced"), synced}};
    QSaveFile file(originPath());
    errno = 0;
    return file.open(QIODevice::WriteOnly) && file.write(QJsonDocument(json).toJson()) > 0 &&
           file.commit();
}

PartOrigin PartFile::readOrigin(qint64& synced) const {
    QFile file(originPath());
    if (!file.open(QIODevice::ReadOnly))
        return {};
    const QJsonObject json = QJsonDocument::fromJson(file.read(1 << 16)).object();
    synced = json.value(QLatin1String("synced")).toInteger();
    return {json.value(QLatin1String("checksum")).toString(),
            json.value(QLatin1String("address")).toString(),
            json.value(QLatin1String("etag")).toString().toLatin1(),
            json.value(QLatin1String("bytes")).toInteger(-1)};
}

} // namespace app
