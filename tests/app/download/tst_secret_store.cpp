// Where there is no keyring, a token is held in memory, a sentence says so, and no file has it.
#include "app/download/download_controller.h"
#include "app/download/secret_store.h"
#include "app/messages.h"
#include "app/settings.h"
#include "tests/support/suite_registry.h"

#include <QDirIterator>
#include <QtTest/QtTest>

class TstSecretStore : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        // Nobody listens there: no keyring, and no D-Bus that could start one.
        qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/inglenook");
    }

    void withoutAKeyringItIsHeldAndSaid() {
        app::SecretStore store;
        engine::Status status;
        bool isWritten = false;
        store.write(QStringLiteral("token-test"), "canary-4711", [&](const engine::Status& result) {
            status = result;
            isWritten = true;
        });
        QTRY_VERIFY_WITH_TIMEOUT(isWritten, 10'000);
        QCOMPARE(status.code(), engine::Code::KeyringUnavailable);
        QVERIFY(!app::sentence(status).contains(QStringLiteral("canary")));
        QByteArray secret;
        store.read(QStringLiteral("token-test"), [&](const QByteArray& read) { secret = read; });
        QTRY_COMPARE(secret, QByteArray("canary-4711"));
        bool isDeleted = false;
        status = {};
        store.write(QStringLiteral("token-test"), {}, [&](const engine::Status& result) {
            status = result;
            isDeleted = true;
        });
        QTRY_VERIFY_WITH_TIMEOUT(isDeleted, 10'000);
        // Whether the keyring had one nobody knows: it is not said to be gone.
        QCOMPARE(status.code(), engine::Code::KeyringUnavailable);
        QByteArray left("unread");
        store.read(QStringLiteral("token-test"), [&](const QByteArray& read) { left = read; });
        QTRY_COMPARE(left, QByteArray());
    }

    void nothingKnownIsEmpty() {
        app::SecretStore store;
        bool isRead = false;
        store.read(QStringLiteral("token-none"),
                   [&](const QByteArray& secret) { isRead = secret.isEmpty(); });
        QTRY_VERIFY_WITH_TIMEOUT(isRead, 10'000);
    }

    void noFileHasTheToken() {
        QTemporaryDir dir;
        {
            app::Settings settings(dir.filePath(QStringLiteral("settings.json")));
            app::DownloadController downloads(settings, dir.filePath(QStringLiteral("models")),
                                              dir.filePath(QStringLiteral("downloads.json")));
            QSignalSpy stored(&downloads, &app::DownloadController::secretStored);
            downloads.setToken(app::HubKind::HuggingFace, QStringLiteral("hf_canary0815"));
            downloads.setProxyPassword(QStringLiteral("canary-proxy"));
            QTRY_COMPARE_WITH_TIMEOUT(stored.size(), 2, 10'000);
            QVERIFY(!stored.first().first().toString().isEmpty());
            QVERIFY(downloads.downloadAddress(QStringLiteral("http://127.0.0.1:1/model.gguf"), {})
                        .isEmpty());
            QTRY_VERIFY(!downloads.jobs().isEmpty());
            settings.set(settings.values());
        }
        int looked = 0;
        QDirIterator files(dir.path(), QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
        while (files.hasNext()) {
            QFile file(files.next());
            QVERIFY(file.open(QIODevice::ReadOnly));
            QVERIFY2(!file.readAll().contains("canary"), qPrintable(file.fileName()));
            ++looked;
        }
        QVERIFY(looked >= 1);
    }
};

INGLENOOK_SUITE(secret_store, TstSecretStore)
#include "tst_secret_store.moc"
