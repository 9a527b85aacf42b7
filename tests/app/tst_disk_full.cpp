// A real file system of 2 MiB that runs full: nothing that was stored is lost, what could not be
// stored goes back to the composer or is stored later, and a banner says so. Needs root to mount.
#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"

#include <cerrno>
#include <cstring>
#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <sys/mount.h>
#include <unistd.h>

class TstDiskFull : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        if (geteuid() != 0)
            QSKIP("mounting a tmpfs of 2 MiB needs root");
    }
    void init() {
        m_script = {};
        m_dir = std::make_unique<QTemporaryDir>();
        m_mounted = ::mount("inglenook", m_dir->path().toLocal8Bit().constData(), "tmpfs", 0,
                            "size=2m") == 0;
        if (!m_mounted)
            QSKIP(qPrintable(QStringLiteral("no tmpfs here: ") +
                             QString::fromLocal8Bit(std::strerror(errno))));
    }
    void cleanup() {
        m_chat.reset();
        m_app.reset();
        if (m_mounted)
            ::umount(m_dir->path().toLocal8Bit().constData());
    }

    void fullDiskLosesNothingAndSaysSo() {
        start();
        QSignalSpy added(m_chat.get(), &app::ChatController::messageAdded);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        m_chat->send(QStringLiteral("before it is full"));
        QTRY_COMPARE(finished.size(), 1);

        fillUp();
        QSignalSpy raised(m_app.get(), &app::Application::bannerRaised);
        QSignalSpy cleared(m_app.get(), &app::Application::bannerCleared);
        QSignalSpy failed(m_chat.get(), &app::ChatController::failed);
        const QString text = QString(40000, QLatin1Char('q')); // more than the log has left over
        for (int i = 0; i < 60 && failed.isEmpty(); ++i) {
            const qsizetype before = finished.size();
            m_chat->send(text);
            QTRY_VERIFY(finished.size() > before || !failed.isEmpty());
        }
        QCOMPARE(failed.size(), 1);
        QCOMPARE(failed.at(0).at(1).toString(), text); // back to the composer
        QTRY_COMPARE(raised.size(), 1);
        QVERIFY(raised.at(0).at(1).toString().contains(QStringLiteral("full")));

        QVERIFY(QFile::remove(ballast()));
        const qsizetype before = finished.size();
        m_chat->send(QStringLiteral("after there is room"));
        QTRY_COMPARE(finished.size(), before + 1);
        QTRY_COMPARE(cleared.size(), 1);
        const app::ConversationId id = m_chat->conversationId();
        const qsizetype shown = m_chat->messages().size();
        m_chat.reset();
        m_app.reset();
        SQLite::Database database(m_dir->filePath(QStringLiteral("history.db")).toStdString());
        QCOMPARE(database.execAndGet("PRAGMA integrity_check").getString(), std::string("ok"));
        QCOMPARE(database
                     .execAndGet("SELECT count(*) FROM messages WHERE conversation = " +
                                 std::to_string(id))
                     .getInt(),
                 int(shown));
    }

    void answerThatMeetsAFullDiskIsStoredLater() {
        m_script = {.answer = std::string(12, 'w') + ' ', .tokensPerSecond = 400, .repeat = true};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        QSignalSpy raised(m_app.get(), &app::Application::bannerRaised);
        QSignalSpy cleared(m_app.get(), &app::Application::bannerCleared);
        m_chat->send(QStringLiteral("tell me"));
        QTRY_VERIFY(grew.size() > 2);
        fillUp();
        QTRY_COMPARE_WITH_TIMEOUT(raised.size(), 1, 60000);
        m_chat->stop();
        QTRY_COMPARE(finished.size(), 1);
        const auto answer = finished.at(0).at(0).value<app::Message>();
        QVERIFY(QFile::remove(ballast()));
        QTRY_COMPARE_WITH_TIMEOUT(cleared.size(), 1, 10000);
        m_chat.reset();
        m_app.reset();
        SQLite::Database database(m_dir->filePath(QStringLiteral("history.db")).toStdString());
        QCOMPARE(database.execAndGet("PRAGMA integrity_check").getString(), std::string("ok"));
        QCOMPARE(database.execAndGet("SELECT text FROM messages WHERE role = 2").getString(),
                 answer.text.toStdString());
    }

    void startsWithNoRoomAtAll() {
        keepOneChat();
        fillUp();
        start();
        QTRY_COMPARE(m_app->conversations().conversations().size(), 1);
        // The history opens for reading at most; the first message after there is room is stored.
        QSignalSpy failed(m_chat.get(), &app::ChatController::failed);
        m_chat->send(QStringLiteral("no room for it"));
        QTRY_COMPARE(failed.size(), 1);
        QTRY_VERIFY(!m_app->banners().isEmpty());
        QVERIFY(QFile::remove(ballast()));
        QSignalSpy later(m_chat.get(), &app::ChatController::messageFinished);
        QTest::qWait(600); // two attempts have half a second between them
        m_chat->send(QStringLiteral("room for it"));
        QTRY_COMPARE(later.size(), 1);
        QTRY_VERIFY(m_app->banners().isEmpty());
        QTRY_COMPARE(m_app->conversations().conversations().size(), 2);
    }

    void roomIsFoundByItself() {
        keepOneChat();
        fillUp();
        start();
        QTRY_VERIFY(!m_app->banners().isEmpty());
        QVERIFY(QFile::remove(ballast()));
        QTRY_VERIFY_WITH_TIMEOUT(m_app->banners().isEmpty(), 10000);
        QTRY_COMPARE(m_app->conversations().conversations().size(), 1);
    }

    void readOnlyFolderOpensAndSaysSo() {
        keepOneChat();
        QCOMPARE(::mount(nullptr, m_dir->path().toLocal8Bit().constData(), nullptr,
                         MS_REMOUNT | MS_RDONLY, "size=2m"),
                 0);
        start();
        QTRY_COMPARE(m_app->conversations().conversations().size(), 1);
        QSignalSpy failed(m_chat.get(), &app::ChatController::failed);
        m_chat->send(QStringLiteral("cannot be kept"));
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(failed.at(0).at(0).toString().contains(QStringLiteral("history.db")));
        QCOMPARE(failed.at(0).at(1).toString(), QStringLiteral("cannot be kept"));
    }

  private:
    QString ballast() const { return m_dir->filePath(QStringLiteral("ballast")); }
    void fillUp() {
        QFile file(ballast());
        QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Unbuffered));
        while (file.write(QByteArray(4096, 'x')) == 4096) {
        }
    }
    void start() {
        m_app = std::make_unique<app::Application>(app::Paths{m_dir->path()}, [this] {
            return std::make_unique<tests::FakeEngine>(m_script);
        });
        QCOMPARE(m_app->start(), app::Application::StartResult::Started);
        m_app->models().load(QStringLiteral("/models/m.gguf"), {});
        QTRY_VERIFY(m_app->models().model().isLoaded());
        m_chat.reset(m_app->createChat(nullptr));
    }

    void keepOneChat() {
        start();
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        m_chat->send(QStringLiteral("kept"));
        QTRY_COMPARE(finished.size(), 1);
        m_chat.reset();
        m_app.reset();
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    bool m_mounted = false;
    tests::FakeScript m_script;
    std::unique_ptr<app::Application> m_app;
    std::unique_ptr<app::ChatController> m_chat;
};

INGLENOOK_SUITE(disk_full, TstDiskFull)
#include "tst_disk_full.moc"
