// Models from a hub, as the desktop asks for them: search, list, fetch, go on after a restart,
// update, roll back; and nothing connects unasked.
#include "app/application.h"
#include "tests/support/fake_engine.h"
#include "tests/support/hub_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::DownloadController;
using app::JobState;

namespace {

const QString kRepository = QStringLiteral("owner/name-GGUF");
const QByteArray kFirst(40, '1');
const QByteArray kSecond(40, '2');

} // namespace

class TstDownloadController : public QObject, private tests::HubBed {
    Q_OBJECT

  private slots:
    void init() {
        begin();
        m_room = {false, 0, -1};
        m_small = tests::modelBytes(150'000, 4);
        m_large = tests::modelBytes(300'000, 8);
        publish(kFirst, m_small, m_large);
        start();
    }
    void cleanup() { end(); }

    void findsListsFetches() {
        m_server->serveText(QStringLiteral("/api/models"),
                            "[{\"id\":\"owner/name-GGUF\",\"downloads\":3}]");
        QSignalSpy found(m_downloads.get(), &DownloadController::found);
        m_downloads->search(QStringLiteral("name"));
        QTRY_COMPARE_WITH_TIMEOUT(found.size(), 1, kPatience_ms);
        QCOMPARE(found.first().first().value<QList<app::RemoteModel>>().size(), 1);

        fetch(QStringLiteral("Q4_K_M"));
        const app::DownloadJob job = m_downloads->jobs().first();
        QCOMPARE(job.state, JobState::Done);
        QCOMPARE(job.done_bytes, m_small.size());
        QCOMPARE(contentOf(job.file), m_small);
        QVERIFY(job.file.startsWith(m_downloads->modelsFolder() + QStringLiteral("/owner/")));
    }

    void nothingConnectsUnasked() {
        m_downloads->pause(1);
        QTest::qWait(200);
        QCOMPARE(m_server->connections, 0);
    }

    /// The whole program: started, settled, closed.
    void theProgramConnectsToNothing() {
        QTemporaryDir data;
        app::Settings settings(data.filePath(QStringLiteral("settings.json")));
        leadHere(settings);
        QVERIFY(settings.flush());
        {
            app::Application program({data.path()},
                                     [] { return std::make_unique<tests::FakeEngine>(); });
            QCOMPARE(program.start(), app::Application::StartResult::Started);
            QTest::qWait(300);
        }
        QCOMPARE(m_server->connections, 0);
    }

    void restartComesBackPausedAndGoesOn() {
        m_files.value(QStringLiteral("Q8_0"))->drip_ms = 1;
        QVERIFY(list());
        m_downloads->download(m_listing, choice(QStringLiteral("Q8_0")));
        QTRY_VERIFY_WITH_TIMEOUT(!m_downloads->jobs().isEmpty() &&
                                     m_downloads->jobs().first().done_bytes > 20,
                                 kPatience_ms);
        m_downloads.reset(); // the program ends
        m_files.value(QStringLiteral("Q8_0"))->drip_ms = 0;
        m_server->requests.clear();
        m_server->connections = 0;
        start();
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().size(), 1, kPatience_ms);
        QCOMPARE(m_downloads->jobs().first().state, JobState::Paused);
        QVERIFY(m_downloads->jobs().first().done_bytes > 20);
        QTest::qWait(100);
        QCOMPARE(m_server->connections, 0);
        m_downloads->resume(m_downloads->jobs().first().id);
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().first().state, JobState::Done, kPatience_ms);
        QVERIFY(m_server->requests.first().from() > 20);
        QCOMPARE(contentOf(m_downloads->jobs().first().file), m_large);
    }

    void pauseResumeCancelAndOrder() {
        m_files.value(QStringLiteral("Q8_0"))->drip_ms = 5;
        QVERIFY(list());
        m_downloads->download(m_listing, choice(QStringLiteral("Q8_0")));
        m_downloads->download(m_listing, choice(QStringLiteral("Q4_K_M")));
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().size(), 2, kPatience_ms);
        const quint64 first = m_downloads->jobs().at(0).id;
        const quint64 second = m_downloads->jobs().at(1).id;
        QTRY_COMPARE(m_downloads->jobs().at(0).state, JobState::Running);
        QCOMPARE(m_downloads->jobs().at(1).state, JobState::Waiting);
        m_downloads->move(second, -1);
        QTRY_COMPARE(m_downloads->jobs().at(0).id, second);
        m_downloads->pause(first); // the other one's turn
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().at(0).state, JobState::Done, kPatience_ms);
        QCOMPARE(m_downloads->jobs().at(1).state, JobState::Paused);
        const QString part = m_downloads->modelsFolder() + QLatin1Char('/') + kRepository +
                             QStringLiteral("/.inglenook/incoming/name-Q8_0.gguf.part");
        QVERIFY(QFile::exists(part));
        m_downloads->cancel(first);
        QTRY_COMPARE(m_downloads->jobs().size(), 1);
        QVERIFY(!QFile::exists(part));
        m_downloads->clearDone();
        QTRY_VERIFY(m_downloads->jobs().isEmpty());
    }

    void failureIsASentenceAndCanBeTriedAgain() {
        m_files.value(QStringLiteral("Q4_K_M"))->status = 403;
        QVERIFY(list());
        m_downloads->download(m_listing, choice(QStringLiteral("Q4_K_M")));
        QTRY_VERIFY_WITH_TIMEOUT(firstJobIs(JobState::Failed), kPatience_ms);
        QVERIFY(m_downloads->jobs().first().error.contains(QStringLiteral("token")));
        m_files.value(QStringLiteral("Q4_K_M"))->status = 0;
        m_downloads->resume(m_downloads->jobs().first().id);
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().first().state, JobState::Done, kPatience_ms);
    }

    void updateFetchesOnlyWhatChangedAndRollsBack() {
        fetch(QStringLiteral("Q4_K_M"));
        fetch(QStringLiteral("Q8_0"));
        const QString folder = m_downloads->jobs().first().folder;
        QSignalSpy checked(m_downloads.get(), &DownloadController::updateChecked);
        m_downloads->checkUpdate(folder);
        QTRY_COMPARE_WITH_TIMEOUT(checked.size(), 1, kPatience_ms);
        QVERIFY(checked.takeFirst().first().value<app::AvailableUpdate>().changed.isEmpty());

        const QByteArray newSmall = tests::modelBytes(160'000, 44);
        publish(kSecond, newSmall, m_large);
        m_downloads->checkUpdate(folder);
        QTRY_COMPARE_WITH_TIMEOUT(checked.size(), 1, kPatience_ms);
        const auto update = checked.first().first().value<app::AvailableUpdate>();
        QCOMPARE(update.changed.size(), 1);
        QCOMPARE(update.bytes, newSmall.size());
        m_server->requests.clear();
        m_downloads->update(update);
        QTRY_VERIFY_WITH_TIMEOUT(m_downloads->jobs().size() == 3 &&
                                     m_downloads->jobs().last().state == JobState::Done,
                                 kPatience_ms);
        QCOMPARE(m_server->requests.size(), 1); // the file that changed, and nothing else
        const QString small = folder + QStringLiteral("/name-Q4_K_M.gguf");
        QCOMPARE(contentOf(small), newSmall);

        QSignalSpy read(m_downloads.get(), &DownloadController::versionsRead);
        m_downloads->readVersions(folder);
        QTRY_COMPARE(read.size(), 1);
        const auto versions = read.takeFirst().first().value<app::FolderVersions>();
        QCOMPARE(versions.commit, QString::fromLatin1(kSecond));
        QCOMPARE(versions.older.size(), 1);
        QCOMPARE(versions.older.first().commit, QString::fromLatin1(kFirst));
        m_server->connections = 0;
        m_downloads->rollBack(folder, versions.older.first().id);
        QTRY_COMPARE(read.size(), 1);
        QCOMPARE(contentOf(small), m_small);
        QCOMPARE(contentOf(folder + QStringLiteral("/name-Q8_0.gguf")), m_large);
        QCOMPARE(m_server->connections, 0);
    }

    /// What stands in a folder may be anybody's: an unpacked archive, a disk of somebody else.
    void theTokenGoesToTheHubOfTheSettingsAlone() {
        m_downloads->setToken(app::HubKind::HuggingFace, QStringLiteral("hf_canary"));
        fetch(QStringLiteral("Q4_K_M"));
        for (const tests::HubRequest& request : std::as_const(m_server->requests))
            QCOMPARE(request.header("authorization"), QByteArray("Bearer hf_canary"));
        const QString folder = m_downloads->jobs().first().folder;

        tests::HubServer thief;
        const QByteArray theirs = tests::modelBytes(70'000, 66);
        const QString name = QStringLiteral("name-Q4_K_M.gguf");
        thief.serveText(listingPath(kRepository),
                        tests::huggingFaceListing(kSecond, {{name, theirs}}));
        thief.serve(filePath(kRepository, kSecond, name), theirs);
        replaceIn(folder, m_server->endpoint(), thief.endpoint());
        QSignalSpy checked(m_downloads.get(), &DownloadController::updateChecked);
        m_downloads->checkUpdate(folder);
        QTRY_COMPARE_WITH_TIMEOUT(checked.size(), 1, kPatience_ms);
        m_downloads->update(checked.first().first().value<app::AvailableUpdate>());
        QTRY_VERIFY_WITH_TIMEOUT(m_downloads->jobs().size() == 2 &&
                                     m_downloads->jobs().last().state == JobState::Done,
                                 kPatience_ms);
        QCOMPARE(thief.requests.size(), 2); // the listing and the file
        for (const tests::HubRequest& request : std::as_const(thief.requests))
            QVERIFY(!request.headers.contains("authorization"));
    }

    /// An update would go where downloads go, not into the folder that was looked at.
    void aCopiedFolderIsNotUpdated() {
        fetch(QStringLiteral("Q4_K_M"));
        const QString folder = m_downloads->jobs().first().folder;
        const QString copy = m_downloads->modelsFolder() + QStringLiteral("/other/name");
        QVERIFY(QDir().mkpath(copy + QStringLiteral("/.inglenook")));
        QVERIFY(QFile::copy(folder + QStringLiteral("/.inglenook/current.json"),
                            copy + QStringLiteral("/.inglenook/current.json")));
        m_server->connections = 0;
        QSignalSpy refused(m_downloads.get(), &DownloadController::versionFailed);
        m_downloads->checkUpdate(copy);
        QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 1, kPatience_ms);
        QCOMPARE(refused.first().at(0).toString(), copy);
        const QString why = refused.first().at(1).toString();
        QVERIFY2(why.contains(QStringLiteral("copied")), qPrintable(why));
        // It was no going back that was refused.
        QVERIFY2(why.contains(QStringLiteral("cannot be updated")), qPrintable(why));
        replaceIn(copy, kRepository, QStringLiteral("../name"));
        m_downloads->checkUpdate(copy);
        QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 2, kPatience_ms);
        QCOMPARE(m_server->connections, 0);
    }

    void troubleWithVersionsNamesTheFolder() {
        fetch(QStringLiteral("Q4_K_M"));
        const QString folder = m_downloads->jobs().first().folder;
        QSignalSpy failed(m_downloads.get(), &DownloadController::failed);
        QSignalSpy refused(m_downloads.get(), &DownloadController::versionFailed);
        const auto next = [&] {
            return refused.size() == 1 || refused.wait(kPatience_ms) ? refused.takeFirst()
                                                                     : QList<QVariant>(2);
        };
        m_server->serve(listingPath(kRepository), {}).status = 500;
        m_downloads->checkUpdate(folder);
        QCOMPARE(next().at(0).toString(), folder);
        app::SettingsValues values = m_settings->values();
        values.downloads.proxy = QStringLiteral("gopher://x");
        m_settings->set(values);
        m_downloads->checkUpdate(folder);
        QCOMPARE(next().at(0).toString(), folder);
        m_downloads->rollBack(folder, QStringLiteral("20200101-000000-000"));
        const QList<QVariant> missing = next();
        QCOMPARE(missing.at(0).toString(), folder);
        QVERIFY(missing.at(1).toString().endsWith(QLatin1Char('.')));
        QVERIFY(failed.isEmpty()); // which is for those who search and list
    }

    void versionsAreFoundFromTheFile() {
        fetch(QStringLiteral("Q4_K_M"));
        const app::DownloadJob job = m_downloads->jobs().first();
        QSignalSpy read(m_downloads.get(), &DownloadController::versionsRead);
        m_downloads->readVersions(job.file);
        QTRY_COMPARE(read.size(), 1);
        auto versions = read.takeFirst().first().value<app::FolderVersions>();
        QCOMPARE(versions.path, job.file);
        QCOMPARE(versions.folder, job.folder);
        QCOMPARE(versions.repository, kRepository);
        m_downloads->readVersions(m_dir->path());
        QTRY_COMPARE(read.size(), 1);
        versions = read.takeFirst().first().value<app::FolderVersions>();
        QCOMPARE(versions.path, m_dir->path());
        QVERIFY(versions.folder.isEmpty() && versions.repository.isEmpty());
    }

    void whatFitsIsJudgedByTheLargerMemory() {
        const auto fits = [&](app::LoadRoom room) {
            m_room = room;
            return list() ? choice(QStringLiteral("Q8_0")).fit : app::RemoteFit::Unknown;
        };
        constexpr qint64 kGB = 1'000'000'000;
        QCOMPARE(fits({false, 0, 8 * kGB}), app::RemoteFit::Fits);
        QCOMPARE(fits({false, 0, kGB}), app::RemoteFit::Tight); // a short context beside it
        QCOMPARE(fits({false, 0, kGB / 2}), app::RemoteFit::TooLarge);
        QCOMPARE(fits({false, 0, -1}), app::RemoteFit::Unknown);
        QCOMPARE(fits({true, 8 * kGB, -1}), app::RemoteFit::Fits); // a loaded model would go
    }

    void aForgottenQuestionIsNotAnswered() {
        m_server->serveText(QStringLiteral("/api/models"), "[]");
        QSignalSpy found(m_downloads.get(), &DownloadController::found);
        m_downloads->search(QStringLiteral("name"));
        m_downloads->forgetQuestion();
        QTRY_COMPARE_WITH_TIMEOUT(m_server->requests.size(), 1, kPatience_ms);
        QTest::qWait(200);
        QVERIFY(found.isEmpty());
    }

    void partsOfAModelComeTogether() {
        const QByteArray one = tests::modelBytes(50'000, 21);
        const QByteArray two = tests::modelBytes(60'000, 22);
        const QString first = QStringLiteral("m-Q8_0-00001-of-00002.gguf");
        const QString second = QStringLiteral("m-Q8_0-00002-of-00002.gguf");
        m_server->serveText(listingPath(kRepository),
                            tests::huggingFaceListing(kFirst, {{first, one}, {second, two}}));
        m_server->serve(filePath(kRepository, kFirst, first), one);
        m_server->serve(filePath(kRepository, kFirst, second), two).status = 404;
        QVERIFY(list());
        m_downloads->download(m_listing, choice(QStringLiteral("Q8_0")));
        QTRY_VERIFY_WITH_TIMEOUT(firstJobIs(JobState::Failed), kPatience_ms);
        // Half a model is no model.
        QVERIFY(!QFile::exists(m_downloads->jobs().first().file));
        m_server->serve(filePath(kRepository, kFirst, second), two);
        m_server->requests.clear();
        m_downloads->resume(m_downloads->jobs().first().id);
        QTRY_COMPARE_WITH_TIMEOUT(m_downloads->jobs().first().state, JobState::Done, kPatience_ms);
        QCOMPARE(m_server->requests.size(), 1); // the first part is not fetched again
        QCOMPARE(contentOf(m_downloads->jobs().first().file), one);
        QCOMPARE(m_downloads->jobs().first().done_bytes, one.size() + two.size());
    }

    void plainAddress() {
        m_server->serve(QStringLiteral("/files/some%20model.gguf"), m_small);
        m_server->serve(QStringLiteral("/files/some model.gguf"), m_small);
        const QString address =
            m_server->url(QString()).toString() + QStringLiteral("/files/some%20model.gguf");
        QVERIFY(!m_downloads->downloadAddress(QStringLiteral("ftp://x/y.gguf"), {}).isEmpty());
        QVERIFY(
            !m_downloads->downloadAddress(QStringLiteral("https://x/.hidden.gguf"), {}).isEmpty());
        QVERIFY(!m_downloads->downloadAddress(QStringLiteral("https://x/page.html"), {}).isEmpty());
        QVERIFY(!m_downloads->downloadAddress(address, QStringLiteral("abc")).isEmpty());
        // One kept by an earlier version: it would go to every host that is typed.
        m_downloads->setToken(app::HubKind::Address, QStringLiteral("address_canary"));
        QCOMPARE(m_downloads->downloadAddress(address, tests::sha256Of(m_small)), QString());
        QTRY_VERIFY_WITH_TIMEOUT(firstJobIs(JobState::Done), kPatience_ms);
        QCOMPARE(contentOf(m_downloads->jobs().first().file), m_small);
        for (const tests::HubRequest& request : std::as_const(m_server->requests))
            QVERIFY(!request.headers.contains("authorization"));
    }

    void hostileListingIsASentence() {
        m_server->serveText(
            listingPath(kRepository),
            tests::huggingFaceListing(kFirst, {{QStringLiteral("../../../bashrc.gguf"), m_small}}));
        QSignalSpy failed(m_downloads.get(), &DownloadController::failed);
        m_downloads->list(kRepository);
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, kPatience_ms);
        QVERIFY(failed.first().first().toString().contains(QStringLiteral("folder")));
    }

    void savedQueueOfSomebodyElseLeadsNowhere() {
        m_downloads.reset();
        QFile file(m_dir->filePath(QStringLiteral("downloads.json")));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(
            "[{\"repository\":\"../..\",\"files\":[{\"path\":\"x.gguf\",\"url\":\"https://x/"
            "x.gguf\"}]},"
            "{\"repository\":\"a/b\",\"files\":[{\"path\":\"../x.gguf\",\"url\":\"https://x\"}]},"
            "{\"repository\":\"a/b\",\"files\":[]}, 7, {\"repository\":\"a/b\",\"label\":\"ok\","
            "\"files\":[{\"path\":\"x.gguf\",\"url\":\"https://x/x.gguf\"}]}]");
        file.close();
        start();
        QTRY_COMPARE(m_downloads->jobs().size(), 1);
        QCOMPARE(m_downloads->jobs().first().label, QStringLiteral("ok"));
    }

    void wrongProxyIsASentence() {
        app::DownloadValues values;
        QVERIFY(DownloadController::problemOf(values).isEmpty());
        values.proxy = QStringLiteral("gopher://x");
        QVERIFY(DownloadController::problemOf(values).endsWith(QLatin1Char('.')));
        values.proxy = QStringLiteral("http://user:canary@host:1");
        QVERIFY(!DownloadController::problemOf(values).contains(QStringLiteral("canary")));
        values = {};
        values.huggingFace = QStringLiteral("ftp://x");
        QVERIFY(!DownloadController::problemOf(values).isEmpty());
    }

    void proxyIsUsed() {
        tests::HubServer proxy;
        app::SettingsValues values = m_settings->values();
        values.downloads.huggingFace = QStringLiteral("http://hub.invalid");
        values.downloads.proxy = proxy.endpoint();
        m_settings->set(values);
        QSignalSpy failed(m_downloads.get(), &DownloadController::failed);
        m_downloads->search(QStringLiteral("x"));
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, kPatience_ms); // 404 of the proxy
        QVERIFY(proxy.requests.first().target.startsWith("http://hub.invalid/"));
    }

  private:
    void publish(const QByteArray& commit, const QByteArray& small, const QByteArray& large) {
        const QString q4 = QStringLiteral("name-Q4_K_M.gguf");
        const QString q8 = QStringLiteral("name-Q8_0.gguf");
        m_server->serveText(listingPath(kRepository),
                            tests::huggingFaceListing(commit, {{q4, small}, {q8, large}}));
        m_files.insert(QStringLiteral("Q4_K_M"),
                       &m_server->serve(filePath(kRepository, commit, q4), small));
        m_files.insert(QStringLiteral("Q8_0"),
                       &m_server->serve(filePath(kRepository, commit, q8), large));
    }
    void start() {
        HubBed::start(5, [this] { return m_room; });
    }
    /// In what is written about a folder.
    static void replaceIn(const QString& folder, const QString& before, const QString& after) {
        QFile file(folder + QStringLiteral("/.inglenook/current.json"));
        QVERIFY(file.open(QIODevice::ReadWrite));
        QByteArray json = file.readAll();
        QVERIFY(json.contains(before.toUtf8()));
        json.replace(before.toUtf8(), after.toUtf8());
        QVERIFY(file.resize(0) && file.seek(0));
        QCOMPARE(file.write(json), json.size());
    }
    bool list() {
        QSignalSpy listed(m_downloads.get(), &DownloadController::listed);
        m_downloads->list(kRepository);
        if (listed.isEmpty() && !listed.wait(kPatience_ms))
            return false;
        m_listing = listed.first().at(0).value<app::RemoteRepository>();
        m_choices = listed.first().at(1).value<QList<app::RemoteChoice>>();
        return true;
    }
    app::RemoteChoice choice(const QString& label) const {
        for (const app::RemoteChoice& each : m_choices)
            if (each.label == label)
                return each;
        return {};
    }
    void fetch(const QString& label) {
        QVERIFY(list());
        QSignalSpy installed(m_downloads.get(), &DownloadController::installed);
        m_downloads->download(m_listing, choice(label));
        QVERIFY(installed.size() == 1 || installed.wait(kPatience_ms));
        QTRY_COMPARE(m_downloads->jobs().last().state, JobState::Done);
    }

    app::LoadRoom m_room{false, 0, -1}; // this computer's memory is no matter here
    QByteArray m_small;
    QByteArray m_large;
    QHash<QString, tests::ServedFile*> m_files;
    app::RemoteRepository m_listing;
    QList<app::RemoteChoice> m_choices;
};

INGLENOOK_SUITE(download_controller, TstDownloadController)
#include "tst_download_controller.moc"
