// Bodies of requests: what is understood, what is ignored, what is refused and with which field.
#include "app/api/completion_request.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::CompletionKind;

class TstCompletionRequest : public QObject {
    Q_OBJECT

  private:
    static std::variant<app::CompletionRequest, app::ApiError>
    read(const QByteArray& body, CompletionKind kind = CompletionKind::Chat) {
        return app::readCompletion(kind, {body.constData(), std::size_t(body.size())}, {});
    }
    static QByteArray chat(const QByteArray& members) {
        return R"({"messages":[{"role":"user","content":"Hi"}])" +
               (members.isEmpty() ? QByteArray() : "," + members) + "}";
    }

  private slots:
    void readsAChat() {
        const auto result = read(R"({"model":"m","messages":[
            {"role":"developer","content":"Be short."},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
            {"role":"assistant","content":"c","reasoning_content":"ignored"}],
            "stream":true,"stream_options":{"include_usage":true},"temperature":0.5,"top_p":0.9,
            "max_tokens":5,"max_completion_tokens":7,"stop":["x","y"],"seed":-3,"n":2,
            "logprobs":true,"top_logprobs":3,"logit_bias":{"12":-100,"7":1.5},
            "presence_penalty":1,"frequency_penalty":-1,"store":true,"metadata":{"a":1},
            "user":"u","something_new":[1,2],"tools":[],"tool_choice":"none",
            "response_format":{"type":"text"},"reasoning_format":"inline"})");
        const auto* request = std::get_if<app::CompletionRequest>(&result);
        QVERIFY(request != nullptr);
        QCOMPARE(request->model, std::string("m"));
        QCOMPARE(request->messages.size(), std::size_t(3));
        QCOMPARE(request->messages[0].role, std::string("system"));
        QCOMPARE(request->messages[1].content, std::string("ab"));
        QVERIFY(request->stream && request->includeUsage && request->logprobs);
        QVERIFY(request->inlineReasoning);
        QCOMPARE(request->maxTokens, 7U);
        QCOMPARE(request->choices, 2U);
        QCOMPARE(request->topLogprobs, 3U);
        QCOMPARE(request->stopStrings.size(), std::size_t(2));
        QCOMPARE(request->sampler.logitBias.size(), std::size_t(2));
        QCOMPARE(*request->sampler.seed, static_cast<std::uint64_t>(-3));

        engine::ModelInfo model;
        const engine::Request first = app::engineRequest(*request, model, 0, 1);
        const engine::Request second = app::engineRequest(*request, model, 1, 1);
        QCOMPARE(first.sampler.temperature, 0.5F);
        QCOMPARE(first.sampler.sampleNumber, 0U);
        QCOMPARE(second.sampler.sampleNumber, 1U);
        QCOMPARE(first.topLogprobs, 3U);
        QCOMPARE(first.priority, engine::Priority::P1);
        QVERIFY(app::isRepeatable(*request, first));
    }

    void nullsAndAbsencesAreDefaults() {
        const auto result = read(chat(R"("temperature":null,"stop":null,"n":null,"seed":null,
            "tools":null,"response_format":null,"logit_bias":null,"stream_options":null)"));
        const auto* request = std::get_if<app::CompletionRequest>(&result);
        QVERIFY(request != nullptr);
        QVERIFY(!request->sampler.temperature && !request->sampler.seed);
        QCOMPARE(request->choices, 1U);
        QCOMPARE(request->maxTokens, app::ApiLimits().tokens); // work is bounded
        engine::ModelInfo model;
        QVERIFY(!app::isRepeatable(*request, app::engineRequest(*request, model, 0, 1)));
    }

    void readsPrompts() {
        const auto result = read(R"({"prompt":["a","b"],"n":2,"echo":true,"max_tokens":999999999})",
                                 CompletionKind::Text);
        const auto* request = std::get_if<app::CompletionRequest>(&result);
        QVERIFY(request != nullptr);
        QCOMPARE(request->answerCount(), std::size_t(4));
        QCOMPARE(request->maxTokens, app::ApiLimits().tokens);
        engine::ModelInfo model;
        QCOMPARE(*app::engineRequest(*request, model, 1, 0).rawPrompt, std::string("a"));
        QCOMPARE(*app::engineRequest(*request, model, 2, 0).rawPrompt, std::string("b"));
        const auto plain = read(R"({"prompt":"a"})", CompletionKind::Text);
        QCOMPARE(std::get<app::CompletionRequest>(plain).maxTokens, 16U);
    }

    void refuses_data() {
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<QString>("param");
        QTest::addColumn<QString>("code");
        const auto row = [](const char* members, const char* param,
                            const char* code = "invalid_value") {
            QTest::newRow(members)
                << chat(members) << QString::fromLatin1(param) << QString::fromLatin1(code);
        };
        row(R"("temperature":"hot")", "temperature");
        row(R"("temperature":-1)", "temperature");
        row(R"("temperature":1e300)", "temperature");
        row(R"("top_p":2)", "top_p");
        row(R"("max_tokens":-1)", "max_tokens");
        row(R"("max_tokens":0)", "max_tokens");
        row(R"("max_tokens":1.5)", "max_tokens");
        row(R"("max_tokens":1e300)", "max_tokens");
        row(R"("max_tokens":18446744073709551615)", "max_tokens");
        row(R"("n":0)", "n");
        row(R"("n":100000)", "n");
        row(R"("stop":5)", "stop");
        row(R"("stop":[""])", "stop");
        row(R"("stop":["1","2","3","4","5","6","7","8","9","0","a","b","c","d","e","f","g"])",
            "stop");
        row(R"("seed":"x")", "seed");
        row(R"("stream":"yes")", "stream");
        row(R"("stream_options":{"include_usage":true})", "stream_options");
        row(R"("stream":true,"stream_options":{"include_usage":1})",
            "stream_options.include_usage");
        row(R"("stream":true,"stream_options":[])", "stream_options");
        row(R"("logprobs":3)", "logprobs");
        row(R"("top_logprobs":3)", "top_logprobs");
        row(R"("logprobs":true,"top_logprobs":21)", "top_logprobs");
        row(R"("logit_bias":{"x":1})", "logit_bias");
        row(R"("logit_bias":{"1":1000})", "logit_bias");
        row(R"("logit_bias":[1])", "logit_bias");
        row(R"("model":5)", "model");
        row(R"("reasoning_format":"odd")", "reasoning_format");
        row(R"("chat_template_kwargs":{"enable_thinking":"no"})",
            "chat_template_kwargs.enable_thinking");
        row(R"("tools":[{"type":"function"}])", "tools", "unsupported_parameter");
        row(R"("functions":[{}])", "functions", "unsupported_parameter");
        row(R"("tool_choice":"required")", "tool_choice", "unsupported_parameter");
        row(R"("response_format":{"type":"json_object"})", "response_format",
            "unsupported_parameter");
        row(R"("response_format":{"type":"json_schema","json_schema":{}})", "response_format",
            "unsupported_parameter");
        row(R"("json_schema":{"type":"object"})", "json_schema", "unsupported_parameter");
        row(R"("grammar":"root ::= w")", "grammar", "unsupported_parameter");
        row(R"("modalities":["text","audio"])", "modalities", "unsupported_parameter");
        const auto body = [](const char* name, const QByteArray& text, const char* param,
                             const char* code = "invalid_value") {
            QTest::newRow(name) << text << QString::fromLatin1(param) << QString::fromLatin1(code);
        };
        body("no messages", "{}", "messages");
        body("empty messages", R"({"messages":[]})", "messages");
        body("message is text", R"({"messages":["a"]})", "messages[0]");
        body("role unknown", R"({"messages":[{"role":"x","content":"a"}]})", "messages[0].role");
        body("no content", R"({"messages":[{"role":"user"}]})", "messages[0].content");
        body("image", R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
             "messages[0].content", "unsupported_parameter");
        body("tool message", R"({"messages":[{"role":"tool","content":"a"}]})", "messages[0].role",
             "unsupported_parameter");
        body("no JSON", "{", "", "invalid_json");
        body("an array", "[]", "");
        body("key twice", R"({"n":1,"n":2})", "", "invalid_json");
        body("no UTF-8", "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "",
             "invalid_json");
        body("half a surrogate", R"({"model":"\ud800"})", "", "invalid_json");
        body("deep", QByteArray("[").repeated(1'000'000), "", "invalid_json");
        body("many values", "[" + QByteArray("1,").repeated(1'000'000) + "1]", "", "invalid_json");
        body("NaN", chat(R"("temperature":NaN)"), "", "invalid_json");
    }

    void refuses() {
        QFETCH(QByteArray, body);
        QFETCH(QString, param);
        QFETCH(QString, code);
        const auto result = read(body);
        const auto* error = std::get_if<app::ApiError>(&result);
        QVERIFY2(error != nullptr, "it was taken");
        QCOMPARE(error->status, 400);
        QCOMPARE(QString::fromStdString(error->param), param);
        QCOMPARE(QString::fromStdString(error->code), code);
        QVERIFY(error->message.ends_with("."));
    }

    /// Of every number that a client may send: what no computer can do is refused by its name, and
    /// what is taken is a number that the sampler knows.
    void boundsEveryNumber_data() {
        QTest::addColumn<QByteArray>("name");
        for (const char* name :
             {"temperature", "top_p", "min_p", "top_k", "presence_penalty", "frequency_penalty",
              "repetition_penalty", "repeat_penalty", "max_tokens", "max_completion_tokens", "n",
              "top_logprobs", "thinking_budget_tokens", "seed"})
            QTest::newRow(name) << QByteArray(name);
    }
    void boundsEveryNumber() {
        QFETCH(QByteArray, name);
        engine::ModelInfo model;
        for (const char* value : {"-1e308", "1e308", "-1e999", "1e999", "NaN", "Infinity", "-1",
                                  "0", "1", "0.5", "-9223372036854775808", "18446744073709551615",
                                  "99999999999999999999", "\"1\"", "true", "[]", "{}"}) {
            const auto result = read(chat("\"" + name + "\":" + value));
            const QByteArray what = name + ": " + value;
            if (const auto* error = std::get_if<app::ApiError>(&result)) {
                QCOMPARE(error->status, 400);
                QVERIFY2(error->param == name.toStdString() || error->code == "invalid_json",
                         (what + " names " + error->param.c_str()).constData());
                continue;
            }
            const auto& taken = std::get<app::CompletionRequest>(result);
            const engine::Request request = app::engineRequest(taken, model, 0, 1);
            QVERIFY2(engine::validate(request.sampler).ok(), what);
            QVERIFY2(request.maxTokens >= 1 && request.maxTokens <= app::ApiLimits().tokens, what);
            QVERIFY2(taken.choices >= 1 && taken.choices <= app::ApiLimits().choices, what);
            QVERIFY2(name == "seed" || (value != QByteArray("1e308") && value[0] != '[' &&
                                        value[0] != '{' && value[0] != 't'),
                     what);
        }
    }

    void refusesOfCompletions() {
        for (const char* body :
             {R"({"prompt":[1,2,3]})", R"({"prompt":[]})", R"({})",
              R"({"prompt":"a","suffix":"b"})", R"({"prompt":"a","best_of":3})",
              R"({"prompt":"a","logprobs":9})", R"({"prompt":"a","logprobs":1,"echo":true})",
              R"({"prompt":"a","tools":[{}]})", R"({"prompt":"a","json_schema":{"a":1}})",
              R"({"prompt":"a","response_format":{"type":"json_object"}})"})
            QVERIFY2(std::holds_alternative<app::ApiError>(read(body, CompletionKind::Text)), body);
    }
};

INGLENOOK_SUITE(completion_request, TstCompletionRequest)
#include "tst_completion_request.moc"
