#pragma once
// DownloadQueue: fetches one model after the other, in the order the user gave, and puts each in
// place when all its files are there and checked. Lives on the download thread; its slots are
// called through that thread's event loop.

#include "app/download/download_jobs.h"
#include "app/download/file_transfer.h"
#include "app/download/hub_client.h"
#include "app/download/model_folder.h"
#include "app/download/network_access.h"
#include "app/json_store.h"

#include <memory>
#include <QHash>

namespace app {

class DownloadQueue : public QObject {
    Q_OBJECT

  public:
    /// `file`: where the queue is kept.
    DownloadQueue(QString models, QString file, TransferLimits limits);
    ~DownloadQueue() override;

    /// Reads the queue of the last session; everything in it is paused. troubled() when it cannot.
    void load();
    void add(JobRecord job);
    void pause(quint64 id);
    void resume(quint64 id);
    /// Also deletes what came.
    void cancel(quint64 id);
    void move(quint64 id, int by);
    /// Takes jobs that are done out of the list.
    void clearDone();
    /// Stops what runs; parts stay. For the end of the program.
    void stop();

    /// `endpoint`: the one of the settings; empty for an address.
    void setToken(HubKind hub, const QUrl& endpoint, const QByteArray& token) {
        m_tokens.insert(hub, {endpoint, token});
    }
    /// What may be sent to `url`: nothing when it does not lie at the endpoint that the token was
    /// typed for. An address is its own hub.
    QByteArray tokenFor(HubKind hub, const QUrl& url) const;
    void setSpeedLimit(qint64 bytes_per_s) { m_throttle.setLimit(bytes_per_s); }
    void setKept(int versions) { m_kept = versions; }
    int kept() const { return m_kept; }
    NetworkAccess& network() { return m_network; }
    HubClient& hubs() { return m_hubs; }
    /// True while a job works in this folder.
    bool isBusy(const QString& folder) const;

  signals:
    void changed(const QList<app::DownloadJob>& jobs);
    void installed(const QString& folder, const QString& file);
    /// The queue of the last session is not here: its file was damaged and is put aside, or could
    /// not be read and stays; then this session's queue is not kept.
    void troubled(const engine::Status& status);

  private:
    struct Run; // of the job that is being fetched
    struct HubToken {
        QUrl endpoint;
        QByteArray token;
    };

    JobRecord* find(quint64 id);
    void startNext();
    void nextFile();
    void fetch(const RemoteFile& file, const QString& part);
    void putInPlace();
    void endRun(JobState state, const engine::Status& status);
    void removeParts(const JobRecord& job);
    void measure();
    void tell();
    void save();

    QString m_models;
    JsonStore m_store; // an address in it may hold a signature: nobody else reads it
    TransferLimits m_limits;
    NetworkAccess m_network;
    HubClient m_hubs;
    Throttle m_throttle;
    QHash<HubKind, HubToken> m_tokens;
    QList<JobRecord> m_jobs;
    std::unique_ptr<Run> m_run;
    QTimer m_pulse; // while something runs: tells how far it is
    quint64 m_lastId = 0;
    quint64 m_lastRun = 0;
    int m_kept = 2;
};

} // namespace app
