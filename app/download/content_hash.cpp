#include "app/download/content_hash.h"

namespace app {

ContentHash::ContentHash(ChecksumKind kind, qint64 bytes) : m_kind(kind), m_bytes(bytes) {
    reset();
}

void ContentHash::add(const QByteArray& bytes) {
    m_sha256.addData(bytes);
    if (m_kind == ChecksumKind::GitBlob)
        m_sha1.addData(bytes);
}

void ContentHash::reset() {
    m_sha256.reset();
    m_sha1.reset();
    if (m_kind == ChecksumKind::GitBlob)
        m_sha1.addData("blob " + QByteArray::number(m_bytes) + '\0');
}

bool ContentHash::matches(const QString& published) const {
    switch (m_kind) {
    case ChecksumKind::None:
        return true;
    case ChecksumKind::Sha256:
        return published.compare(sha256(), Qt::CaseInsensitive) == 0;
    case ChecksumKind::GitBlob:
        return published.compare(QString::fromLatin1(m_sha1.result().toHex()),
                                 Qt::CaseInsensitive) == 0;
    }
    return false;
}

} // namespace app
