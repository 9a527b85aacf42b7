// Search over 100,000 messages: first hits in under 100 ms, and what it took, in the log.
#include "app/history/database_file.h"
#include "app/history/history_reader.h"
#include "app/history/history_writer.h"
#include "app/history/message_codec.h"
#include "app/history/search_text.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QtTest/QtTest>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace {

constexpr int kMessages = 100000;
constexpr double kLimit_ms = 100;

QString sentenceOf(QRandomGenerator& random) {
    static const QStringList words = {
        QStringLiteral("the"),    QStringLiteral("memory"), QStringLiteral("stable"),
        QStringLiteral("sort"),   QStringLiteral("数据"),   QStringLiteral("模型"),
        QStringLiteral("的"),     QStringLiteral("推理"),   QStringLiteral("缓存"),
        QStringLiteral("answer"), QStringLiteral("matrix"), QStringLiteral("函数")};
    QString text;
    for (int i = 0; i < 60; ++i) {
        text += words.at(random.bounded(int(words.size())));
        text += random.bounded(3) == 0
                    ? QStringLiteral(" ") + QString::number(random.bounded(50000))
                    : QStringLiteral(" ");
    }
    return text;
}

} // namespace

class TstSearchSpeed : public QObject {
    Q_OBJECT

  private slots:
    void firstHitsInTime() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("history.db"));
        auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                        app::migrationsOf(app::DatabaseKind::History));
        QVERIFY(opened.ok());
        fill(*opened->connection);
        auto reader = app::openReader(file, true);
        QVERIFY(reader.ok());
        app::HistoryReader history(**reader);
        // Rare ones at the far end, common ones everywhere, both scripts, phrases, a beginning.
        const QStringList queries = {QStringLiteral("繁忙"),   QStringLiteral("服务器"),
                                     QStringLiteral("的"),     QStringLiteral("数据"),
                                     QStringLiteral("stable"), QStringLiteral("stable sort"),
                                     QStringLiteral("the"),    QStringLiteral("mat"),
                                     QStringLiteral("4999"),   QStringLiteral("nowhere")};
        for (const QString& query : queries) {
            double worst_ms = 0;
            qsizetype hits = 0;
            for (int round = 0; round < 5; ++round) {
                QElapsedTimer timer;
                timer.start();
                hits = history.search(query, 50).size();
                worst_ms = std::max(worst_ms, double(timer.nsecsElapsed()) / 1e6);
            }
            qInfo("%s: %lld hits, worst of 5: %.2f ms", qPrintable(query), (long long)hits,
                  worst_ms);
            QVERIFY2(worst_ms < kLimit_ms, qPrintable(query));
            QCOMPARE(hits == 0, query == QStringLiteral("nowhere"));
        }
    }

  private:
    static void fill(SQLite::Database& database) {
        QRandomGenerator random(7);
        SQLite::Transaction all(database);
        database.exec("INSERT INTO conversations (title, created_ms, updated_ms) "
                      "VALUES ('chat', 1, 1)");
        SQLite::Statement insert(database, "INSERT INTO messages (conversation, parent, role, "
                                           "state, text, created_ms) VALUES (1, ?, 0, 0, ?, 1)");
        for (int i = 0; i < kMessages; ++i) {
            QString text = sentenceOf(random);
            if (i < 20)
                text += QStringLiteral("，服务器现在很繁忙。");
            insert.bind(1, i);
            app::bindText(insert, 2, text);
            insert.exec();
            insert.reset();
        }
        app::HistoryWriter(database).rebuildSearch();
        all.commit();
    }
};

INGLENOOK_SUITE(search_speed, TstSearchSpeed)
#include "tst_search_speed.moc"
