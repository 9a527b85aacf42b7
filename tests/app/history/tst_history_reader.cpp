#include "app/history/database_file.h"
#include "app/history/history_reader.h"
#include "app/history/history_writer.h"
#include "tests/support/suite_registry.h"

#include <functional>
#include <QtTest/QtTest>
#include <sqlite3.h>

class TstHistoryReader : public QObject {
    Q_OBJECT

  private slots:
    /// An answer ends between the reading of its row and of its parts.
    void anAnswerThatEndsMeanwhileIsWhole() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("history.db"));
        auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                        app::migrationsOf(app::DatabaseKind::History));
        QVERIFY2(opened.ok(), opened.status().sentence().c_str());
        app::HistoryWriter writer(*opened->connection);
        app::NewTurn turn;
        turn.userText = QStringLiteral("Tell me");
        const app::StoredTurn stored = writer.addTurn(turn);
        writer.appendPart(stored.answer.id, {}, QStringLiteral("Once upon"));
        auto connection = app::openReader(file, true);
        QVERIFY2(connection.ok(), connection.status().sentence().c_str());
        std::function<void()> finish = [&] {
            app::Message answer = stored.answer;
            answer.text = QStringLiteral("Once upon a time.");
            answer.state = app::MessageState::Done;
            writer.finishAnswer(answer);
        };
        sqlite3_trace_v2((*connection)->getHandle(), SQLITE_TRACE_STMT,
                         [](unsigned, void* context, void*, void* statement) {
                             auto& act = *static_cast<std::function<void()>*>(context);
                             if (act &&
                                 QByteArray(static_cast<const char*>(statement)).contains("_parts"))
                                 std::exchange(act, nullptr)();
                             return 0;
                         },
                         &finish);
        app::HistoryReader reader(**connection);
        const QList<app::StoredConversation> whole = reader.loadWhole({});
        QVERIFY(!finish); // it has ended
        QCOMPARE(whole.size(), 1);
        QCOMPARE(whole.first().messages.last().text, QStringLiteral("Once upon"));
        QCOMPARE(reader.loadWhole({}).first().messages.last().text,
                 QStringLiteral("Once upon a time."));
    }
};

INGLENOOK_SUITE(history_reader, TstHistoryReader)
#include "tst_history_reader.moc"
