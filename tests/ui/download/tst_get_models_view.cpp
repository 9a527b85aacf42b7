// "Get models" as a beginner uses it: two clicks from an empty computer to a model, and sentences
// when that does not work; versions and the way back.
#include "app/download/starter_models.h"
#include "tests/support/hub_bed.h"
#include "tests/support/suite_registry.h"
#include "ui/download/connection_dialog.h"
#include "ui/download/download_text.h"
#include "ui/download/get_models_view.h"
#include "ui/download/versions_view.h"
#include "ui/models/library_list_model.h"
#include "ui/theme.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QScrollBar>
#include <QTableWidget>
#include <QToolButton>
#include <QtTest/QtTest>

using app::DownloadController;
using app::JobState;

namespace {

const QByteArray kFirst(40, '1');
const QByteArray kSecond(40, '2');

} // namespace

class TstGetModelsView : public QObject, private tests::HubBed {
    Q_OBJECT

  private slots:
    void init() {
        begin();
        start(app::TransferLimits().firstPause_ms, [] {
            return app::LoadRoom{false, 0, 8LL << 30};
        });
        m_theme = std::make_unique<ui::Theme>();
        m_theme->apply();
        m_view = std::make_unique<ui::GetModelsView>(*m_downloads, *m_settings, *m_theme);
        m_view->resize(1000, 700);
        m_view->show();
    }
    void cleanup() {
        m_view.reset();
        end();
    }

    void twoClicksToAModel() {
        const QByteArray bytes = tests::modelBytes(90'000);
        publish(app::starterModels().first().repository, kFirst, bytes);
        auto* list = m_view->findChild<QListWidget*>(QStringLiteral("download-models"));
        QCOMPARE(list->count(), int(app::starterModels().size()));
        QCOMPARE(m_server->connections, 0); // nothing before a click

        QTest::mouseClick(list->viewport(), Qt::LeftButton, {},
                          list->visualItemRect(list->item(0)).center());
        auto* button = m_view->findChild<QPushButton*>(QStringLiteral("download-button"));
        QTRY_VERIFY_WITH_TIMEOUT(button->isVisible(), kPatience_ms);
        QVERIFY2(button->text().contains(QStringLiteral("Q4_K_M")), qPrintable(button->text()));
        QSignalSpy open(m_view.get(), &ui::GetModelsView::openWanted);
        QTest::mouseClick(button, Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(isDone(), kPatience_ms);
        auto* load = m_view->findChild<QPushButton*>(QStringLiteral("job-go"));
        QTRY_COMPARE(load->text(), QStringLiteral("Load"));
        load->click();
        QCOMPARE(open.size(), 1);
        QVERIFY(QFile::exists(open.first().first().toString()));
    }

    /// Where the window is narrow, the table scrolls, and a file's name is in its tool tip.
    void theFilesAreNamedWhole() {
        const QByteArray part = tests::modelBytes(1'000);
        m_server->serveText(listingPath(QStringLiteral("a/b")),
                            tests::huggingFaceListing(
                                kFirst, {{QStringLiteral("one-Q4_K_M.gguf"), part},
                                         {QStringLiteral("two-Q8_0-00001-of-00002.gguf"), part},
                                         {QStringLiteral("two-Q8_0-00002-of-00002.gguf"), part}}));
        type(QStringLiteral("a/b"));
        auto* table = m_view->findChild<QTableWidget*>(QStringLiteral("download-choices"));
        QTRY_COMPARE_WITH_TIMEOUT(table->rowCount(), 2, kPatience_ms);
        const auto filesOf = [table](int row) { return table->item(row, 3); };
        QCOMPARE(filesOf(0)->text(), QStringLiteral("one-Q4_K_M.gguf"));
        QVERIFY(filesOf(0)->toolTip().contains(filesOf(0)->text()));
        m_view->resize(m_view->minimumSizeHint());
        QTRY_VERIFY(table->horizontalScrollBar()->maximum() > 0);
        QVERIFY(table->columnWidth(3) >=
                table->fontMetrics().horizontalAdvance(filesOf(0)->text()));
        QCOMPARE(filesOf(1)->text(), QStringLiteral("2 files"));
        for (const char* name : {"two-Q8_0-00001-of-00002.gguf", "two-Q8_0-00002-of-00002.gguf"})
            QVERIFY2(filesOf(1)->toolTip().contains(QLatin1String(name)),
                     qPrintable(filesOf(1)->toolTip()));
    }

    void searchesAndSaysWhatIsWrong() {
        auto* list = m_view->findChild<QListWidget*>(QStringLiteral("download-models"));
        m_server->serveText(
            QStringLiteral("/api/models"),
            QStringLiteral("[{\"id\":\"a/hidden\u202Ename\",\"downloads\":3},"
                           "{\"id\":\"a/b\",\"downloads\":1234,\"gated\":\"auto\"}]")
                .toUtf8());
        type(QStringLiteral("something"));
        QTRY_COMPARE_WITH_TIMEOUT(list->count(), 1, kPatience_ms); // hostile names are left out
        const QString detail = list->item(0)->data(ui::LibraryListModel::DetailRole).toString();
        QVERIFY2(detail.contains(QStringLiteral("token")), qPrintable(detail));
        emit list->itemClicked(list->item(0));
        QTRY_VERIFY_WITH_TIMEOUT(message().contains(QStringLiteral("does not have")), kPatience_ms);
        m_view->findChild<QLineEdit*>(QStringLiteral("download-words"))->clear();
        QCOMPARE(list->count(), int(app::starterModels().size()));
    }

    void failedDownloadCanBeTriedAgain() {
        tests::ServedFile& file = publish(QStringLiteral("a/b"), kFirst, tests::modelBytes(90'000));
        file.status = 401;
        type(QStringLiteral("a/b"));
        auto* button = m_view->findChild<QPushButton*>(QStringLiteral("download-button"));
        QTRY_VERIFY_WITH_TIMEOUT(button->isVisible(), kPatience_ms);
        button->click();
        QTRY_VERIFY_WITH_TIMEOUT(firstJobIs(JobState::Failed), kPatience_ms);
        auto* go = m_view->findChild<QPushButton*>(QStringLiteral("job-go"));
        auto* text = m_view->findChild<QLabel*>(QStringLiteral("job-text"));
        QTRY_COMPARE(go->text(), QStringLiteral("Try again"));
        QVERIFY(text->text().contains(QStringLiteral("token")));
        QCOMPARE(text->palette().color(QPalette::WindowText), m_theme->palette().bad);
        // Whoever hears the buttons hears which download they are of.
        auto* cancel = m_view->findChild<QToolButton*>(QStringLiteral("job-cancel"));
        QCOMPARE(cancel->accessibleName(), QStringLiteral("Remove: a/b · Q4_K_M"));
        QCOMPARE(go->accessibleName(), QStringLiteral("Try again: a/b · Q4_K_M"));
        file.status = 0;
        go->click();
        QTRY_VERIFY_WITH_TIMEOUT(isDone(), kPatience_ms);
        QTRY_COMPARE(text->palette().color(QPalette::WindowText), m_theme->palette().muted);
    }

    void addressesAreFetchedToo() {
        const QByteArray bytes = tests::modelBytes(50'000);
        m_server->serve(QStringLiteral("/x/some-Q8_0.gguf"), bytes);
        auto* hub = m_view->findChild<QComboBox*>(QStringLiteral("download-hub"));
        hub->setCurrentIndex(3);
        emit hub->activated(3);
        QCOMPARE(m_settings->values().downloads.hub, QStringLiteral("address"));
        type(QStringLiteral("nonsense"));
        QVERIFY(message().contains(QStringLiteral("https://")));
        type(m_server->url(QStringLiteral("/x/some-Q8_0.gguf")).toString() + QLatin1Char(' ') +
             tests::sha256Of(bytes));
        QTRY_VERIFY_WITH_TIMEOUT(isDone(), kPatience_ms);
    }

    void connectionIsChecked() {
        ui::ConnectionDialog dialog(*m_downloads, *m_settings);
        dialog.show();
        auto* proxy = dialog.findChild<QLineEdit*>(QStringLiteral("proxy"));
        proxy->setText(QStringLiteral("http://user:secret@host"));
        dialog.accept();
        auto* problem = dialog.findChild<QLabel*>(QStringLiteral("connection-problem"));
        QVERIFY(problem->isVisible());
        QVERIFY(!problem->text().contains(QStringLiteral("secret")));
        proxy->setText(QStringLiteral("socks5://127.0.0.1:1080"));
        QSignalSpy stored(m_downloads.get(), &DownloadController::secretStored);
        dialog.findChild<QLineEdit*>(QStringLiteral("token"))->setText(QStringLiteral("hf_x"));
        dialog.accept();
        QCOMPARE(m_settings->values().downloads.proxy, QStringLiteral("socks5://127.0.0.1:1080"));
        QTRY_COMPARE_WITH_TIMEOUT(stored.size(), 1, kPatience_ms);
        QVERIFY(message().contains(QStringLiteral("keyring"))); // there is none here
    }

    void versionsUpdateAndGoBack() {
        const QString repository = QStringLiteral("a/b");
        const QByteArray one = tests::modelBytes(40'000, 1);
        const QByteArray two = tests::modelBytes(41'000, 2);
        const QString model = fetched(repository, kFirst, one);
        QVERIFY(!model.isEmpty());
        QSignalSpy installed(m_downloads.get(), &DownloadController::installed);

        ui::VersionsView versions(*m_downloads);
        versions.show();
        versions.showModel(model);
        auto* check = versions.findChild<QPushButton*>(QStringLiteral("version-check"));
        auto* fetch = versions.findChild<QPushButton*>(QStringLiteral("version-fetch"));
        auto* back = versions.findChild<QPushButton*>(QStringLiteral("version-back"));
        QTRY_VERIFY(check->isVisible());
        QVERIFY(!fetch->isVisible());
        QVERIFY(!back->isVisible());
        publish(repository, kSecond, two);
        check->click();
        QTRY_VERIFY_WITH_TIMEOUT(fetch->isVisible(), kPatience_ms);
        fetch->click();
        QVERIFY(installed.wait(kPatience_ms));
        QTRY_VERIFY(back->isVisible());
        back->click();
        auto* news = versions.findChild<QLabel*>(QStringLiteral("version-news"));
        QTRY_VERIFY(news->text().contains(QStringLiteral("in place now")));
        QFile file(model);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QVERIFY(file.readAll() == one);

        versions.showModel(QStringLiteral("/nowhere/model.gguf"));
        QVERIFY(!check->isVisible());
        auto* now = versions.findChild<QLabel*>(QStringLiteral("version-now"));
        QTRY_VERIFY(now->text().contains(QStringLiteral("did not come through a download")));
        QVERIFY(!check->isVisible());
    }

    /// The page shows its card again whenever the library changes.
    void shownAgainVersionsStayAsTheyAre() {
        const QString repository = QStringLiteral("a/b");
        QString model;
        for (int i = 1; i <= 3; ++i) {
            model =
                fetched(repository, QByteArray(40, char('0' + i)), tests::modelBytes(40'000, i));
            QVERIFY(!model.isEmpty());
        }
        ui::VersionsView versions(*m_downloads);
        versions.show();
        QSignalSpy read(m_downloads.get(), &DownloadController::versionsRead);
        const auto showAgain = [&] {
            read.clear();
            versions.showModel(model);
            return !read.isEmpty() || read.wait(kPatience_ms);
        };
        QVERIFY(showAgain());
        auto* older = versions.findChild<QTableWidget*>(QStringLiteral("version-older"));
        auto* news = versions.findChild<QLabel*>(QStringLiteral("version-news"));
        auto* check = versions.findChild<QPushButton*>(QStringLiteral("version-check"));
        auto* fetch = versions.findChild<QPushButton*>(QStringLiteral("version-fetch"));
        QCOMPARE(older->rowCount(), 2);
        older->selectRow(1);
        QVERIFY(showAgain());
        QCOMPARE(older->currentRow(), 1); // what was chosen is still chosen

        m_server->serve(listingPath(repository), {}).isSilent = true;
        check->click();
        QVERIFY(showAgain());
        QVERIFY2(!news->text().contains(QStringLiteral("in place now")), qPrintable(news->text()));

        publish(repository, QByteArray(40, '4'), tests::modelBytes(40'000, 4));
        check->click();
        QTRY_VERIFY_WITH_TIMEOUT(fetch->isVisible(), kPatience_ms);
        QVERIFY(showAgain());
        QVERIFY(fetch->isVisible()); // it was not fetched yet
        fetch->click();
        QVERIFY(showAgain());
        QVERIFY(!fetch->isVisible());
    }

    /// Somebody who looks at a list of files did not ask about versions.
    void troubleWithAnUpdateStaysWithTheVersions() {
        const QString repository = QStringLiteral("a/b");
        const QString model = fetched(repository, kFirst, tests::modelBytes(40'000, 1));
        QVERIFY(!model.isEmpty());
        type(repository);
        auto* button = m_view->findChild<QPushButton*>(QStringLiteral("download-button"));
        QTRY_VERIFY_WITH_TIMEOUT(button->isVisible(), kPatience_ms);
        ui::VersionsView versions(*m_downloads);
        versions.show();
        versions.showModel(model);
        auto* check = versions.findChild<QPushButton*>(QStringLiteral("version-check"));
        auto* news = versions.findChild<QLabel*>(QStringLiteral("version-news"));
        QTRY_VERIFY(check->isVisible());
        m_server->serve(listingPath(repository), {}).status = 404;
        check->click();
        QTRY_VERIFY_WITH_TIMEOUT(news->text().contains(QStringLiteral("does not have")),
                                 kPatience_ms);
        QVERIFY(button->isVisible());
        const QString told = news->text();
        type(QStringLiteral("no/such"));
        QTRY_VERIFY_WITH_TIMEOUT(message().contains(QStringLiteral("does not have")), kPatience_ms);
        QCOMPARE(news->text(), told);
    }

    void clearedWordsKeepTheStarters() {
        auto* list = m_view->findChild<QListWidget*>(QStringLiteral("download-models"));
        m_server->serveText(QStringLiteral("/api/models"), "[{\"id\":\"a/b\"}]");
        type(QStringLiteral("something"));
        m_view->findChild<QLineEdit*>(QStringLiteral("download-words"))->clear();
        QTRY_COMPARE_WITH_TIMEOUT(m_server->requests.size(), 1, kPatience_ms);
        QTest::qWait(200);
        QCOMPARE(list->count(), int(app::starterModels().size()));
    }

    void stateIsWords() {
        app::DownloadJob job;
        job.done_bytes = 1'500'000'000;
        job.total_bytes = 4'700'000'000;
        job.error = QStringLiteral("Why.");
        for (int state = 0; state <= int(JobState::Done); ++state) {
            job.state = JobState(state);
            QVERIFY(!ui::jobText(job).isEmpty());
        }
        job.state = JobState::Running;
        job.bytes_per_s = 38'000'000;
        job.left_s = 84;
        QVERIFY2(ui::jobText(job).contains(QStringLiteral("1 min left")),
                 qPrintable(ui::jobText(job)));
        for (int fit = 0; fit <= int(app::RemoteFit::Unsupported); ++fit)
            QVERIFY(!ui::fitText(app::RemoteFit(fit)).isEmpty());
    }

  private:
    /// Publishes and fetches a version; the model's file, or nothing.
    QString fetched(const QString& repository, const QByteArray& commit, const QByteArray& bytes) {
        publish(repository, commit, bytes);
        QSignalSpy listed(m_downloads.get(), &DownloadController::listed);
        m_downloads->list(repository);
        if (!listed.wait(kPatience_ms))
            return {};
        QSignalSpy installed(m_downloads.get(), &DownloadController::installed);
        m_downloads->download(listed.first().at(0).value<app::RemoteRepository>(),
                              listed.first().at(1).value<QList<app::RemoteChoice>>().first());
        return installed.wait(kPatience_ms) ? installed.first().at(1).toString() : QString();
    }
    tests::ServedFile& publish(const QString& repository, const QByteArray& commit,
                               const QByteArray& bytes) {
        const QString name = QStringLiteral("model-Q4_K_M.gguf");
        m_server->serveText(listingPath(repository),
                            tests::huggingFaceListing(commit, {{name, bytes}}));
        return m_server->serve(filePath(repository, commit, name), bytes);
    }
    void type(const QString& text) {
        auto* words = m_view->findChild<QLineEdit*>(QStringLiteral("download-words"));
        words->setText(text);
        QTest::keyClick(words, Qt::Key_Return);
    }
    QString message() const {
        return m_view->findChild<QLabel*>(QStringLiteral("download-message"))->text();
    }
    bool isDone() const { return firstJobIs(JobState::Done); }

    std::unique_ptr<ui::Theme> m_theme;
    std::unique_ptr<ui::GetModelsView> m_view;
};

INGLENOOK_SUITE(get_models_view, TstGetModelsView)
#include "tst_get_models_view.moc"
