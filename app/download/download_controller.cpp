#include "app/download/download_controller.h"

#include "app/download/download_queue.h"
#include "app/download/file_names.h"
#include "app/download/secret_store.h"
#include "app/messages.h"
#include "app/settings.h"
#include "engine/model/memory_plan.h"

#include <QFileInfo>
#include <QRegularExpression>

namespace app {

namespace {

const QString kProxySecret = QStringLiteral("proxy-password");

QString tokenKey(HubKind hub) {
    return QStringLiteral("token-") + hubKey(hub);
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
                                       TransferLimits limits, QObject* parent)
    : QObject(parent),
      m_settings(settings),
      m_models(std::move(models)),
      m_secrets(new SecretStore(this)),
      m_queue(new DownloadQueue(m_models, std::move(queueFile), limits)) {
    m_judge = [this] {
        const quint64 memory = engine::availableHostMemory();
        return judgeByBytes({freeBytes(m_models), memory == 0 ? -1 : qint64(memory)});
    };
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

QString DownloadController::folderOf(const QString& path) {
    QString folder = path;
    for (int up = 0; up < 3; ++up, folder = QFileInfo(folder).absolutePath())
        if (QFileInfo::exists(folder + QStringLiteral("/.inglenook/current.json")))
            return folder;
    return {};
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
void DownloadController::postWithSecrets(HubKind hub, Work work) {
    applyProxy([this, hub, work](DownloadQueue&) {
        QMetaObject::invokeMethod(this, [this, hub, work] {
            m_secrets->read(tokenKey(hub), [this, hub, work](const QByteArray& token) {
                post([hub, token, work](DownloadQueue& queue) {
                    queue.setToken(hub, token);
                    work(queue);
                });
            });
        });
    });
}

void DownloadController::applyProxy(Work then) {
    m_secrets->read(kProxySecret, [this, then](const QByteArray& password) {
        const engine::Result<QNetworkProxy> proxy =
            parseProxy(m_settings.values().downloads.proxy, QString::fromUtf8(password));
        if (!proxy.ok())
            return fail(proxy.status());
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

void DownloadController::search(const QString& words) {
    const quint64 question = ++m_question;
    const HubKind kind = hub();
    postWithSecrets(kind, [this, question, kind, at = endpoint(kind), words](DownloadQueue& queue) {
        queue.hubs().search(queue.network().manager(), kind, at, words, queue.token(kind),
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
    postWithSecrets(
        kind, [this, question, kind, at = endpoint(kind), repository](DownloadQueue& queue) {
            queue.hubs().list(queue.network().manager(), kind, at, repository, queue.token(kind),
                              [this, question](const engine::Result<RemoteRepository>& result) {
                                  QMetaObject::invokeMethod(this, [this, question, result] {
                                      if (question != m_question)
                                          return;
                                      if (result.ok())
                                          emit listed(result.value(),
                                                      choicesOf(result.value(), m_judge()));
                                      else
                                          fail(result.status());
                                  });
                              });
        });
}

void DownloadController::download(const RemoteRepository& repository, const RemoteChoice& choice) {
    JobRecord job;
    job.shown.hub = repository.hub;
    job.shown.repository = repository.repository;
    job.shown.label = choice.label;
    job.shown.total_bytes = choice.bytes;
    job.endpoint = endpoint(repository.hub);
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

void DownloadController::readVersions(const QString& folder) {
    post([this, folder](DownloadQueue& queue) { readVersionsThere(queue, folder); });
}

void DownloadController::readVersionsThere(DownloadQueue&, const QString& folder) {
    const ModelFolder kept(folder);
    FolderVersions versions{folder, {}, {}, {}};
    if (const auto model = kept.current()) {
        versions.repository = model->repository;
        versions.commit = model->commit;
        versions.older = kept.versions();
    }
    QMetaObject::invokeMethod(this, [this, versions] { emit versionsRead(versions); });
}

void DownloadController::checkUpdate(const QString& folder) {
    const auto installed = ModelFolder(folder).current();
    if (!installed || installed->hub == HubKind::Address)
        return fail(engine::Status(
            engine::Code::VersionMissing,
            {{"model", QFileInfo(folder).fileName().toStdString()},
             {"problem", "it was not downloaded from a hub that could have a newer one"}}));
    postWithSecrets(installed->hub, [this, folder, installed](DownloadQueue& queue) {
        queue.hubs().list(
            queue.network().manager(), installed->hub, installed->endpoint, installed->repository,
            queue.token(installed->hub),
            [this, folder, installed](const engine::Result<RemoteRepository>& result) {
                QMetaObject::invokeMethod(this, [this, folder, installed, result] {
                    if (!result.ok())
                        return fail(result.status());
                    m_updates.insert(folder, result.value());
                    emit updateChecked(changesOf(folder, *installed, result.value()));
                });
            });
    });
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
                ? engine::Status(engine::Code::VersionMissing,
                                 {{"model", QFileInfo(folder).fileName().toStdString()},
                                  {"problem", "a download for it is running; pause it first"}})
                : model.open();
        if (status.ok())
            status = model.rollBack(version, queue.kept());
        if (!status.ok())
            QMetaObject::invokeMethod(this, [this, status] { fail(status); });
        else
            readVersionsThere(queue, folder);
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
