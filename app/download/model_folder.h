#pragma once
// ModelFolder: a folder that downloads keep, its versions, and the way back.
//
//     models/<owner>/<name>/
//         Model-Q4_K_M.gguf              what is used now, called as the publisher calls it
//         .inglenook/current.json        where these files come from, with their SHA-256
//         .inglenook/versions/<id>.json  the same of an older version
//         .inglenook/files/<key>         content that only older versions have, each once
//         .inglenook/incoming/           parts of what is being fetched
//         .inglenook/switch.json         while a version is being changed: what it shall be
//
// A change of version is a row of renames that open() goes on with after a crash; a file that a
// running model has open stays readable. Content is in use or kept, never both, so an older version
// costs the bytes that differ. One thread; does file work.

#include "app/download/download_values.h"
#include "engine/status.h"

#include <optional>

namespace app {

struct InstalledFile {
    QString path;
    qint64 bytes = 0;
    QString sha256;
    QString published; // checksum by which the hub knows it; may be empty

    bool operator==(const InstalledFile&) const = default;
};

struct InstalledModel {
    HubKind hub = HubKind::HuggingFace;
    QString endpoint;
    QString repository;
    QString commit;
    QDateTime since;
    QList<InstalledFile> files;

    const InstalledFile* find(const QString& path) const;
};

class ModelFolder {
  public:
    explicit ModelFolder(QString folder);

    /// Ends a change that was interrupted. Before anything else, after every start.
    engine::Status open();
    /// What lies here; empty when no download made this folder.
    std::optional<InstalledModel> current() const;
    /// Older versions, newest first.
    QList<KeptVersion> versions() const;

    /// The content that `file` wants when it is here already, in use or kept.
    std::optional<InstalledFile> find(const RemoteFile& file) const;
    /// The ".part" of a file. DownloadNameUnsafe when it would lie elsewhere.
    engine::Result<QString> partFor(const RemoteFile& file) const;
    /// Takes a complete part into what is kept, just before install() puts it in place.
    engine::Status take(const QString& part, const InstalledFile& file);
    /// Makes `model` what is used: its files over those that are here, which stay as an older
    /// version when one of them is replaced. Then at most `keep` older versions stay.
    engine::Status install(InstalledModel model, int keep);
    /// Back to a kept version, or forward again. VersionMissing when a file of it is gone.
    engine::Status rollBack(const QString& version, int keep);

    const QString& path() const { return m_folder; }

  private:
    QString own(const QString& name) const; ///< in .inglenook
    engine::Status missing(const char* problem) const;
    QString keptPath(const InstalledFile& file) const;
    std::optional<InstalledModel> readModel(const QString& file) const;
    engine::Status writeModel(const QString& file, const InstalledModel& model) const;
    engine::Status switchTo(const InstalledModel& target, int keep);
    engine::Status apply(const InstalledModel& before, const InstalledModel& target);
    engine::Status finishSwitch();
    void prune(int keep);

    QString m_folder;
};

/// The folder that downloads keep a model's file or folder in; empty when none made it.
QString downloadFolderOf(const QString& path);

} // namespace app
