#pragma once
// PartFile: a file that is being fetched, "<name>.part", and beside it "<name>.part.json", which
// says what the bytes are of. Both survive a restart. A part is only continued when it is provably
// of the same content. One thread.

#include "engine/status.h"

#include <QByteArray>
#include <QString>

namespace app {

/// What the bytes of a part belong to.
struct PartOrigin {
    QString checksum; // published; empty: none
    QString address;  // without its query, which may hold a signature
    QByteArray etag;  // strong ones only
    qint64 bytes = -1;

    /// True when bytes of `earlier` may be continued as bytes of this: the same checksum, or the
    /// same address with a strong ETag, which the server then compares.
    bool continues(const PartOrigin& earlier) const;
};

class PartFile {
  public:
    explicit PartFile(QString path); ///< that of the ".part"
    ~PartFile();
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    /// Opens it, never through a link. Bytes that cannot be continued as `origin` are cut off.
    engine::Status open(const PartOrigin& origin);
    /// Bytes that are there.
    qint64 length() const { return m_length; }
    const QByteArray& etag() const { return m_origin.etag; }
    /// The length of the whole, as far as it was told; -1 otherwise.
    qint64 wholeLength() const { return m_origin.bytes; }

    /// From the beginning, as bytes of this origin.
    engine::Status begin(const PartOrigin& origin);
    /// DownloadNoRoom when the disk is full; then nothing of `bytes` was kept.
    engine::Status append(const QByteArray& bytes);
    /// At most `most` bytes from `offset`; empty at the end and on an error.
    QByteArray read(qint64 offset, qint64 most) const;
    /// Onto the disk.
    engine::Status sync();
    /// Deletes both files.
    void discard();
    /// Forgets the file; it stays as it is.
    void close();

    const QString& path() const { return m_path; }

  private:
    engine::Status fail(int error) const;
    engine::Status cut(qint64 length);
    bool writeOrigin(qint64 synced) const;
    PartOrigin readOrigin(qint64& synced) const;
    QString originPath() const { return m_path + QStringLiteral(".json"); }

    QString m_path;
    PartOrigin m_origin;
    int m_descriptor = -1;
    qint64 m_length = 0;
    qint64 m_synced = 0;
};

} // namespace app
