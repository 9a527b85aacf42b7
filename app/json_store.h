#pragma once
// JsonStore: one small JSON document on disk, read whole and written atomically. What does not
// parse is renamed aside, never overwritten; what cannot be read (no permission, too many open
// files, a failing disk) may be sound, so it stays where it is and nothing is written over it.
// Blocks for as long as the disk does; any thread, one at a time.

#include "engine/status.h"

#include <QJsonDocument>
#include <QString>

namespace app {

class JsonStore {
  public:
    enum class Readers { AsUsual, OwnerOnly }; ///< OwnerOnly: it holds what nobody else may see
    static constexpr qint64 kMostBytes = 16 << 20;

    /// What a person writes is far less than `most_bytes`; more is not ours.
    explicit JsonStore(QString path, qint64 most_bytes = kMostBytes,
                       Readers readers = Readers::AsUsual);

    /// The document, an object or an array; a null one when there is no file. FileCannotOpen or
    /// FileCannotRead when there is one that cannot be read: write() then refuses until a later
    /// read() succeeds. JsonInvalid when it does not parse; nothing is renamed.
    engine::Result<QJsonDocument> read();
    /// For a caller that has no use for what it read: renames the file; returns SettingsDamaged,
    /// which says so. FileCannotWrite when it cannot be renamed; write() then refuses.
    engine::Status putAside();
    /// FileCannotWrite when the disk does not take it.
    engine::Status write(const QJsonDocument& document) const;

    const QString& path() const { return m_path; }

  private:
    const QString m_path;
    const qint64 m_most_bytes;
    const Readers m_readers;
    engine::Status m_refusal; // why write() must not replace the file
};

} // namespace app
