#pragma once
// DownloadController: models from the internet, as the desktop asks for them. Nothing connects
// before one of its slots is called, and what was running in the last session comes back paused.
// GUI thread; the work is done on a thread of its own.

#include "app/download/download_values.h"
#include "app/download/file_transfer.h"
#include "app/download/remote_choices.h"

#include <memory>
#include <QObject>
#include <QThread>

namespace app {

class DownloadQueue;
class SecretStore;
class Settings;
struct DownloadValues;
struct SettingsValues;

/// What is known about the versions of a folder.
struct FolderVersions {
    QString folder;
    QString repository; // empty: no download made this folder
    QString commit;
    QList<KeptVersion> older; // newest first
};

class DownloadController : public QObject {
    Q_OBJECT

  public:
    DownloadController(Settings& settings, QString models, QString queueFile,
                       TransferLimits limits = {}, QObject* parent = nullptr);
    ~DownloadController() override;

    const QList<DownloadJob>& jobs() const { return m_jobs; }
    /// The hub of the settings.
    HubKind hub() const;
    QString endpoint(HubKind hub) const;
    /// The folder of a model's file that downloads keep; empty when none made it.
    static QString folderOf(const QString& path);
    /// Why values cannot be used, as a sentence; empty when they can.
    static QString problemOf(const DownloadValues& values);
    const QString& modelsFolder() const { return m_models; }
    /// Who says what fits, e.g. by a plan of the memory; judgeByBytes() of host memory otherwise.
    void setFitJudge(std::function<FitJudge()> judge) { m_judge = std::move(judge); }

  public slots:
    /// found() or failed().
    void search(const QString& words);
    /// listed() or failed().
    void list(const QString& repository);
    /// Puts files of a listed repository at the end of the queue.
    void download(const app::RemoteRepository& repository, const app::RemoteChoice& choice);
    /// A .gguf file anywhere; `sha256` may be empty. Empty when it was taken, else a sentence.
    QString downloadAddress(const QString& address, const QString& sha256);
    void pause(quint64 id);
    void resume(quint64 id);
    void cancel(quint64 id);
    void move(quint64 id, int by);
    void clearDone();

    /// versionsRead().
    void readVersions(const QString& folder);
    /// Asks the hub that the folder came from: updateChecked() or failed().
    void checkUpdate(const QString& folder);
    /// Fetches what changed; the files it replaces stay as an older version.
    void update(const app::AvailableUpdate& update);
    /// To an older version or forward again: versionsRead() or failed().
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
    /// `sentence` is empty when the keyring has it.
    void secretStored(const QString& sentence);
    void failed(const QString& sentence);

  private:
    using Work = std::function<void(DownloadQueue& queue)>;
    void post(Work work);                         ///< on the download thread
    void postWithSecrets(HubKind hub, Work work); ///< after the keyring was asked for its token
    void applySettings(const SettingsValues& values);
    void applyProxy(Work then);
    void fail(const engine::Status& status);
    void readVersionsThere(DownloadQueue& queue, const QString& folder);

    Settings& m_settings;
    QString m_models;
    SecretStore* m_secrets;
    QThread m_thread;
    DownloadQueue* m_queue; // lives on m_thread
    std::function<FitJudge()> m_judge;
    QList<DownloadJob> m_jobs;
    quint64 m_question = 0; // the newest search or listing: answers to older ones do not count
    QMap<QString, RemoteRepository> m_updates; // by folder, as checked
};

} // namespace app

Q_DECLARE_METATYPE(app::FolderVersions)
