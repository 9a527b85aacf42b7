#include "app/download/secret_store.h"

#include <qt6keychain/keychain.h>
#include <QTimer>

namespace app {

namespace {

const QString kService = QStringLiteral("inglenook");

engine::Status unavailable(const QKeychain::Job& job) {
    return engine::Status(engine::Code::KeyringUnavailable,
                          {{"reason", job.errorString().toStdString()}});
}

} // namespace

SecretStore::SecretStore(QObject* parent) : QObject(parent) {}

void SecretStore::read(const QString& key, std::function<void(const QByteArray&)> then) {
    if (m_known.contains(key)) {
        QTimer::singleShot(0, this, [secret = m_known.value(key), then] { then(secret); });
        return;
    }
    auto* job = new QKeychain::ReadPasswordJob(kService, this);
    job->setKey(key);
    connect(job, &QKeychain::Job::finished, this, [this, job, key, then] {
        // Asked once a session: a keyring that is locked or missing does not ask again and again.
        if (!m_known.contains(key))
            m_known.insert(key,
                           job->error() == QKeychain::NoError ? job->binaryData() : QByteArray());
        then(m_known.value(key));
    });
    job->start();
}

void SecretStore::write(const QString& key, const QByteArray& secret,
                        std::function<void(const engine::Status&)> then) {
    m_known.insert(key, secret);
    if (secret.isEmpty()) {
        auto* job = new QKeychain::DeletePasswordJob(kService, this);
        job->setKey(key);
        connect(job, &QKeychain::Job::finished, this, [job, then] {
            const bool isGone =
                job->error() == QKeychain::NoError || job->error() == QKeychain::EntryNotFound;
            then(isGone ? engine::Status() : unavailable(*job));
        });
        job->start();
        return;
    }
    auto* job = new QKeychain::WritePasswordJob(kService, this);
    job->setKey(key);
    job->setBinaryData(secret);
    connect(job, &QKeychain::Job::finished, this, [job, then] {
        then(job->error() == QKeychain::NoError ? engine::Status() : unavailable(*job));
    });
    job->start();
}

} // namespace app
