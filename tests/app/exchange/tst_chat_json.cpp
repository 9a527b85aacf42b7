// REQ-35: what leaves as JSON comes back without loss: branches, reasoning, figures.
#include "app/exchange/chat_json.h"
#include "app/exchange/chat_markdown.h"
#include "tests/support/suite_registry.h"

#include <limits>
#include <QtTest/QtTest>
#include <random>

namespace {

QDateTime at(qint64 ms) {
    return QDateTime::fromMSecsSinceEpoch(ms).toUTC();
}

app::Message message(app::MessageId id, app::MessageId parent, app::Role role,
                     const QString& text) {
    app::Message m;
    m.id = id;
    m.parent = parent;
    m.role = role;
    m.text = text;
    m.created = at(1'700'000'000'000 + id);
    return m;
}

/// A question, two answers to it, and a cut continuation of the second.
app::StoredConversation branched() {
    app::StoredConversation chat;
    chat.conversation.title = QStringLiteral("排序 “how”?");
    chat.conversation.created = at(1'700'000'000'001);
    chat.conversation.updated = at(1'700'000'009'999);
    chat.conversation.pinned = true;
    chat.leaf = 14;
    const QString odd = QStringLiteral("tab\t, NUL \x01, emoji 😀, <b>tag</b>\nline");
    chat.messages.append(message(10, 0, app::Role::User, odd));
    app::Message full = message(12, 10, app::Role::Assistant, QStringLiteral("With `sort`."));
    full.reasoning = QStringLiteral("They ask\nabout order.");
    full.stopReason = app::StopReason::StopString;
    full.stopString = QStringLiteral("</end>");
    full.model = {QStringLiteral("R1-7B"), QStringLiteral("abc"),  QStringLiteral("int8"),
                  QStringLiteral("int8"),  QStringLiteral("bf16"), QStringLiteral("CUDA 0")};
    full.sampling.seed = Q_UINT64_C(0xFFFFFFFFFFFFFFFE);
    full.sampling.temperature = 0.65;
    full.sampling.thinkingBudget = 512;
    full.source.overflow = app::OverflowChoice::DropMiddle;
    full.source.droppedTokens = 900;
    full.source.droppedMessages = 3;
    full.stats = app::AnswerStats{12, 3, 40, 10, 1, 2'000'000'000'000, 3, 4};
    chat.messages.append(full);
    app::Message failed = message(13, 10, app::Role::Assistant, {});
    failed.stopReason = app::StopReason::Failed;
    failed.error = QStringLiteral("The device is gone.");
    failed.source.isFromCache = true;
    chat.messages.append(failed);
    app::Message cut = message(14, 13, app::Role::User, QStringLiteral("And then?"));
    chat.messages.append(cut);
    return chat;
}

void compare(const app::Message& a, const app::Message& b) {
    QCOMPARE(b.id, a.id);
    QCOMPARE(b.parent, a.parent);
    QCOMPARE(b.role, a.role);
    QCOMPARE(b.state, a.state);
    QCOMPARE(b.text, a.text);
    QCOMPARE(b.reasoning, a.reasoning);
    QCOMPARE(b.stopReason, a.stopReason);
    QCOMPARE(b.stopString, a.stopString);
    QCOMPARE(b.error, a.error);
    QCOMPARE(b.model, a.model);
    QCOMPARE(b.sampling, a.sampling);
    QCOMPARE(b.source, a.source);
    QVERIFY(b.stats == a.stats);
    QCOMPARE(b.created, a.created);
}

} // namespace

class TstChatJson : public QObject {
    Q_OBJECT

  private slots:
    void req35_jsonComesBackWithoutLoss() {
        const app::StoredConversation chat = branched();
        const app::ReadChats back = app::chatsFromJson(app::chatsToJson({chat, chat}));
        QCOMPARE(back.problem, QString());
        QCOMPARE(back.chats.size(), 2);
        for (const app::StoredConversation& one : back.chats) {
            QCOMPARE(one.conversation.title, chat.conversation.title);
            QCOMPARE(one.conversation.created, chat.conversation.created);
            QCOMPARE(one.conversation.updated, chat.conversation.updated);
            QCOMPARE(one.conversation.pinned, chat.conversation.pinned);
            QCOMPARE(one.leaf, chat.leaf);
            QCOMPARE(one.messages.size(), chat.messages.size());
            for (qsizetype i = 0; i < chat.messages.size(); ++i)
                compare(chat.messages.at(i), one.messages.at(i));
        }
    }

    void everyReasonAndRoleComesBack() {
        app::StoredConversation chat;
        chat.conversation.title = QStringLiteral("All");
        for (int reason = 0; reason <= int(app::StopReason::Interrupted); ++reason) {
            app::Message m = message(reason + 1, reason, app::Role::Assistant, {});
            m.stopReason = app::StopReason(reason);
            m.state = reason % 2 == 0 ? app::MessageState::Done : app::MessageState::Interrupted;
            chat.messages.append(m);
        }
        chat.messages.append(message(90, 0, app::Role::System, QStringLiteral("Be kind.")));
        const app::ReadChats back = app::chatsFromJson(app::chatsToJson({chat}));
        QCOMPARE(back.problem, QString());
        for (qsizetype i = 0; i < chat.messages.size(); ++i)
            compare(chat.messages.at(i), back.chats.first().messages.at(i));
    }

    void anAnswerThatRunsEndsAsInterrupted() {
        app::StoredConversation chat = branched();
        chat.messages[1].state = app::MessageState::Streaming;
        chat.messages[1].stopReason = app::StopReason::None;
        const app::ReadChats back = app::chatsFromJson(app::chatsToJson({chat}));
        QCOMPARE(back.chats.first().messages.at(1).state, app::MessageState::Interrupted);
        QCOMPARE(back.chats.first().messages.at(1).stopReason, app::StopReason::Interrupted);
    }

    void whatIsNoExportIsRefused_data() {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const char* json, const char* says) {
            QTest::newRow(name) << QByteArray(json) << QString::fromLatin1(says);
        };
        row("nothing", "", "no whole JSON");
        row("cut", R"({"format":"inglenook-chats","chats":[{"title")", "no whole JSON");
        row("an array", "[1,2]", "not exported by Inglenook");
        row("something else", R"({"conversations":[]})", "not exported by Inglenook");
        row("newer", R"({"format":"inglenook-chats","version":2,"chats":[]})", "newer Inglenook");
        row("empty", R"({"format":"inglenook-chats","version":1,"chats":[]})", "holds none");
        row("nobody's", R"({"format":"inglenook-chats","chats":[{"messages":[{"id":1}]}]})",
            "message 1 of chat 1 does not say whose it is");
        row("no id", R"({"format":"inglenook-chats","chats":[{"messages":[{"role":"user"}]}]})",
            "message 1 of chat 1 has no place");
        row("twice the same",
            R"({"format":"inglenook-chats","chats":[{"messages":[{"id":1,"role":"user"},)"
            R"({"id":1,"role":"user"}]}]})",
            "message 2 of chat 1 has no place");
        row("a circle",
            R"({"format":"inglenook-chats","chats":[{"messages":[)"
            R"({"id":1,"parent":2,"role":"user"},{"id":2,"parent":1,"role":"user"}]}]})",
            "message 1 of chat 1 has no place");
    }
    void whatIsNoExportIsRefused() {
        QFETCH(QByteArray, json);
        QFETCH(QString, says);
        const app::ReadChats back = app::chatsFromJson(json);
        QVERIFY(back.chats.isEmpty());
        QVERIFY2(back.problem.contains(says), qPrintable(back.problem));
    }

    void strangeFieldsAreHarmless() {
        const app::ReadChats back = app::chatsFromJson(
            R"({"format":"inglenook-chats","chats":[{"title":7,"shown":"x","messages":[)"
            R"({"id":1,"role":"assistant","created":"yesterday","stop_reason":"?","stats":[],)"
            R"("model":3,"sampling":null,"text":{}}]}]})");
        QCOMPARE(back.problem, QString());
        QCOMPARE(back.chats.first().conversation.title, QStringLiteral("Chat 1"));
        const app::Message& m = back.chats.first().messages.first();
        QVERIFY(m.created.isValid());
        QVERIFY(!m.stats.has_value());
        QCOMPARE(m.stopReason, app::StopReason::None);
    }

    void figuresThatCannotBeAreHarmless() {
        const app::ReadChats back = app::chatsFromJson(
            R"({"format":"inglenook-chats","chats":[{"messages":[{"id":1,"role":"assistant",)"
            R"("stats":{"generated_tokens":-5,"prompt_tokens":9000000000,"decode_us":-1}},)"
            R"({"id":2,"parent":1,"role":"user","stats":{"generated_tokens":5},"error":"no"}]}]})");
        QCOMPARE(back.problem, QString());
        const QList<app::Message>& messages = back.chats.first().messages;
        QCOMPARE(messages.first().stats->generatedTokens, 0);
        QCOMPARE(messages.first().stats->promptTokens, std::numeric_limits<int>::max());
        QCOMPARE(messages.first().stats->decode_us, 0);
        QVERIFY(!messages.last().stats.has_value()); // a question was not computed
        QCOMPARE(messages.last().error, QString());
    }

    void longTitlesAreCut() {
        app::StoredConversation chat = branched();
        chat.conversation.title = QString(1'000'000, u'x');
        const app::ReadChats back = app::chatsFromJson(app::chatsToJson({chat}));
        QCOMPARE(back.chats.first().conversation.title, QString(200, u'x'));
    }

    void depthEnds() {
        QByteArray json = R"({"format":"inglenook-chats","chats":)";
        json += QByteArray(1'000'000, '[') + QByteArray(1'000'000, ']') + '}';
        QVERIFY(app::chatsFromJson(json).problem.contains(QStringLiteral("no whole JSON")));
    }

    /// Bytes changed, left out and doubled: what is taken hangs together all the same.
    void whateverIsTakenIsATree() {
        const QByteArray whole = app::chatsToJson({branched(), branched()});
        std::mt19937 random(7);
        const auto below = [&](qsizetype end) { return qsizetype(random() % std::uint32_t(end)); };
        int taken = 0;
        for (int round = 0; round < 3000; ++round) {
            QByteArray json = whole;
            for (int change = round % 3; change >= 0; --change) {
                const qsizetype at = below(json.size());
                const qsizetype length = std::min(below(40) + 1, json.size() - at);
                switch (below(3)) {
                case 0:
                    json[at] = "0123456789-\",:{}[]x"[below(19)];
                    break;
                case 1:
                    json.remove(at, length);
                    break;
                default:
                    json.insert(at, json.mid(at, length));
                }
            }
            const app::ReadChats back = app::chatsFromJson(json);
            QVERIFY(back.problem.isEmpty() != back.chats.isEmpty());
            taken += back.chats.isEmpty() ? 0 : 1;
            for (const app::StoredConversation& chat : back.chats) {
                QSet<app::MessageId> known{0};
                for (const app::Message& m : chat.messages) {
                    QVERIFY2(known.contains(m.parent) && m.id > 0 && !known.contains(m.id),
                             json.constData());
                    known.insert(m.id);
                }
            }
        }
        QVERIFY2(taken > 100 && taken < 2900, qPrintable(QString::number(taken)));
    }

    void markdownShowsTheBranchOfTheLeaf() {
        app::StoredConversation chat = branched();
        chat.leaf = 12;
        const QString text = app::chatsToMarkdown({chat});
        QVERIFY(text.startsWith(QStringLiteral("# 排序 “how”?\n")));
        QVERIFY(text.contains(QStringLiteral("## R1-7B · INT8 · ")));
        QVERIFY(text.contains(QStringLiteral("> They ask\n> about order.")));
        QVERIFY(text.contains(QStringLiteral("With `sort`.")));
        QVERIFY(text.contains(QStringLiteral("*40 token")));
        QVERIFY(!text.contains(QStringLiteral("And then?"))); // of the other branch
    }
};

INGLENOOK_SUITE(chat_json, TstChatJson)
#include "tst_chat_json.moc"
