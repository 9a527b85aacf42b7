#pragma once
// ContentHash: the SHA-256 of a file and the checksum its publisher states, in one pass over its
// bytes.

#include "app/download/download_values.h"

#include <optional>
#include <QCryptographicHash>

namespace app {

class ContentHash {
  public:
    /// `bytes`: the length a GitBlob checksum is over; -1 when there is none.
    ContentHash(ChecksumKind kind, qint64 bytes);

    void add(const QByteArray& bytes);
    void reset();
    /// Lower-case hex.
    QString sha256() const { return QString::fromLatin1(m_sha256.result().toHex()); }
    /// True when `published` is the checksum of what was added, or nothing was published.
    bool matches(const QString& published) const;

  private:
    ChecksumKind m_kind;
    qint64 m_bytes;
    QCryptographicHash m_sha256{QCryptographicHash::Sha256};
    QCryptographicHash m_sha1{QCryptographicHash::Sha1};
};

} // namespace app
