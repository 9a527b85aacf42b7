#pragma once
// DownloadController: models from the internet, as the desktop asks for them. Nothing connects
// before one of its slots is called, and what was running in the last session comes back paused.
// GUI thread; the work is done on a thread of its own.

#include "app/download/download_values.h"
#include "app/download/file_transfer.h"
#include "app/download/remote_choices.h"

#include <functional>
#include <memory>
#include <QObject>
#include <QThread>

namespace app {

class DownloadQueue;
struct InstalledModel;
class SecretStore;
class Settings;
struct DownloadValues;
struct SettingsValues;

/// What is known about the versions of a model.
struct FolderVersions {
    QString path;   // as asked for
    QString folder; // that downloads keep it in; empty: none made it
    QString repository;
    QString commit;
    QList<KeptVersion> older; // newest first
};

/// What the next load could take of the memory, beside what the kernel says of the host.
struct LoadRoom {
    bool usesHost = true;      // false: models go to GPUs alone
    qint64 hostHeld_bytes = 0; // loaded models would give back so much of the host's memory
    qint64 gpu_bytes = -1;     // free on the GPUs, with what models hold there; -1: none to use
};
/// Called on the GUI thread, so it only tells what is known already.
using LoadRoomSource = std::function<LoadRoom()>;

class DownloadController : public QObject {
    Q_OBJECT

  public:
    /// Without `room` the host's memory counts.
    DownloadController(Settings& settings, QString models, QString queueFile,
                       TransferLimits limits = {}, LoadRoomSource room = {},
                       QObject* parent = nullptr);
    ~DownloadController() override;

    const QList<DownloadJob>& jobs() const { return m_jobs; }
    /// The hub of the settings.
    HubKind hub() const;
    QString endpoint(HubKind hub) const;
    /// Why values cannot be used, as a sentence; empty when they can.
    static QString problemOf(const DownloadValues& values);
    const QString& modelsFolder() const { return m_models; }

  public slots:
    /// found() or failed().
    void search(const QString& words);
    /// listed() or failed(). Its files are judged by the larger of the free memories of host and
    /// GPUs: what fits one of them can be used here.
    void list(const QString& repository);
    /// What was searched or listed last is not waited for any more: neither signal follows.
    void forgetQuestion() { ++m_question; }
    /// Puts files of a listed repository at the end of the queue.
    void download(const app::RemoteRepository& repository, const app::RemoteChoice& choice);
    /// A .gguf file anywhere; `sha256` may be empty. Empty when it was taken, else a sentence.
    QString downloadAddress(const QString& address, const QString& sha256);
    void pause(quint64 id);
    void resume(quint64 id);
    void cancel(quint64 id);
    void move(quint64 id, int by);
    void clearDone();

    /// Of a model's file or folder: versionsRead().
    void readVersions(const QString& path);
    /// Asks the hub that the folder came from: updateChecked() or versionFailed(). A folder that
    /// lies elsewhere than where its downloads go is not asked for, and the token goes along only
    /// when the hub is the one of the settings: what is written in a folder may be anybody's.
    void checkUpdate(const QString& folder);
    /// Fetches what changed; the files it replaces stay as an older version.
    void update(const app::AvailableUpdate& update);
    /// To an older version or forward again: rolledBack() and versionsRead(), or versionFailed().
    void rollBack(const QString& folder, const QString& version);

    /// Into the keyring; empty deletes. secretStored() says where it is.
    void setToken(app::HubKind hub, const QString& token);
    void setProxyPassword(const QString& password);

  signals:
    void found(const QList<app::RemoteModel>& models);
    void listed(const app::RemoteRepository& repository, const QList<app::RemoteChoice>& choices);
    void jobsChanged(const QList<app::DownloadJob>& jobs);
    /// A model is complete and in place; `file` is what to load.
    void installed(const QString& folder, const QString& file);
    void versionsRead(const app::FolderVersions& versions);
    void updateChecked(const app::AvailableUpdate& update);
    void rolledBack(const QString& folder);
    /// An update could not be asked for, or a version not be put in place.
    void versionFailed(const QString& folder, const QString& sentence);
    /// `sentence` is empty when the keyring has it.
    void secretStored(const QString& sentence);
    /// The queue of the last session could not be read.
    void queueTroubled(const engine::Status& status);
    /// A search, a listing or a download could not begin.
    void failed(const QString& sentence);

  private:
    using Work = std::function<void(DownloadQueue& queue)>;
    using Refused = std::function<void(const engine::Status& status)>;
    void post(Work work); ///< on the download thread
    /// After the keyring was asked for the hub's token; else `refused`, here.
    void postWithSecrets(HubKind hub, Work work, Refused refused);
    void postWithSecrets(HubKind hub, Work work);
    void applySettings(const SettingsValues& values);
    void applyProxy(Work then, const Refused& refused);
    void fail(const engine::Status& status);
    void failVersion(const QString& folder, const engine::Status& status);
    void askForUpdate(const QString& folder, const InstalledModel& installed);
    void readVersionsThere(const QString& path);

    Settings& m_settings;
    const QString m_models; // read on both threads
    SecretStore* m_secrets;
    QThread m_thread;
    DownloadQueue* m_queue; // lives on m_thread
    LoadRoomSource m_room;
    QList<DownloadJob> m_jobs;
    quint64 m_question = 0; // the newest search or listing: answers to older ones do not count
    QMap<QString, RemoteRepository> m_updates; // by folder, as checked
};

} // namespace app

Q_DECLARE_METATYPE(app::FolderVersions)
