#include "app/download/download_queue.h"

#include "app/messages.h"

#include <QDir>
#include <QFileInfo>

namespace app {

namespace {

constexpr int kPulse_ms = 250;
constexpr double kSpeedMemory = 0.85; // of the smoothed speed that a pulse leaves

} // namespace

struct DownloadQueue::Run {
    Run(quint64 job, quint64 run, const QString& path) : id(job), serial(run), folder(path) {}

    quint64 id;     // of the job
    quint64 serial; // of this run: news of an earlier one does not count
    ModelFolder folder;
    std::unique_ptr<FileTransfer> transfer;
    qsizetype next = 0;                            // file of the job
    QList<InstalledFile> files;                    // of those before
    QList<QPair<QString, InstalledFile>> complete; // parts that wait for the others
    qint64 before_bytes = 0;                       // of the files before
    qint64 measured_bytes = 0;
    QElapsedTimer measured;
};

DownloadQueue::DownloadQueue(QString models, QString file, TransferLimits limits)
    : m_models(std::move(models)),
      m_store(std::move(file), JsonStore::kMostBytes, JsonStore::Readers::OwnerOnly),
      m_limits(limits),
      m_hubs(limits.fetch, this),
      m_pulse(this) {
    m_pulse.setInterval(kPulse_ms);
    connect(&m_pulse, &QTimer::timeout, this, &DownloadQueue::measure);
}

DownloadQueue::~DownloadQueue() = default;

JobRecord* DownloadQueue::find(quint64 id) {
    for (JobRecord& job : m_jobs)
        if (job.shown.id == id)
            return &job;
    return nullptr;
}

bool DownloadQueue::isBusy(const QString& folder) const {
    return m_run && m_run->folder.path() == folder;
}

QByteArray DownloadQueue::tokenFor(HubKind hub, const QUrl& url) const {
    // A typed address is nobody's in particular: a token for "addresses" would go to every host.
    if (hub == HubKind::Address)
        return {};
    const HubToken known = m_tokens.value(hub);
    const bool isTheirs = url == known.endpoint || known.endpoint.isParentOf(url);
    return isTheirs ? known.token : QByteArray();
}

void DownloadQueue::load() {
    const engine::Result<QJsonDocument> stored = m_store.read();
    const bool isDamaged =
        stored.ok() ? stored->isObject() : stored.status() == engine::Code::JsonInvalid;
    if (isDamaged)
        emit troubled(m_store.putAside());
    else if (!stored.ok())
        emit troubled(stored.status());
    m_jobs = jobsFromJson(stored.ok() ? stored->array() : QJsonArray(), m_models);
    for (JobRecord& job : m_jobs) {
        job.shown.id = ++m_lastId;
        job.shown.file = job.shown.folder + QLatin1Char('/') + job.files.first().path;
        for (const RemoteFile& each : job.files)
            job.shown.done_bytes +=
                QFileInfo(job.shown.folder + QStringLiteral("/.inglenook/incoming/") + each.path +
                          QStringLiteral(".part"))
                    .size();
    }
    tell();
}

void DownloadQueue::add(JobRecord job) {
    for (JobRecord& known : m_jobs)
        if (known.shown.repository == job.shown.repository && known.files == job.files &&
            known.shown.state != JobState::Done)
            return resume(known.shown.id); // asked for twice
    job.shown.id = ++m_lastId;
    job.shown.state = JobState::Waiting;
    job.shown.folder = m_models + QLatin1Char('/') + job.shown.repository;
    job.shown.file = job.shown.folder + QLatin1Char('/') + job.files.first().path;
    m_jobs.append(job);
    save();
    startNext();
    tell();
}

void DownloadQueue::pause(quint64 id) {
    JobRecord* job = find(id);
    if (job == nullptr || job->shown.state == JobState::Done)
        return;
    if (m_run && m_run->id == id)
        return endRun(JobState::Paused, {});
    job->shown.state = JobState::Paused;
    tell();
}

void DownloadQueue::resume(quint64 id) {
    JobRecord* job = find(id);
    if (job == nullptr ||
        (job->shown.state != JobState::Paused && job->shown.state != JobState::Failed))
        return;
    job->shown.state = JobState::Waiting;
    job->shown.error.clear();
    save();
    startNext();
    tell();
}

void DownloadQueue::cancel(quint64 id) {
    if (m_run && m_run->id == id) {
        if (m_run->transfer)
            m_run->transfer->stop();
        m_run.reset();
    }
    const JobRecord* job = find(id);
    if (job == nullptr)
        return;
    if (job->shown.state != JobState::Done)
        removeParts(*job);
    m_jobs.removeIf([id](const JobRecord& each) { return each.shown.id == id; });
    save();
    startNext();
    tell();
}

void DownloadQueue::removeParts(const JobRecord& job) {
    const ModelFolder folder(job.shown.folder);
    for (const RemoteFile& file : job.files)
        if (const engine::Result<QString> part = folder.partFor(file); part.ok())
            PartFile(part.value()).discard();
    // A folder that nothing came into goes with the wish for it.
    if (!folder.current()) {
        for (const char* name : {"files", "versions", "incoming", ""})
            QDir().rmdir(job.shown.folder + QStringLiteral("/.inglenook/") + QLatin1String(name));
        QDir().rmdir(job.shown.folder);
        QDir().rmdir(QFileInfo(job.shown.folder).absolutePath());
    }
}

void DownloadQueue::move(quint64 id, int by) {
    for (qsizetype i = 0; i < m_jobs.size(); ++i)
        if (m_jobs.at(i).shown.id == id) {
            m_jobs.move(i, std::clamp<qsizetype>(i + by, 0, m_jobs.size() - 1));
            break;
        }
    save();
    tell();
}

void DownloadQueue::clearDone() {
    m_jobs.removeIf([](const JobRecord& job) { return job.shown.state == JobState::Done; });
    save();
    tell();
}

void DownloadQueue::stop() {
    if (m_run && m_run->transfer)
        m_run->transfer->stop();
    m_run.reset();
    m_pulse.stop();
    save();
}

void DownloadQueue::startNext() {
    if (m_run)
        return;
    for (JobRecord& job : m_jobs) {
        if (job.shown.state != JobState::Waiting)
            continue;
        job.shown.state = JobState::Running;
        job.shown.done_bytes = 0;
        m_run = std::make_unique<Run>(job.shown.id, ++m_lastRun, job.shown.folder);
        m_run->measured.start();
        m_pulse.start();
        if (const engine::Status failed = m_run->folder.open(); !failed.ok())
            return endRun(JobState::Failed, failed);
        return nextFile();
    }
    m_pulse.stop();
}

void DownloadQueue::nextFile() {
    const JobRecord& job = *find(m_run->id);
    while (m_run->next < job.files.size()) {
        const RemoteFile& file = job.files.at(m_run->next);
        const auto there = m_run->folder.find(file);
        if (!there) {
            const engine::Result<QString> part = m_run->folder.partFor(file);
            return part.ok() ? fetch(file, part.value()) : endRun(JobState::Failed, part.status());
        }
        m_run->files.append(*there);
        m_run->before_bytes += there->bytes;
        ++m_run->next;
    }
    putInPlace();
}

void DownloadQueue::fetch(const RemoteFile& file, const QString& part) {
    const JobRecord& job = *find(m_run->id);
    auto transfer = std::make_unique<FileTransfer>(
        m_network.manager(), m_throttle,
        TransferOrder{file, part, tokenFor(job.shown.hub, file.url)}, m_limits);
    connect(transfer.get(), &FileTransfer::stateChanged, this, [this](JobState state) {
        find(m_run->id)->shown.state = state;
        tell();
    });
    connect(transfer.get(), &FileTransfer::progressed, this, [this](qint64 done, qint64 total) {
        JobRecord& running = *find(m_run->id);
        running.shown.done_bytes = m_run->before_bytes + done;
        if (running.files.size() == 1)
            running.shown.total_bytes = total;
    });
    connect(
        transfer.get(), &FileTransfer::finished, this,
        [this, file, part, serial = m_run->serial](const QString& sha256, qint64 bytes) {
            if (!m_run || m_run->serial != serial)
                return;
            const InstalledFile installed{file.path, bytes, sha256, file.checksum};
            m_run->complete.append({part, installed});
            m_run->files.append(installed);
            m_run->before_bytes += bytes;
            ++m_run->next;
            nextFile();
        },
        Qt::QueuedConnection); // the transfer that tells it is replaced
    connect(
        transfer.get(), &FileTransfer::failed, this,
        [this, serial = m_run->serial](const engine::Status& status) {
            if (m_run && m_run->serial == serial)
                endRun(JobState::Failed, status);
        },
        Qt::QueuedConnection);
    m_run->transfer = std::move(transfer);
    m_run->transfer->start();
}

void DownloadQueue::putInPlace() {
    const JobRecord& job = *find(m_run->id);
    for (const auto& [part, file] : m_run->complete)
        if (const engine::Status failed = m_run->folder.take(part, file); !failed.ok())
            return endRun(JobState::Failed, failed);
    InstalledModel model{job.shown.hub,
                         job.endpoint,
                         job.shown.repository,
                         job.commit,
                         QDateTime::currentDateTimeUtc(),
                         m_run->files};
    const engine::Status failed = m_run->folder.install(std::move(model), m_kept);
    if (!failed.ok())
        return endRun(JobState::Failed, failed);
    const QString folder = job.shown.folder;
    const QString file = job.shown.file;
    endRun(JobState::Done, {});
    emit installed(folder, file);
}

void DownloadQueue::endRun(JobState state, const engine::Status& status) {
    if (m_run->transfer)
        m_run->transfer->stop();
    JobRecord& job = *find(m_run->id);
    job.shown.state = state;
    job.shown.bytes_per_s = 0;
    job.shown.left_s = -1;
    job.shown.error = state == JobState::Failed ? sentence(status) : QString();
    if (state == JobState::Done)
        job.shown.total_bytes = job.shown.done_bytes = m_run->before_bytes;
    m_run.reset();
    save();
    startNext();
    tell();
}

void DownloadQueue::measure() {
    if (!m_run)
        return;
    DownloadJob& job = find(m_run->id)->shown;
    const double seconds = double(m_run->measured.nsecsElapsed()) / 1e9;
    const qint64 gained = job.done_bytes - m_run->measured_bytes;
    const bool isFetching = job.state == JobState::Running;
    if (seconds <= 0)
        return;
    // Bytes that were there before are no speed.
    const double now = isFetching && m_run->measured_bytes > 0 ? double(gained) / seconds : 0;
    job.bytes_per_s = !isFetching ? 0
                      : job.bytes_per_s == 0
                          ? now
                          : job.bytes_per_s * kSpeedMemory + now * (1 - kSpeedMemory);
    job.left_s = job.bytes_per_s > 1 && job.total_bytes >= 0
                     ? qint64(double(job.total_bytes - job.done_bytes) / job.bytes_per_s)
                     : -1;
    m_run->measured_bytes = job.done_bytes;
    m_run->measured.restart();
    tell();
}

void DownloadQueue::tell() {
    QList<DownloadJob> jobs;
    for (const JobRecord& job : m_jobs)
        jobs.append(job.shown);
    emit changed(jobs);
}

void DownloadQueue::save() {
    QList<JobRecord> open;
    for (const JobRecord& job : m_jobs)
        if (job.shown.state != JobState::Done)
            open.append(job);
    // When the disk does not take it, the queue lives until the program ends; the parts are there
    // in any case.
    static_cast<void>(m_store.write(QJsonDocument(jobsToJson(open))));
}

} // namespace app
