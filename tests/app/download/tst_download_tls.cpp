// A hub that cannot prove who it is: a sentence says so, and nothing is sent to it, least of all
// the token.
#include "tests/support/hub_bed.h"
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

} // namespace

class TstDownloadTls : public QObject, private tests::HubBed {
    Q_OBJECT

  private slots:
    void initTestCase() {
        if (!QSslSocket::supportsSsl())
            QSKIP("This Qt has no TLS.");
        if (QStandardPaths::findExecutable(QStringLiteral("openssl")).isEmpty())
            QSKIP("The openssl program, which makes the certificates, is not on PATH.");
        m_own = certificateFor("IP:127.0.0.1");
        m_others = certificateFor("DNS:hub.example");
        QVERIFY(!m_own.localCertificate().isNull() && !m_others.localCertificate().isNull());
        QVERIFY(!m_own.privateKey().isNull() && !m_others.privateKey().isNull());
    }

    void init() { m_before = QSslConfiguration::defaultConfiguration(); }
    void cleanup() {
        end();
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
        QTRY_VERIFY_WITH_TIMEOUT(firstJobIs(app::JobState::Failed), kPatience_ms);
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
        begin(certificate);
        m_server->serveText(QStringLiteral("/api/models"),
                            "[{\"id\":\"owner/name-GGUF\",\"downloads\":3}]");
        start(60'000); // a repetition would outlast the test
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

    QSslConfiguration m_before;
    QSslConfiguration m_own;
    QSslConfiguration m_others;
};

INGLENOOK_SUITE(download_tls, TstDownloadTls)
#include "tst_download_tls.moc"
