// A hub that cannot prove who it is: a sentence says so, and nothing is sent to it, least of all
// the token.
#include "app/download/download_controller.h"
#include "app/settings.h"
#include "tests/support/hub_server.h"
#include "tests/support/suite_registry.h"

#include <QProcess>
#include <QSslCertificate>
#include <QSslKey>
#include <QSslSocket>
#include <QStandardPaths>
#include <QtTest/QtTest>

using app::DownloadController;

namespace {

const QString kRepository = QStringLiteral("owner/name-GGUF");
const QString kToken = QStringLiteral("hf_canary4711");
constexpr int kPatience_ms = 10'000;

QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

class TstDownloadTls : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/inglenook");
        if (!QSslSocket::supportsSsl())
            QSKIP("This Qt has no TLS.");
        if (QStandardPaths::findExecutable(QStringLiteral("openssl")).isEmpty())
            QSKIP("The openssl program, which makes the certificates, is not on PATH.");
        m_own = certificateFor("IP:127.0.0.1");
        m_others = certificateFor("DNS:hub.example");
        QVERIFY(!m_own.localCertificate().isNull() && !m_others.localCertificate().isNull());
        QVERIFY(!m_own.privateKey().isNull() && !m_others.privateKey().isNull());
    }

    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_before = QSslConfiguration::defaultConfiguration();
    }
    void cleanup() {
        m_downloads.reset();
        m_settings.reset();
        QSslConfiguration::setDefaultConfiguration(m_before);
    }

    void selfSignedIsRefusedAndTheTokenStays() {
        startWith(m_own);
        refusesToSearch(QStringLiteral("self-signed"));
    }

    void certificateOfAnotherHostIsRefused() {
        trust(m_others);
        startWith(m_others);
        refusesToSearch(QStringLiteral("host name"));
    }

    /// At once, as a repetition would change nothing.
    void aFileIsNotFetchedEither() {
        startWith(m_own);
        const QByteArray bytes = tests::modelBytes(20'000);
        m_server->serve(QStringLiteral("/x/m-Q8_0.gguf"), bytes);
        app::RemoteRepository repository;
        repository.repository = kRepository;
        app::RemoteChoice choice;
        choice.files = {{QStringLiteral("m-Q8_0.gguf"), bytes.size(), app::ChecksumKind::Sha256,
                         tests::sha256Of(bytes), m_server->url(QStringLiteral("/x/m-Q8_0.gguf"))}};
        m_downloads->download(repository, choice);
        QTRY_VERIFY_WITH_TIMEOUT(!m_downloads->jobs().isEmpty() &&
                                     m_downloads->jobs().first().state == app::JobState::Failed,
                                 kPatience_ms);
        QVERIFY2(m_downloads->jobs().first().error.contains(QStringLiteral("certificate")),
                 qPrintable(m_downloads->jobs().first().error));
        QVERIFY(m_server->requests.isEmpty());
    }

    /// What the others find missing is there when the certificate is trusted.
    void trustedHubGetsTheToken() {
        trust(m_own);
        startWith(m_own);
        QSignalSpy found(m_downloads.get(), &DownloadController::found);
        m_downloads->search(QStringLiteral("name"));
        QTRY_COMPARE_WITH_TIMEOUT(found.size(), 1, kPatience_ms);
        QCOMPARE(m_server->requests.size(), 1);
        QCOMPARE(m_server->requests.first().header("authorization"), "Bearer " + kToken.toLatin1());
    }

  private:
    /// A key and a certificate for `name` that it has signed itself.
    static QSslConfiguration certificateFor(const QByteArray& name) {
        const QTemporaryDir dir;
        const QString key = dir.filePath(QStringLiteral("key.pem"));
        const QString certificate = dir.filePath(QStringLiteral("certificate.pem"));
        QProcess openssl;
        openssl.start(QStringLiteral("openssl"),
                      {QStringLiteral("req"), QStringLiteral("-x509"), QStringLiteral("-newkey"),
                       QStringLiteral("rsa:2048"), QStringLiteral("-nodes"),
                       QStringLiteral("-days"), QStringLiteral("2"), QStringLiteral("-subj"),
                       QStringLiteral("/CN=hub"), QStringLiteral("-addext"),
                       QStringLiteral("subjectAltName=") + QString::fromLatin1(name),
                       QStringLiteral("-keyout"), key, QStringLiteral("-out"), certificate});
        openssl.waitForFinished(30'000);
        QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
        tls.setPrivateKey(QSslKey(contentOf(key), QSsl::Rsa));
        tls.setLocalCertificate(QSslCertificate(contentOf(certificate)));
        return tls;
    }
    static void trust(const QSslConfiguration& server) {
        QSslConfiguration ours = QSslConfiguration::defaultConfiguration();
        ours.addCaCertificate(server.localCertificate());
        QSslConfiguration::setDefaultConfiguration(ours);
    }
    void startWith(const QSslConfiguration& certificate) {
        m_server = std::make_unique<tests::HubServer>(certificate);
        m_server->serveText(QStringLiteral("/api/models"),
                            "[{\"id\":\"owner/name-GGUF\",\"downloads\":3}]");
        m_settings =
            std::make_unique<app::Settings>(m_dir->filePath(QStringLiteral("settings.json")));
        app::SettingsValues values;
        values.downloads.huggingFace = m_server->endpoint();
        values.downloads.proxy = QStringLiteral("none");
        m_settings->set(values);
        app::TransferLimits limits;
        limits.firstPause_ms = 60'000; // a repetition would outlast the test
        limits.spare_bytes = 0;
        m_downloads = std::make_unique<DownloadController>(
            *m_settings, m_dir->filePath(QStringLiteral("models")),
            m_dir->filePath(QStringLiteral("downloads.json")), limits);
        m_downloads->setToken(app::HubKind::HuggingFace, kToken);
    }
    void refusesToSearch(const QString& reason) {
        QSignalSpy failed(m_downloads.get(), &DownloadController::failed);
        m_downloads->search(QStringLiteral("name"));
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, kPatience_ms);
        const QString sentence = failed.first().first().toString();
        QVERIFY2(sentence.contains(QStringLiteral("certificate")) && sentence.contains(reason) &&
                     sentence.endsWith(QLatin1Char('.')),
                 qPrintable(sentence));
        QVERIFY(m_server->requests.isEmpty()); // nothing came through, so no token did
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<tests::HubServer> m_server;
    std::unique_ptr<app::Settings> m_settings;
    std::unique_ptr<DownloadController> m_downloads;
    QSslConfiguration m_before;
    QSslConfiguration m_own;
    QSslConfiguration m_others;
};

INGLENOOK_SUITE(download_tls, TstDownloadTls)
#include "tst_download_tls.moc"
