#include "app/download/hub_api.h"
#include "tests/support/hub_server.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::HubKind;
using engine::Code;

namespace {

const QString kHub = QStringLiteral("https://hub.example");
const QString kRepository = QStringLiteral("owner/name-GGUF");
const QByteArray kCommit(40, 'c');

} // namespace

class TstHubApi : public QObject {
    Q_OBJECT

  private slots:
    void searchIsEncoded() {
        const auto request =
            app::searchRequest(HubKind::HuggingFace, kHub, QStringLiteral("r1 & 你好#x"));
        QVERIFY(
            request.url.toEncoded().startsWith("https://hub.example/api/models?search=r1%20%26"));
        QVERIFY(request.url.fragment().isEmpty());
        const auto modelScope =
            app::searchRequest(HubKind::ModelScope, kHub, QStringLiteral("a\"b"));
        QCOMPARE(modelScope.verb, QByteArray("PUT"));
        QCOMPARE(QJsonDocument::fromJson(modelScope.body)
                     .object()
                     .value(QStringLiteral("Name"))
                     .toString(),
                 QStringLiteral("a\"b"));
    }

    void huggingFaceSearch() {
        const auto found =
            app::parseSearch(HubKind::HfMirror,
                             "[{\"id\":\"a/b\",\"downloads\":12,\"gated\":false},{\"id\":\"c/"
                             "d\",\"gated\":\"manual\"},"
                             "{\"id\":\"../etc\"},{\"id\":\"noowner\"},{\"id\":7},3]",
                             QStringLiteral("hub"));
        QVERIFY(found.ok());
        QCOMPARE(found.value().size(), 2);
        QCOMPARE(found.value().at(0).downloads, 12);
        QVERIFY(found.value().at(1).isGated);
        QCOMPARE(found.value().at(1).downloads, -1);
    }

    void modelScopeSearch() {
        const auto found = app::parseSearch(HubKind::ModelScope,
                                            "{\"Code\":200,\"Data\":{\"Model\":{\"Models\":[{"
                                            "\"Path\":\"a\",\"Name\":\"b\",\"Downloads\":5}]}}}",
                                            QStringLiteral("hub"));
        QVERIFY(found.ok());
        QCOMPARE(found.value().first().repository, QStringLiteral("a/b"));
        QVERIFY(app::parseSearch(HubKind::ModelScope,
                                 "{\"Data\":{\"Model\":{\"Models\":null,\"TotalCount\":0}}}",
                                 QStringLiteral("hub"))
                    .value()
                    .isEmpty());
    }

    void huggingFaceListing() {
        auto listing = app::parseListing(
            HubKind::HuggingFace, kHub, kRepository,
            "{\"sha\":\"" + kCommit +
                "\",\"gated\":\"auto\",\"cardData\":{\"license\":\"mit\"},\"siblings\":["
                "{\"rfilename\":\".gitattributes\",\"size\":3,\"blobId\":\"x\"},"
                "{\"rfilename\":\"config.json\",\"size\":17,\"blobId\":"
                "\"0123456789012345678901234567890123456789\"},"
                "{\"rfilename\":\"a "
                "b#Q4_K_M.gguf\",\"size\":130,\"blobId\":"
                "\"0123456789012345678901234567890123456789\","
                "\"lfs\":{\"sha256\":\"" +
                QByteArray(64, 'A') + "\",\"size\":999,\"pointerSize\":130}}]}");
        QVERIFY2(listing.ok(), listing.status().sentence().c_str());
        QCOMPARE(listing->license, QStringLiteral("mit"));
        QVERIFY(listing->isGated);
        QCOMPARE(listing->files.size(), 2);
        QCOMPARE(listing->files.at(0).checksumKind, app::ChecksumKind::GitBlob);
        const app::RemoteFile& model = listing->files.at(1);
        QCOMPARE(model.bytes, 999);
        QCOMPARE(model.checksumKind, app::ChecksumKind::Sha256);
        QCOMPARE(model.checksum, QString(64, QLatin1Char('a')));
        QCOMPARE(model.url.toEncoded(),
                 "https://hub.example/owner/name-GGUF/resolve/" + kCommit + "/a%20b%23Q4_K_M.gguf");
    }

    void modelScopeListing() {
        auto listing = app::parseListing(
            HubKind::ModelScope, kHub, kRepository,
            "{\"Code\":200,\"Data\":{\"Files\":[{\"Path\":\"sub\",\"Type\":\"tree\"},"
            "{\"Path\":\"sub/m&1.gguf\",\"Type\":\"blob\",\"Size\":5,\"Sha256\":\"" +
                QByteArray(64, '1') + "\"}]}}");
        QVERIFY(listing.ok());
        QCOMPARE(listing->files.size(), 1);
        QCOMPARE(listing->files.first().url.toEncoded(),
                 QByteArray("https://hub.example/api/v1/models/owner/name-GGUF/"
                            "repo?Revision=master&FilePath=sub%2Fm%261.gguf"));
    }

    void namesThatLeadOutAreAnError() {
        for (const char* name : {"../../x.gguf", "/etc/passwd", "a/../../b.gguf", "a\\\\..\\\\b"}) {
            auto listing = app::parseListing(
                HubKind::HuggingFace, kHub, kRepository,
                "{\"sha\":\"" + kCommit + "\",\"siblings\":[{\"rfilename\":\"" + name + "\"}]}");
            QCOMPARE(listing.status().code(), Code::DownloadNameUnsafe);
        }
    }

    void nonsenseIsAnError_data() {
        QTest::addColumn<QByteArray>("answer");
        QTest::newRow("nothing") << QByteArray();
        QTest::newRow("page") << QByteArray("<html>");
        QTest::newRow("list") << QByteArray("[]");
        QTest::newRow("no commit") << QByteArray("{\"siblings\":[]}");
        QTest::newRow("commit is a path") << QByteArray("{\"sha\":\"../../x\",\"siblings\":[]}");
        QTest::newRow("no files") << "{\"sha\":\"" + kCommit + "\"}";
        QTest::newRow("deep") << QByteArray(100'000, '[');
    }
    void nonsenseIsAnError() {
        QFETCH(const QByteArray, answer);
        QCOMPARE(app::parseListing(HubKind::HuggingFace, kHub, kRepository, answer).status().code(),
                 Code::DownloadUnusable);
        QCOMPARE(app::parseListing(HubKind::ModelScope, kHub, kRepository, answer).status().code(),
                 Code::DownloadUnusable);
    }

    void wrongChecksumsAreNone() {
        auto listing = app::parseListing(HubKind::HuggingFace, kHub, kRepository,
                                         "{\"sha\":\"" + kCommit +
                                             "\",\"siblings\":[{\"rfilename\":\"a.gguf\","
                                             "\"lfs\":{\"sha256\":\"../x\",\"size\":1}}]}");
        QCOMPARE(listing->files.first().checksumKind, app::ChecksumKind::None);
    }

    void endpointsAreCleaned() {
        QCOMPARE(app::cleanEndpoint(QStringLiteral(" https://mirror.example/hf/ ")).value(),
                 QStringLiteral("https://mirror.example/hf"));
        QCOMPARE(app::cleanEndpoint(QStringLiteral("mirror.example")).value(),
                 QStringLiteral("http://mirror.example"));
        for (const char* typed : {"", "ftp://x", "file:///etc", "https://user:secret@x"})
            QVERIFY2(!app::cleanEndpoint(QString::fromLatin1(typed)).ok(), typed);
    }
};

INGLENOOK_SUITE(hub_api, TstHubApi)
#include "tst_hub_api.moc"
