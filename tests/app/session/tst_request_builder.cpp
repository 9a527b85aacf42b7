#include "app/session/chat_title.h"
#include "app/session/request_builder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

app::Message message(app::Role role, const QString& text, const QString& reasoning = {}) {
    app::Message m;
    m.role = role;
    m.text = text;
    m.reasoning = reasoning;
    return m;
}

} // namespace

class TstRequestBuilder : public QObject {
    Q_OBJECT

  private slots:
    void earlierReasoningStaysOut() {
        app::Question question;
        question.path = {message(app::Role::User, QStringLiteral("one")),
                         message(app::Role::Assistant, QStringLiteral("answer"),
                                 QStringLiteral("long thoughts")),
                         message(app::Role::User, QStringLiteral("two"))};
        const engine::Request request = app::buildRequest(question, nullptr);
        QCOMPARE(request.messages.size(), std::size_t(3));
        QCOMPARE(request.messages[1].role, std::string("assistant"));
        QCOMPARE(request.messages[1].content, std::string("answer"));
        QVERIFY(request.continuedAnswer.empty());
    }

    void emptyAnswersLeaveOneTurn() {
        app::Question question;
        question.path = {message(app::Role::User, QStringLiteral("one")),
                         message(app::Role::Assistant, QString()),
                         message(app::Role::User, QStringLiteral("two"))};
        const engine::Request request = app::buildRequest(question, nullptr);
        QCOMPARE(request.messages.size(), std::size_t(1));
        QCOMPARE(request.messages[0].content, std::string("one\n\ntwo"));
    }

    void aSystemPromptGoesFirstOnce() {
        app::Question question;
        question.systemPrompt = QStringLiteral("Be brief.");
        question.path = {message(app::Role::User, QStringLiteral("one"))};
        engine::Request request = app::buildRequest(question, nullptr);
        QCOMPARE(request.messages.size(), std::size_t(2));
        QCOMPARE(request.messages[0].role, std::string("system"));
        question.path.prepend(message(app::Role::System, QStringLiteral("its own")));
        request = app::buildRequest(question, nullptr);
        QCOMPARE(request.messages.size(), std::size_t(2));
        QCOMPARE(request.messages[0].content, std::string("its own"));
    }

    void cutAnswersGoOn() {
        app::Question question;
        question.path = {message(app::Role::User, QStringLiteral("q"))};
        question.cutText = QStringLiteral("half");
        QCOMPARE(app::buildRequest(question, nullptr).continuedAnswer, std::string("half"));
        question.cutReasoning = QStringLiteral("hm");
        QCOMPARE(app::buildRequest(question, nullptr).continuedAnswer,
                 std::string("<think>\nhm\n</think>\n\nhalf"));
        question.cutText.clear();
        QCOMPARE(app::buildRequest(question, nullptr).continuedAnswer, std::string("<think>\nhm"));
    }

    void samplingSurvivesTheBorder() {
        app::SamplingValues values;
        values.temperature = 0.6;
        values.topP = 0.95;
        values.topK = 40;
        values.minP = 0.05;
        values.repetitionPenalty = 1.1;
        values.seed = 12345;
        QCOMPARE(app::fromEngine(app::toEngine(values)), values);
    }

    void titles_data() {
        QTest::addColumn<QString>("message");
        QTest::addColumn<QString>("title");
        QTest::newRow("plain") << QStringLiteral("Hello there") << QStringLiteral("Hello there");
        QTest::newRow("markdown") << QStringLiteral("\n\n## **Big** `plan`\nmore")
                                  << QStringLiteral("Big plan");
        QTest::newRow("code") << QStringLiteral("```cpp\nint x;\n```") << QStringLiteral("int x;");
        QTest::newRow("chinese") << QStringLiteral("服务器为什么繁忙？")
                                 << QStringLiteral("服务器为什么繁忙？");
        QTest::newRow("long") << QStringLiteral("word ").repeated(40)
                              << QStringLiteral("word ").repeated(11) + QStringLiteral("word…");
        QTest::newRow("marks only") << QStringLiteral("###") << QStringLiteral("###");
    }
    void titles() {
        QFETCH(QString, message);
        QFETCH(QString, title);
        QCOMPARE(app::titleFrom(message), title);
    }
};

INGLENOOK_SUITE(request_builder, TstRequestBuilder)
#include "tst_request_builder.moc"
