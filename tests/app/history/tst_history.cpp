#include "app/history/database_file.h"
#include "app/history/history.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <SQLiteCpp/Column.h>

namespace {

app::NewTurn question(const QString& text, app::ConversationId conversation = 0,
                      app::MessageId parent = 0) {
    app::NewTurn turn;
    turn.conversation = conversation;
    turn.title = text;
    turn.parent = parent;
    turn.userText = text;
    return turn;
}

app::Message answered(app::Message answer, const QString& text) {
    answer.text = text;
    answer.state = app::MessageState::Done;
    answer.stopReason = app::StopReason::EndOfAnswer;
    return answer;
}

} // namespace

class TstHistory : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        open();
    }
    void cleanup() { m_history.reset(); }

    void aTurnComesBackWhole() {
        app::NewTurn turn = question(QStringLiteral("How do I sort?"));
        turn.model = {QStringLiteral("R1-7B"), QStringLiteral("abc"),  QStringLiteral("int8"),
                      QStringLiteral("int8"),  QStringLiteral("bf16"), QStringLiteral("CPU")};
        turn.sampling.seed = Q_UINT64_C(0xFFFFFFFFFFFFFFFF);
        app::StoredTurn stored = add(turn);
        app::Message answer = answered(stored.answer, QStringLiteral("With std::stable_sort."));
        answer.reasoning = QStringLiteral("hm");
        answer.stats = app::AnswerStats{12, 3, 40, 10, 1, 2, 3, 4};
        commit([&](app::HistoryWriter& writer) { writer.finishAnswer(answer); });

        const app::StoredConversation loaded = load(stored.conversation.id);
        QCOMPARE(loaded.conversation.title, QStringLiteral("How do I sort?"));
        QCOMPARE(loaded.leaf, answer.id);
        QCOMPARE(loaded.messages.size(), 2);
        const app::Message& back = loaded.messages.at(1);
        QCOMPARE(back.parent, stored.user.id);
        QCOMPARE(back.text, answer.text);
        QCOMPARE(back.reasoning, answer.reasoning);
        QCOMPARE(back.model, turn.model);
        QCOMPARE(back.sampling, turn.sampling);
        QVERIFY(back.stats == answer.stats);
        QCOMPARE(back.stopReason, app::StopReason::EndOfAnswer);
        QVERIFY(!loaded.messages.at(0).stats.has_value());
    }

    void reopenedPartsBecomeAnInterruptedMessage() {
        const app::StoredTurn stored = add(question(QStringLiteral("Tell me")));
        commit([&](app::HistoryWriter& writer) {
            writer.appendPart(stored.answer.id, QStringLiteral("think "), QString());
            writer.appendPart(stored.answer.id, QStringLiteral("more"), QStringLiteral("Once "));
            writer.appendPart(stored.answer.id, QString(), QStringLiteral("upon"));
        });
        m_history.reset(); // ended without finishAnswer, as a crash would
        open();
        const app::Message back = load(stored.conversation.id).messages.at(1);
        QCOMPARE(back.state, app::MessageState::Interrupted);
        QCOMPARE(back.stopReason, app::StopReason::Interrupted);
        QCOMPARE(back.reasoning, QStringLiteral("think more"));
        QCOMPARE(back.text, QStringLiteral("Once upon"));
        QCOMPARE(search(QStringLiteral("upon")).size(), 1);
    }

    void searchFindsChineseAndLatinNewestFirst() {
        const app::StoredTurn first = add(question(QStringLiteral("为什么服务器繁忙？")));
        const app::StoredTurn second =
            add(question(QStringLiteral("The server is busy, 服务器繁忙。")));
        QCOMPARE(search(QStringLiteral("繁忙")).size(), 4); // two titles, two messages
        QCOMPARE(messagesOf(search(QStringLiteral("服务器"))),
                 (QList<app::MessageId>{second.user.id, first.user.id}));
        QCOMPARE(messagesOf(search(QStringLiteral("SERVER"))),
                 QList<app::MessageId>{second.user.id});
        QCOMPARE(messagesOf(search(QStringLiteral("忙"))).size(), 2);
        QVERIFY(messagesOf(search(QStringLiteral("务繁"))).isEmpty()); // not side by side
        QVERIFY(search(QStringLiteral("\" OR *")).isEmpty());
    }

    void continuedAnswersAreFoundOnce() {
        const app::StoredTurn stored = add(question(QStringLiteral("q")));
        const app::Message first = answered(stored.answer, QStringLiteral("alpha beta"));
        commit([&](app::HistoryWriter& writer) {
            writer.finishAnswer(first);
            writer.reopenAnswer(first.id);
            writer.finishAnswer(answered(first, QStringLiteral("alpha beta gamma")));
        });
        QCOMPARE(messagesOf(search(QStringLiteral("alpha"))).size(), 1);
        QCOMPARE(messagesOf(search(QStringLiteral("gamma"))).size(), 1);
        QCOMPARE(integrity(), QStringLiteral("ok"));
    }

    void trashHidesUndoShowsAndTimePurges() {
        const app::StoredTurn stored = add(question(QStringLiteral("secret plan")));
        const app::ConversationId id = stored.conversation.id;
        commit([id](app::HistoryWriter& writer) { writer.setTrashed(id, true); });
        QVERIFY(list().isEmpty());
        QVERIFY(search(QStringLiteral("secret")).isEmpty());
        m_history.reset(); // still there after a restart
        open();
        commit([id](app::HistoryWriter& writer) { writer.setTrashed(id, false); });
        QCOMPARE(list().size(), 1);
        QCOMPARE(messagesOf(search(QStringLiteral("secret"))).size(), 1);
        commit([id](app::HistoryWriter& writer) {
            writer.setTrashed(id, true);
            writer.purgeTrash(std::numeric_limits<qint64>::max());
            writer.setTrashed(id, false);
        });
        QVERIFY(list().isEmpty());
        QVERIFY(search(QStringLiteral("secret")).isEmpty());
        QCOMPARE(integrity(), QStringLiteral("ok"));
    }

    void listIsPinnedFirstThenNewest() {
        const app::ConversationId a = add(question(QStringLiteral("a"))).conversation.id;
        const app::ConversationId b = add(question(QStringLiteral("b"))).conversation.id;
        commit([a](app::HistoryWriter& writer) {
            writer.setPinned(a, true);
            writer.rename(a, QStringLiteral("first"));
        });
        const QList<app::Conversation> all = list();
        QCOMPARE(all.at(0).id, a);
        QCOMPARE(all.at(0).title, QStringLiteral("first"));
        QCOMPARE(all.at(1).id, b);
    }

    void unknownConversationIsASentence() {
        engine::Code code = engine::Code::Ok;
        m_history->load(4711, this, [&](const auto& result) { code = result.status().code(); });
        QTRY_COMPARE(code, engine::Code::ConversationUnknown);
    }

    void answersToGoneReceiversAreDropped() {
        auto* receiver = new QObject;
        bool called = false;
        m_history->list(receiver, [&](const auto&) { called = true; });
        delete receiver;
        list();
        QVERIFY(!called);
    }

    void closeCommitsWhatIsQueued() {
        const app::StoredTurn stored = add(question(QStringLiteral("q")));
        for (int i = 0; i < 200; ++i)
            m_history->commit([id = stored.answer.id](app::HistoryWriter& writer) {
                writer.appendPart(id, QString(), QStringLiteral("x"));
            });
        m_history.reset();
        open();
        QCOMPARE(load(stored.conversation.id).messages.at(1).text.size(), 200);
    }

  private:
    void open() {
        m_history = std::make_unique<app::History>(
            app::DatabasePaths{file(), m_dir->filePath(QStringLiteral("cache.db")),
                               m_dir->filePath(QStringLiteral("metrics.db"))});
        QSignalSpy opened(m_history.get(), &app::History::opened);
        m_history->open();
        QVERIFY(opened.wait());
        QVERIFY(opened.at(0).at(0).toBool());
        const auto notices = opened.at(0).at(1).value<std::vector<engine::Status>>();
        QVERIFY2(notices.empty(), notices.empty() ? "" : notices.front().sentence().c_str());
    }
    QString file() const { return m_dir->filePath(QStringLiteral("history.db")); }

    app::StoredTurn add(const app::NewTurn& turn) {
        std::optional<app::StoredTurn> stored;
        m_history->addTurn(turn, this, [&](const auto& result) {
            if (result.ok())
                stored = *result;
            else
                qWarning("%s", result.status().sentence().c_str());
        });
        (void)QTest::qWaitFor([&] { return stored.has_value(); });
        return stored.value_or(app::StoredTurn());
    }
    void commit(app::History::Change change) {
        bool done = false;
        m_history->commit(std::move(change), this, [&](const engine::Status& status) {
            QVERIFY2(status.ok(), status.sentence().c_str());
            done = true;
        });
        QTRY_VERIFY(done);
    }
    app::StoredConversation load(app::ConversationId id) {
        std::optional<app::StoredConversation> loaded;
        m_history->load(id, this, [&](const auto& result) { loaded = *result; });
        (void)QTest::qWaitFor([&] { return loaded.has_value(); });
        return loaded.value_or(app::StoredConversation());
    }
    QList<app::Conversation> list() {
        std::optional<QList<app::Conversation>> all;
        m_history->list(this, [&](const auto& result) { all = *result; });
        (void)QTest::qWaitFor([&] { return all.has_value(); });
        return all.value_or(QList<app::Conversation>());
    }
    QList<app::SearchHit> search(const QString& words) {
        std::optional<QList<app::SearchHit>> hits;
        m_history->search(words, 50, this, [&](const auto& result) { hits = *result; });
        (void)QTest::qWaitFor([&] { return hits.has_value(); });
        return hits.value_or(QList<app::SearchHit>());
    }
    static QList<app::MessageId> messagesOf(const QList<app::SearchHit>& hits) {
        QList<app::MessageId> ids;
        for (const app::SearchHit& hit : hits)
            if (hit.message != 0)
                ids.append(hit.message);
        return ids;
    }
    QString integrity() {
        m_history.reset();
        SQLite::Database database(file().toStdString(), SQLite::OPEN_READWRITE);
        database.exec("INSERT INTO message_search (message_search) VALUES ('integrity-check')");
        return QString::fromStdString(database.execAndGet("PRAGMA integrity_check").getString());
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<app::History> m_history;
};

INGLENOOK_SUITE(history, TstHistory)
#include "tst_history.moc"
