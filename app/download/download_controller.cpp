#include "app/download/download_controller.h"

#include "app/disk_room.h"
#include "app/download/download_queue.h"
#include "app/download/file_names.h"
#include "app/download/secret_store.h"
#include "app/messages.h"
#include "app/settings.h"
#include "engine/model/memory_plan.h"
#include "engine/phrase.h"

#include <QFileInfo>
#include <QRegularExpression>

namespace app {

namespace {

const QString kProxySecret = QStringLiteral("proxy-password");

QString tokenKey(HubKind hub) {
    return QStringLiteral("token-") + hubKey(hub);
}

engine::Status about(engine::Code code, const QString& folder, const char* problem) {
    return engine::Status(
        code, {{"model", QFileInfo(folder).fileName().toStdString()}, {"problem", problem}});
}

/// What lies in `folder`, when an update of it would go there too. Looks at the disk.
engine::Result<InstalledModel> updatable(const QString& folder, const QString& models) {
    const auto installed = ModelFolder(folder).current();
    if (!installed || installed->hub == HubKind::Address)
        return about(
            engine::Code::UpdateUnavailable, folder,
            PHRASE("Status", "it was not downloaded from a hub that could have a newer one"));
    const QString own = models + QLatin1Char('/') + installed->repository;
    const bool isThere =
        isRepositoryName(installed->repository) && QFileInfo::exists(own) &&
        QFileInfo(own).canonicalFilePath() == QFileInfo(folder).canonicalFilePath();
    if (!isThere)
        return about(engine::Code::UpdateUnavailable, folder,
                     PHRASE("Status", "it was moved or copied here from the folder that downloads "
                                      "keep it in, so that an update would not come to it"));
    return *installed;
}

/// Asks the kernel, for memory and disk.
FreeRoom freeRoom(const LoadRoom& load, const QString& models) {
    FreeRoom room{freeBytes(models), load.gpu_bytes};
    const quint64 host = load.usesHost ? engine::availableHostMemory() : 0;
    if (host > 0)
        room.memory_bytes = std::max(room.memory_bytes, qint64(host) + load.hostHeld_bytes);
    return room;
}

/// The folder's files that the hub has otherwise now.
AvailableUpdate changesOf(const QString& folder, const InstalledModel& installed,
                          const RemoteRepository& now) {
    AvailableUpdate update{folder, now.commit, {}, 0};
    for (const RemoteFile& file : now.files) {
        const InstalledFile* used = installed.find(file.path);
        const bool isSame = used == nullptr || file.checksum.isEmpty() ||
                            used->published == file.checksum || used->sha256 == file.checksum;
        if (isSame)
            continue;
        update.changed.append(file);
        update.bytes += std::max<qint64>(file.bytes, 0);
    }
    return update;
}

} // namespace

DownloadController::DownloadController(Settings& settings, QString models, QString queueFile,
                                       TransferLimits limits, LoadRoomSource room, QObject* parent)
    : QObject(parent),
      m_settings(settings),
      m_models(std::move(models)),
      m_secrets(new SecretStore(this)),
      m_queue(new DownloadQueue(m_models, std::move(queueFile), limits)),
      m_room(room ? std::move(room) : LoadRoomSource([] { return LoadRoom(); })) {
    m_thread.setObjectName(QStringLiteral("downloads"));
    m_queue->moveToThread(&m_thread);
    connect(&m_thread, &QThread::finished, m_queue, &QObject::deleteLater);
    connect(m_queue, &DownloadQueue::changed, this, [this](const QList<DownloadJob>& jobs) {
        if (m_jobs == jobs)
            return;
        m_jobs = jobs;
        emit jobsChanged(m_jobs);
    });
    connect(m_queue, &DownloadQueue::installed, this, &DownloadController::installed);
    connect(m_queue, &DownloadQueue::troubled, this, &DownloadController::queueTroubled);
    connect(&m_settings, &Settings::changed, this, &DownloadController::applySettings);
    m_thread.start();
    applySettings(m_settings.values());
    post([](DownloadQueue& queue) { queue.load(); });
}

DownloadController::~DownloadController() {
    post([](DownloadQueue& queue) {
        queue.stop();
        QThread::currentThread()->quit(); // after all that was posted before
    });
    m_thread.wait();
}

HubKind DownloadController::hub() const {
    return hubFromKey(m_settings.values().downloads.hub);
}

QString DownloadController::endpoint(HubKind hub) const {
    const DownloadValues& values = m_settings.values().downloads;
    const QString typed = hub == HubKind::HuggingFace  ? values.huggingFace
                          : hub == HubKind::HfMirror   ? values.hfMirror
                          : hub == HubKind::ModelScope ? values.modelScope
                                                       : QString();
    if (typed.trimmed().isEmpty())
        return defaultEndpoint(hub);
    const engine::Result<QString> own = cleanEndpoint(typed);
    // What is asked for is never asked from somebody else: nothing is found at a wrong address.
    return own.ok() ? own.value() : QStringLiteral("invalid:") + typed;
}

QString DownloadController::problemOf(const DownloadValues& values) {
    for (const QString& typed : {values.huggingFace, values.hfMirror, values.modelScope})
        if (!typed.trimmed().isEmpty())
            if (const auto endpoint = cleanEndpoint(typed); !endpoint.ok())
                return sentence(endpoint.status());
    const auto proxy = parseProxy(values.proxy, {});
    return proxy.ok() ? QString() : sentence(proxy.status());
}

void DownloadController::post(Work work) {
    DownloadQueue* queue = m_queue;
    QMetaObject::invokeMethod(queue, [queue, work = std::move(work)] { work(*queue); });
}

/// The keyring is asked when something is about to connect, not at the start.
void DownloadController::postWithSecrets(HubKind hub, Work work, Refused refused) {
    applyProxy(
        [this, hub, work](DownloadQueue&) {
            QMetaObject::invokeMethod(this, [this, hub, work] {
                m_secrets->read(tokenKey(hub), [this, hub, work](const QByteArray& token) {
                    post([hub, at = QUrl(endpoint(hub)), token, work](DownloadQueue& queue) {
                        queue.setToken(hub, at, token);
                        work(queue);
                    });
                });
            });
        },
        refused);
}

void DownloadController::postWithSecrets(HubKind hub, Work work) {
    postWithSecrets(hub, std::move(work), [this](const engine::Status& status) { fail(status); });
}

void DownloadController::applyProxy(Work then, const Refused& refused) {
    m_secrets->read(kProxySecret, [this, then, refused](const QByteArray& password) {
        const engine::Result<QNetworkProxy> proxy =
            parseProxy(m_settings.values().downloads.proxy, QString::fromUtf8(password));
        if (!proxy.ok())
            return refused(proxy.status());
        post([proxy = proxy.value(), then](DownloadQueue& queue) {
            queue.network().setProxy(proxy);
            then(queue);
        });
    });
}

void DownloadController::applySettings(const SettingsValues& values) {
    post([limit = qint64(values.downloads.limit_kb_s) * 1000,
          kept = values.downloads.keptVersions](DownloadQueue& queue) {
        queue.setSpeedLimit(limit);
        queue.setKept(kept);
    });
}

void DownloadController::fail(const engine::Status& status) {
    emit failed(sentence(status));
}

void DownloadController::failVersion(const QString& folder, const engine::Status& status) {
    emit versionFailed(folder, sentence(status));
}

void DownloadController::search(const QString& words) {
    const quint64 question = ++m_question;
    const HubKind kind = hub();
    postWithSecrets(kind, [this, question, kind, at = endpoint(kind), words](DownloadQueue& queue) {
        queue.hubs().search(queue.network().manager(), kind, at, words,
                            queue.tokenFor(kind, QUrl(at)),
                            [this, question](const engine::Result<QList<RemoteModel>>& result) {
                                QMetaObject::invokeMethod(this, [this, question, result] {
                                    if (question != m_question)
                                        return;
                                    if (result.ok())
                                        emit found(result.value());
                                    else
                                        fail(result.status());
                                });
                            });
    });
}

void DownloadController::list(const QString& repository) {
    const quint64 question = ++m_question;
    const HubKind kind = hub();
    const SettingsValues& values = m_settings.values();
    const LoadWish wish{values.weights, values.kv, values.contextTokens};
    const auto answered = [this, question, wish, load = m_room(),
                           models = m_models](const engine::Result<RemoteRepository>& result) {
        const QList<RemoteChoice> choices =
            result.ok() ? choicesOf(result.value(), freeRoom(load, models), wish)
                        : QList<RemoteChoice>();
        QMetaObject::invokeMethod(this, [this, question, result, choices] {
            if (question != m_question)
                return;
            if (result.ok())
                emit listed(result.value(), choices);
            else
                fail(result.status());
        });
    };
    postWithSecrets(kind, [kind, at = endpoint(kind), repository, answered](DownloadQueue& queue) {
        queue.hubs().list(queue.network().manager(), kind, at, repository,
                          queue.tokenFor(kind, QUrl(at)), answered);
    });
}

void DownloadController::download(const RemoteRepository& repository, const RemoteChoice& choice) {
    JobRecord job;
    job.shown.hub = repository.hub;
    job.shown.repository = repository.repository;
    job.shown.label = choice.label;
    job.shown.total_bytes = choice.bytes;
    job.endpoint = repository.endpoint;
    job.commit = repository.commit;
    job.files = choice.files;
    if (job.files.isEmpty() || !isRepositoryName(job.shown.repository))
        return;
    postWithSecrets(repository.hub, [job](DownloadQueue& queue) { queue.add(job); });
}

QString DownloadController::downloadAddress(const QString& address, const QString& sha256) {
    static const QRegularExpression sum(QStringLiteral("^[0-9a-fA-F]{64}$"));
    const QUrl url(address.trimmed(), QUrl::StrictMode);
    const QString name = url.fileName(QUrl::FullyDecoded);
    const auto refuse = [&](const char* expected) {
        return sentence(
            engine::Status(engine::Code::DownloadAddressInvalid,
                           {{"address", address.trimmed().toStdString()}, {"expected", expected}}));
    };
    const bool isWeb =
        url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http");
    if (!isWeb || !isRepositoryName(url.host() + QLatin1Char('/') + name) ||
        !name.endsWith(QLatin1String(".gguf"), Qt::CaseInsensitive))
        return refuse("it has to begin with https:// and to end with the name of a .gguf file");
    if (!sha256.trimmed().isEmpty() && !sum.match(sha256.trimmed()).hasMatch())
        return refuse("the SHA-256 sum beside it has to be 64 hexadecimal digits, or nothing");
    RemoteFile file{name, -1, ChecksumKind::None, sha256.trimmed().toLower(), url};
    if (!file.checksum.isEmpty())
        file.checksumKind = ChecksumKind::Sha256;
    RemoteRepository repository;
    repository.hub = HubKind::Address;
    repository.repository = url.host() + QLatin1Char('/') + name.chopped(5);
    const QString format = quantizationOf(name);
    download(repository, {format.isEmpty() ? name : format, {file}, -1, {}, false});
    return {};
}

void DownloadController::pause(quint64 id) {
    post([id](DownloadQueue& queue) { queue.pause(id); });
}

void DownloadController::resume(quint64 id) {
    for (const DownloadJob& job : m_jobs)
        if (job.id == id)
            postWithSecrets(job.hub, [id](DownloadQueue& queue) { queue.resume(id); });
}

void DownloadController::cancel(quint64 id) {
    post([id](DownloadQueue& queue) { queue.cancel(id); });
}

void DownloadController::move(quint64 id, int by) {
    post([id, by](DownloadQueue& queue) { queue.move(id, by); });
}

void DownloadController::clearDone() {
    post([](DownloadQueue& queue) { queue.clearDone(); });
}

void DownloadController::readVersions(const QString& path) {
    post([this, path](DownloadQueue&) { readVersionsThere(path); });
}

/// On the download thread, as it looks at the disk.
void DownloadController::readVersionsThere(const QString& path) {
    FolderVersions versions{path, downloadFolderOf(path), {}, {}, {}};
    const ModelFolder kept(versions.folder);
    if (const auto model = versions.folder.isEmpty() ? std::nullopt : kept.current()) {
        versions.repository = model->repository;
        versions.commit = model->commit;
        versions.older = kept.versions();
    }
    QMetaObject::invokeMethod(this, [this, versions] { emit versionsRead(versions); });
}

void DownloadController::checkUpdate(const QString& folder) {
    post([this, folder](DownloadQueue&) {
        const engine::Result<InstalledModel> installed = updatable(folder, m_models);
        QMetaObject::invokeMethod(this, [this, folder, installed] {
            if (installed.ok())
                askForUpdate(folder, installed.value());
            else
                failVersion(folder, installed.status());
        });
    });
}

void DownloadController::askForUpdate(const QString& folder, const InstalledModel& installed) {
    const auto answered = [this, folder,
                           installed](const engine::Result<RemoteRepository>& result) {
        QMetaObject::invokeMethod(this, [this, folder, installed, result] {
            if (!result.ok())
                return failVersion(folder, result.status());
            m_updates.insert(folder, result.value());
            emit updateChecked(changesOf(folder, installed, result.value()));
        });
    };
    postWithSecrets(
        installed.hub,
        [installed, answered](DownloadQueue& queue) {
            queue.hubs().list(queue.network().manager(), installed.hub, installed.endpoint,
                              installed.repository,
                              queue.tokenFor(installed.hub, QUrl(installed.endpoint)), answered);
        },
        [this, folder](const engine::Status& status) { failVersion(folder, status); });
}

void DownloadController::update(const AvailableUpdate& update) {
    if (update.changed.isEmpty() || !m_updates.contains(update.folder))
        return;
    const RemoteRepository repository = m_updates.take(update.folder);
    download(repository, {tr("Update"), update.changed, update.bytes, RemoteFit::Unknown, false});
}

void DownloadController::rollBack(const QString& folder, const QString& version) {
    post([this, folder, version](DownloadQueue& queue) {
        ModelFolder model(folder);
        engine::Status status =
            queue.isBusy(folder)
                ? about(engine::Code::VersionMissing, folder,
                        PHRASE("Status", "a download for it is running; pause it first"))
                : model.open();
        if (status.ok())
            status = model.rollBack(version, queue.kept());
        QMetaObject::invokeMethod(this, [this, folder, status] {
            if (status.ok())
                emit rolledBack(folder);
            else
                failVersion(folder, status);
        });
        if (status.ok())
            readVersionsThere(folder);
    });
}

void DownloadController::setToken(HubKind hub, const QString& token) {
    m_secrets->write(tokenKey(hub), token.trimmed().toUtf8(), [this](const engine::Status& status) {
        emit secretStored(status.ok() ? QString() : sentence(status));
    });
}

void DownloadController::setProxyPassword(const QString& password) {
    m_secrets->write(kProxySecret, password.toUtf8(), [this](const engine::Status& status) {
        emit secretStored(status.ok() ? QString() : sentence(status));
    });
}

} // namespace app
