#include "app/exchange/chat_json.h"
#include "app/exchange/exchange_controller.h"
#include "app/history/history.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <SQLiteCpp/SQLiteCpp.h>

class TstExchangeController : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_history = std::make_unique<app::History>(
            app::DatabasePaths{path("history.db"), path("cache.db"), path("metrics.db")});
        m_history->open();
        m_exchange = std::make_unique<app::ExchangeController>(*m_history);
    }
    void cleanup() {
        m_exchange.reset();
        m_history.reset();
    }

    /// Out of the database, through a file, into it again: the same chat stands there twice.
    void req35_chatsComeBackThroughAFile() {
        const app::ConversationId chat = addChat(QStringLiteral("什么是 KV 缓存？"));
        addChat(QStringLiteral("Another"));
        const QList<app::StoredConversation> before = collect({chat});
        QCOMPARE(before.size(), 1);
        importText(app::chatsToJson(before));
        QCOMPARE(m_imported, 1);
        const QList<app::StoredConversation> all = collect({});
        QCOMPARE(all.size(), 3);
        int twins = 0;
        for (const app::StoredConversation& other : all) {
            if (other.conversation.id == chat ||
                other.conversation.title != before.first().conversation.title)
                continue;
            ++twins;
            QCOMPARE(other.conversation.created, before.first().conversation.created);
            QCOMPARE(other.conversation.updated, before.first().conversation.updated);
            QCOMPARE(other.messages.size(), before.first().messages.size());
            for (qsizetype i = 0; i < other.messages.size(); ++i) {
                const app::Message& a = before.first().messages.at(i);
                const app::Message& b = other.messages.at(i);
                QCOMPARE(b.text, a.text);
                QCOMPARE(b.reasoning, a.reasoning);
                QCOMPARE(b.created, a.created);
                QCOMPARE(b.model, a.model);
                QVERIFY(b.stats == a.stats);
                QVERIFY(b.id != a.id);
            }
            // The branches hang together as before.
            QCOMPARE(other.messages.at(1).parent, other.messages.at(0).id);
            QCOMPARE(other.messages.at(2).parent, other.messages.at(0).id);
            QCOMPARE(other.leaf, other.messages.at(1).id);
        }
        QCOMPARE(twins, 1);
        // Both titles, both questions, and the answer of every chat.
        QCOMPARE(search(QStringLiteral("缓存")).size(), 2 + 2 + 3);
    }

    void anAnswerThatIsBeingWrittenHasWhatReachedTheDisk() {
        const app::StoredTurn turn = add(QStringLiteral("Tell me"));
        change([&](app::HistoryWriter& writer) {
            writer.appendPart(turn.answer.id, QStringLiteral("hm"), QStringLiteral("Once "));
            writer.appendPart(turn.answer.id, {}, QStringLiteral("upon"));
        });
        const app::Message answer = collect({turn.conversation.id}).first().messages.at(1);
        QCOMPARE(answer.reasoning, QStringLiteral("hm"));
        QCOMPARE(answer.text, QStringLiteral("Once upon"));
    }

    /// A message that is sent during a long import is on the disk before the import is at its end.
    void aMessageOvertakesAnImport() {
        app::StoredConversation chat = collect({addChat(QStringLiteral("long"))}).first();
        const app::Message last = chat.messages.last();
        for (int i = 0; i < 150; ++i) {
            chat.messages.append(last);
            chat.messages.last().id = 1'000 + i;
        }
        QStringList order;
        connect(m_exchange.get(), &app::ExchangeController::importing, this,
                [&](int done, int total) {
                    order.append(QStringLiteral("%1/%2").arg(done).arg(total));
                    if (order.size() > 1)
                        return;
                    app::NewTurn turn;
                    turn.userText = QStringLiteral("in between");
                    m_history->addTurn(turn, this, [&](const engine::Result<app::StoredTurn>& r) {
                        order.append(r.ok() ? QStringLiteral("turn") : QStringLiteral("refused"));
                    });
                });
        importText(app::chatsToJson({chat, chat, chat, chat, chat, chat, chat}));
        QCOMPARE(m_imported, 7);
        QCOMPARE(order, QStringList({"2/7", "turn", "4/7", "6/7", "7/7"}));
        QCOMPARE(collect({}).size(), 1 + 7 + 1);
    }

    /// The database refuses in the middle: what stands there already is told, and stays.
    void whatFailsInTheMiddleSaysHowFarItCame() {
        app::StoredConversation chat = collect({addChat(QStringLiteral("long"))}).first();
        const app::Message last = chat.messages.last();
        for (int i = 0; i < 250; ++i) {
            chat.messages.append(last);
            chat.messages.last().id = 1'000 + i;
        }
        SQLite::Database(path("history.db").toStdString(), SQLite::OPEN_READWRITE, 5'000)
            .exec("CREATE TRIGGER full BEFORE INSERT ON conversations WHEN (SELECT count(*) FROM "
                  "conversations) >= 2 BEGIN SELECT RAISE(ABORT, 'refused'); END");
        importText(app::chatsToJson({chat, chat, chat}));
        QCOMPARE(m_imported, 0);
        QVERIFY2(m_failed.contains(QStringLiteral("1 of 3 chats")), qPrintable(m_failed));
        QCOMPARE(collect({}).size(), 2);
    }

    void whatCannotBeReadIsASentenceAndChangesNothing() {
        importText(
            "{\"format\":\"inglenook-chats\",\"chats\":[{\"title\":\"good\",\"messages\":[]},"
            "{\"title\":\"bad\",\"messages\":[{\"id\":1}]}]}");
        QCOMPARE(m_imported, 0);
        QVERIFY2(m_failed.contains(QStringLiteral("message 1 of chat 2")), qPrintable(m_failed));
        QVERIFY2(m_failed.endsWith(u'.'), qPrintable(m_failed));
        m_failed.clear();
        m_exchange->importFile(path("nowhere.json"));
        QTRY_VERIFY(!m_failed.isEmpty());
        QVERIFY2(m_failed.contains(QStringLiteral("nowhere.json")), qPrintable(m_failed));
        m_failed.clear();
        m_exchange->importFile(QStringLiteral("/dev/zero")); // has no end
        QTRY_VERIFY(!m_failed.isEmpty());
        QVERIFY2(m_failed.contains(QStringLiteral("no regular file")), qPrintable(m_failed));
        QSignalSpy none(m_exchange.get(), &app::ExchangeController::failed);
        m_exchange->collect({}, this, [](const auto&) { QFAIL("there is nothing"); });
        QTRY_COMPARE(none.size(), 1);
    }

  private:
    QString path(const char* name) const { return m_dir->filePath(QString::fromLatin1(name)); }

    app::StoredTurn add(const QString& text) {
        app::NewTurn turn;
        turn.title = text;
        turn.userText = text;
        turn.model.name = QStringLiteral("R1-7B");
        app::StoredTurn stored;
        bool done = false;
        m_history->addTurn(turn, this, [&](const engine::Result<app::StoredTurn>& result) {
            stored = *result;
            done = true;
        });
        [&] { QTRY_VERIFY(done); }();
        return stored;
    }

    void change(app::History::Change change) {
        bool done = false;
        m_history->commit(std::move(change), this, [&](const engine::Status& status) {
            QVERIFY(status.ok());
            done = true;
        });
        QTRY_VERIFY(done);
    }

    /// A question with two answers, of which the first is shown.
    app::ConversationId addChat(const QString& title) {
        const app::StoredTurn turn = add(title);
        app::Message answer = turn.answer;
        answer.state = app::MessageState::Done;
        answer.stopReason = app::StopReason::EndOfAnswer;
        answer.reasoning = QStringLiteral("Let me think.");
        answer.text = QStringLiteral("缓存 it is");
        answer.stats = app::AnswerStats{12, 3, 40, 10, 1, 2, 3, 4};
        app::NewTurn second;
        second.conversation = turn.conversation.id;
        second.parent = turn.user.id;
        second.hasUser = false;
        change([=](app::HistoryWriter& writer) {
            writer.finishAnswer(answer);
            app::Message other = writer.addTurn(second).answer;
            other.state = app::MessageState::Done;
            other.text = QStringLiteral("otherwise");
            writer.finishAnswer(other);
            writer.setLeaf(turn.conversation.id, answer.id);
        });
        return turn.conversation.id;
    }

    QList<app::StoredConversation> collect(const QList<app::ConversationId>& ids) {
        QList<app::StoredConversation> whole;
        m_exchange->collect(ids, this,
                            [&](const QList<app::StoredConversation>& chats) { whole = chats; });
        [&] { QTRY_VERIFY(!whole.isEmpty()); }();
        return whole;
    }

    QList<app::SearchHit> search(const QString& words) {
        QList<app::SearchHit> hits;
        bool done = false;
        m_history->search(words, 20, this,
                          [&](const engine::Result<QList<app::SearchHit>>& result) {
                              hits = *result;
                              done = true;
                          });
        [&] { QTRY_VERIFY(done); }();
        return hits;
    }

    void importText(const QByteArray& json) {
        m_imported = 0;
        m_failed.clear();
        QFile file(path("chats.json"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(json);
        file.close();
        connect(m_exchange.get(), &app::ExchangeController::imported, this,
                [this](int chats) { m_imported = chats; });
        connect(m_exchange.get(), &app::ExchangeController::failed, this,
                [this](const QString& sentence) { m_failed = sentence; });
        m_exchange->importFile(file.fileName());
        QTRY_VERIFY(m_imported > 0 || !m_failed.isEmpty());
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<app::History> m_history;
    std::unique_ptr<app::ExchangeController> m_exchange;
    int m_imported = 0;
    QString m_failed;
};

INGLENOOK_SUITE(exchange_controller, TstExchangeController)
#include "tst_exchange_controller.moc"
