#pragma once
// HubBed: downloads over a hub of our own, in a folder that goes with them. No keyring: what would
// be a secret stays in memory.

#include "app/download/download_controller.h"
#include "app/settings.h"
#include "tests/support/hub_server.h"

#include <memory>
#include <QtTest/QtTest>

namespace tests {

struct HubBed {
    static constexpr int kPatience_ms = 10'000;

    HubBed() { qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/inglenook"); }

    /// A new folder, and a server in it that has nothing yet.
    void begin(const QSslConfiguration& tls = {}) {
        end();
        m_dir = std::make_unique<QTemporaryDir>();
        m_server = std::make_unique<HubServer>(tls);
    }
    void end() {
        m_downloads.reset();
        m_settings.reset();
    }

    /// Settings that lead to the server and nowhere else.
    void leadHere(app::Settings& settings) const {
        app::SettingsValues values;
        values.downloads.huggingFace = m_server->endpoint();
        values.downloads.proxy = QStringLiteral("none");
        settings.set(values);
    }
    /// As the program starts them; `firstPause_ms` passes before a failure is tried again.
    void start(int firstPause_ms, std::function<app::LoadRoom()> room = {}) {
        m_settings =
            std::make_unique<app::Settings>(m_dir->filePath(QStringLiteral("settings.json")));
        leadHere(*m_settings);
        app::TransferLimits limits;
        limits.firstPause_ms = firstPause_ms;
        limits.spare_bytes = 0;
        m_downloads = std::make_unique<app::DownloadController>(
            *m_settings, m_dir->filePath(QStringLiteral("models")),
            m_dir->filePath(QStringLiteral("downloads.json")), limits, std::move(room));
    }

    static QString listingPath(const QString& repository) {
        return QStringLiteral("/api/models/%1/revision/main").arg(repository);
    }
    static QString filePath(const QString& repository, const QByteArray& commit,
                            const QString& name) {
        return QStringLiteral("/%1/resolve/%2/%3")
            .arg(repository, QString::fromLatin1(commit), name);
    }

    bool firstJobIs(app::JobState state) const {
        return !m_downloads->jobs().isEmpty() && m_downloads->jobs().first().state == state;
    }
    static QByteArray contentOf(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<HubServer> m_server;
    std::unique_ptr<app::Settings> m_settings;
    std::unique_ptr<app::DownloadController> m_downloads;
};

} // namespace tests
