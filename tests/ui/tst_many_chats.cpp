// Somebody who has kept everything: the program opens with 5,000 chats in the list within a second
// of computing.
#include "app/history/database_file.h"
#include "app/session/conversation_list_controller.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "tests/support/thread_time.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/sidebar.h"
#include "ui/main_window.h"

#include <QListView>
#include <QtTest/QtTest>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace {

constexpr int kChats = 5000;
constexpr qint64 kStart_ms = 1000;
constexpr qint64 kDay_ms = 86'400'000;

} // namespace

class TstManyChats : public QObject {
    Q_OBJECT

  private slots:
    void theStartIsShort() {
        const QTemporaryDir dir;
        fill(dir.filePath(QStringLiteral("history.db")));
        tests::FakeEngine* engine = nullptr;
        const std::int64_t begin = tests::threadTime_ms();
        tests::DesktopFixture desktop(tests::fakeEngineFactory(engine), dir.path());
        QVERIFY(desktop.started());
        desktop.window().show();
        auto* list = desktop.window().chatPage().sidebar().findChild<QListView*>();
        // Titles of days stand between the chats.
        QTRY_VERIFY_WITH_TIMEOUT(list->model()->rowCount() > kChats, 20'000);
        QVERIFY(!list->grab().isNull());
        const std::int64_t computed_ms = tests::threadTime_ms() - begin;
        qInfo("start with %d chats: %lld ms of the window's thread", kChats,
              static_cast<long long>(computed_ms));
        QVERIFY2(computed_ms < kStart_ms, qPrintable(QString::number(computed_ms)));
        QCOMPARE(desktop.application().conversations().conversations().size(), kChats);
    }

  private:
    static void fill(const QString& file) {
        auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                        app::migrationsOf(app::DatabaseKind::History));
        QVERIFY(opened.ok());
        SQLite::Database& history = *opened->connection;
        SQLite::Transaction all(history);
        SQLite::Statement chat(history, "INSERT INTO conversations (title, created_ms, updated_ms) "
                                        "VALUES (?, ?, ?)");
        SQLite::Statement message(history,
                                  "INSERT INTO messages (conversation, parent, role, state, text, "
                                  "created_ms) VALUES (?, 0, 1, 0, 'What is it?', ?)");
        const std::int64_t now_ms = QDateTime::currentMSecsSinceEpoch();
        for (int i = 0; i < kChats; ++i) {
            const std::int64_t then_ms = now_ms - i * kDay_ms / 8; // eight a day
            chat.bind(1, "Chat no. " + std::to_string(i));
            chat.bind(2, then_ms);
            chat.bind(3, then_ms);
            chat.exec();
            chat.reset();
            message.bind(1, std::int64_t{history.getLastInsertRowid()});
            message.bind(2, then_ms);
            message.exec();
            message.reset();
        }
        all.commit();
    }
};

INGLENOOK_SUITE(many_chats, TstManyChats)
#include "tst_many_chats.moc"
