// The API over a real socket and a scripted engine: answers in OpenAI's shapes, and what is
// refused.
#include "tests/app/api/api_fixture.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

using tests::ApiFixture;
using tests::RawClient;
using tests::RawResponse;

namespace {

bool waitFor(const std::function<bool()>& condition, int limit_ms = 3000) {
    QElapsedTimer clock;
    clock.start();
    while (!condition() && clock.elapsed() < limit_ms)
        QThread::msleep(2);
    return condition();
}

} // namespace

class TstApiServer : public QObject {
    Q_OBJECT

  private slots:
    void answersAChat() {
        ApiFixture api({.reasoning = "Let me think.", .answer = "Hello there, friend."});
        const RawResponse response = api.post("/v1/chat/completions", ApiFixture::chat());
        QCOMPARE(response.status, 200);
        QCOMPARE(response.header("Content-Type"), QByteArray("application/json"));
        const auto json = response.json();
        QCOMPARE(json["object"], "chat.completion");
        const auto& message = json["choices"][0]["message"];
        QCOMPARE(message["content"], "Hello there, friend.");
        QCOMPARE(message["reasoning_content"], "Let me think.");
        QCOMPARE(json["choices"][0]["finish_reason"], "stop");
        QCOMPARE(json["usage"]["prompt_tokens"], 12);
        QCOMPARE(json["usage"]["total_tokens"], 12 + int(json["usage"]["completion_tokens"]));
        QCOMPARE(api.engine().submitted().back().client, std::string("api"));
    }

    void reasoningCanStandInContent() {
        ApiFixture api({.reasoning = "Hm.", .answer = "Yes."});
        const auto json =
            api.post("/v1/chat/completions", ApiFixture::chat(R"("reasoning_format":"inline")"))
                .json();
        QCOMPARE(json["choices"][0]["message"]["content"], "<think>\nHm.\n</think>\n\nYes.");
    }

    void streams() {
        ApiFixture api({.reasoning = "Hm.", .answer = "One two three."});
        const RawResponse response =
            api.post("/v1/chat/completions",
                     ApiFixture::chat(R"("stream":true,"stream_options":{"include_usage":true})"));
        QCOMPARE(response.status, 200);
        QVERIFY(response.header("Content-Type").startsWith("text/event-stream"));
        const QList<QByteArray> events = response.events();
        QCOMPARE(events.last(), QByteArray("[DONE]"));
        std::string text;
        std::string reasoning;
        std::string finish;
        for (qsizetype i = 0; i + 2 < events.size(); ++i) {
            const auto chunk = nlohmann::json::parse(events[i].begin(), events[i].end());
            QCOMPARE(chunk["object"], "chat.completion.chunk");
            QVERIFY(chunk["usage"].is_null());
            const auto& choice = chunk["choices"][0];
            text += choice["delta"].value("content", "");
            reasoning += choice["delta"].value("reasoning_content", "");
            if (choice["finish_reason"].is_string())
                finish = choice["finish_reason"];
        }
        QCOMPARE(text, std::string("One two three."));
        QCOMPARE(reasoning, std::string("Hm."));
        QCOMPARE(finish, std::string("stop"));
        const QByteArray& last = events[events.size() - 2];
        const auto usage = nlohmann::json::parse(last.begin(), last.end());
        QVERIFY(usage["choices"].empty());
        QCOMPARE(usage["usage"]["prompt_tokens"], 12);
    }

    void answersSeveralTimes() {
        ApiFixture api;
        const auto json =
            api.post("/v1/completions", R"({"prompt":["a","b"],"n":2,"max_tokens":50,"echo":true})")
                .json();
        QCOMPARE(json["object"], "text_completion");
        QCOMPARE(json["choices"].size(), std::size_t(4));
        QCOMPARE(json["choices"][3]["index"], 3);
        QCOMPARE(json["choices"][3]["text"], "bThis is an answer from a scripted engine.");
        QCOMPARE(json["usage"]["prompt_tokens"], 24); // of two prompts
    }

    void keepsTheConnection() {
        ApiFixture api;
        RawClient client = api.client();
        for (int i = 0; i < 3; ++i) {
            QVERIFY(client.send(ApiFixture::request("GET", "/health")));
            QCOMPARE(client.receive().status, 200);
        }
        // Two at once, the second one cut.
        const QByteArray post =
            ApiFixture::request("POST", "/v1/chat/completions", ApiFixture::chat());
        QVERIFY(client.send(post + post.left(40)));
        QCOMPARE(client.receive().json()["object"], "chat.completion");
        QVERIFY(client.send(post.mid(40)));
        QCOMPARE(client.receive().json()["object"], "chat.completion");
    }

    void takesChunkedBodiesByteByByte() {
        ApiFixture api;
        RawClient client = api.client();
        const QByteArray body = ApiFixture::chat();
        QByteArray bytes = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                           "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        bytes += QByteArray::number(body.size(), 16) + "\r\n" + body + "\r\n0\r\n\r\n";
        for (const char byte : bytes)
            QVERIFY(client.send(QByteArray(1, byte)));
        QCOMPARE(client.receive().status, 200);
    }

    void speaksHttp10() {
        ApiFixture api;
        RawClient client = api.client();
        const QByteArray body = ApiFixture::chat(R"("stream":true)");
        client.send("POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\nContent-Length: " +
                    QByteArray::number(body.size()) + "\r\n\r\n" + body);
        QVERIFY(client.waitFor("data: [DONE]"));
        QVERIFY(client.isClosed());
    }

    void everyRouteIsGuarded() {
        app::ApiAccess access;
        access.origins = {"https://good.example"};
        ApiFixture api({}, {}, access);
        const QByteArray key = "Authorization: Bearer secret\r\n";
        api.keys().setSessionKey("secret");
        QList<std::pair<QByteArray, QByteArray>> routes = {
            {"GET", "/"},           {"GET", "/v1/unknown"},    {"DELETE", "/v1/models"},
            {"GET", "/etc/passwd"}, {"OPTIONS", "/v1/models"}, {"GET", "/v1/../metrics"}};
        for (const app::ApiRouter::Route& route : app::ApiRouter::routes())
            routes.append({QByteArray(route.method.data()), QByteArray(route.path.data())});
        const auto statusOf = [&](const auto& route, const QByteArray& headers,
                                  const QByteArray& host = "127.0.0.1") {
            RawClient client = api.client();
            client.send(route.first + " " + route.second + " HTTP/1.1\r\nHost: " + host + "\r\n" +
                        headers + "Content-Length: 0\r\n\r\n");
            const RawResponse response = client.receive();
            if (response.header("Access-Control-Allow-Origin") == "*")
                return -1;
            return response.status;
        };
        for (const auto& route : routes) {
            const bool open = route.second == "/health";
            const QByteArray name = route.first + " " + route.second;
            if (!open) {
                QVERIFY2(statusOf(route, {}) == 401, name);
                QVERIFY2(statusOf(route, "Authorization: Bearer wrong\r\n") == 401, name);
                QVERIFY2(statusOf(route, "Authorization: Basic secret\r\n") == 401, name);
                QVERIFY2(statusOf(route, "Authorization: Bearer \r\n") == 401, name);
                QVERIFY2(statusOf(route, "X-Api-Key: secret\r\n") == 401, name);
            }
            QVERIFY2(statusOf(route, key + key) == 400, name);
            for (const char* host : {"evil.example", "127.0.0.1.evil.example", "0.0.0.0", "[::1]",
                                     "127.0.0.2", "", "localhost.", "localhost:x"})
                QVERIFY2(statusOf(route, key, host) == 403, (name + " " + host).constData());
            for (const char* origin :
                 {"https://evil.example", "null", "http://localhost", "http://127.0.0.1:8484"})
                QVERIFY2(statusOf(route, key + "Origin: " + origin + "\r\n") == 403, name);
            QVERIFY2(statusOf(route, key + "Sec-Fetch-Site: cross-site\r\n") == 403, name);
            const int allowed = statusOf(route, key + "Origin: https://good.example\r\n");
            QVERIFY2(allowed != 401 && allowed != 403, name);
        }
    }

    void namedOriginsMayAsk() {
        app::ApiAccess access;
        access.origins = {"https://good.example"};
        ApiFixture api({}, {}, access);
        api.keys().setSessionKey("secret");
        RawClient client = api.client();
        client.send(ApiFixture::request("OPTIONS", "/v1/chat/completions", {},
                                        "Origin: https://good.example\r\n"
                                        "Access-Control-Request-Method: POST\r\n"));
        const RawResponse preflight = client.receive();
        QCOMPARE(preflight.status, 204);
        QCOMPARE(preflight.header("Access-Control-Allow-Origin"),
                 QByteArray("https://good.example"));
    }

    void keysCanBeRevokedWhileItRuns() {
        ApiFixture api;
        QCOMPARE(api.get("/v1/models").status, 200); // no key yet: only this computer asks
        const QByteArray key = api.keys().create(QStringLiteral("one")).value().toLatin1();
        const QByteArray header = "Authorization: Bearer " + key + "\r\n";
        QCOMPARE(api.get("/v1/models").status, 401);
        QCOMPARE(api.get("/v1/models", header).status, 200);
        QCOMPARE(api.post("/v1/chat/completions", ApiFixture::chat(), header).status, 200);
        QTRY_COMPARE(api.keys().list().first().requests, quint64(1)); // just behind the answer
        const app::ApiKeyValue value = api.keys().list().first();
        QCOMPARE(value.promptTokens, quint64(12));
        QCOMPARE(api.engine().submitted().back().client, "key:" + value.id.toStdString());
        QVERIFY(api.keys().create(QStringLiteral("two")).ok());
        QVERIFY(api.keys().revoke(value.id).ok());
        QCOMPARE(api.get("/v1/models", header).status, 401);
        QCOMPARE(api.get("/health").status, 200);
    }

    /// A body that is still on its way when its key is revoked is not answered.
    void aKeyHoldsUntilTheWholeRequestIsThere() {
        ApiFixture api;
        const QByteArray key = api.keys().create(QStringLiteral("one")).value().toLatin1();
        QVERIFY(api.keys().create(QStringLiteral("two")).ok());
        const QByteArray request =
            ApiFixture::request("POST", "/v1/chat/completions", ApiFixture::chat(),
                                "Authorization: Bearer " + key + "\r\nExpect: 100-continue\r\n");
        const qsizetype head = request.indexOf("\r\n\r\n") + 4;
        RawClient client = api.client();
        client.send(request.left(head));
        QVERIFY(client.waitFor("100 Continue")); // let in by its head
        QVERIFY(api.keys().revoke(api.keys().list().first().id).ok());
        client.send(request.mid(head));
        QCOMPARE(client.receive().status, 401);
        QVERIFY(api.engine().submitted().empty());
    }

    void refusesInOpenAIsShape() {
        ApiFixture api;
        const auto isError = [](const RawResponse& response, int status, const char* code) {
            const auto json = response.json();
            return response.status == status && json.contains("error") &&
                   json["error"]["message"].is_string() && json["error"]["type"].is_string() &&
                   json["error"].contains("param") && json["error"]["code"] == code;
        };
        const QByteArray path = "/v1/chat/completions";
        QVERIFY(isError(api.post(path, "{"), 400, "invalid_json"));
        QVERIFY(isError(api.post(path, ApiFixture::chat(R"("tools":[{}])")), 400,
                        "unsupported_parameter"));
        QVERIFY(
            isError(api.post(path, R"({"model":"x","messages":[{"role":"user","content":"a"}]})"),
                    404, "model_not_found"));
        QVERIFY(isError(api.get("/v1/nothing"), 404, "unknown_route"));
        QVERIFY(isError(api.get("/v1/embeddings"), 404, "unsupported_route"));
        QVERIFY(isError(api.get(path), 405, "method_not_allowed"));
        RawClient form = api.client();
        form.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "text/plain\r\nContent-Length: 2\r\n\r\n{}");
        QVERIFY(isError(form.receive(), 415, "unsupported_media_type"));
    }

    void refusesWhatIsTooLarge() {
        app::ApiLimits limits;
        limits.body_bytes = 10'000;
        ApiFixture api({}, limits);
        RawClient line = api.client();
        line.send("GET /" + QByteArray(40'000, 'a'));
        QCOMPARE(line.receive().status, 431);
        RawClient headers = api.client();
        headers.send("GET / HTTP/1.1\r\nHost: localhost\r\n" +
                     QByteArray("A: b\r\n").repeated(9000));
        QCOMPARE(headers.receive().status, 431);
        RawClient told = api.client();
        told.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Length: 10001\r\n\r\n");
        QCOMPARE(told.receive().status, 413);
        RawClient chunks = api.client();
        chunks.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    "application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 20; ++i)
            chunks.send("3e8\r\n" + QByteArray(1000, ' ') + "\r\n");
        QCOMPARE(chunks.receive().status, 413);
    }

    void refusesSmuggling_data() {
        QTest::addColumn<QByteArray>("tail");
        QTest::newRow("length and chunks")
            << QByteArray("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        QTest::newRow("two lengths")
            << QByteArray("Content-Length: 0\r\nContent-Length: 40\r\n\r\n");
        QTest::newRow("folded") << QByteArray("A: b\r\n c\r\n\r\n");
        QTest::newRow("bare LF") << QByteArray("A: b\nC: d\r\n\r\n");
        QTest::newRow("chunk size with a sign")
            << QByteArray("Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n");
        QTest::newRow("chunk size too long")
            << QByteArray("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n");
        QTest::newRow("chunk without its end")
            << QByteArray("Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n");
        QTest::newRow("chunk with bare LF")
            << QByteArray("Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n");
        QTest::newRow("endless extension")
            << QByteArray("Transfer-Encoding: chunked\r\n\r\n1;") + QByteArray(100'000, 'x');
    }
    void refusesSmuggling() {
        QFETCH(QByteArray, tail);
        ApiFixture api;
        RawClient client = api.client();
        client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\n" +
                    tail + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const RawResponse response = client.receive();
        QVERIFY2(response.status == 400 || response.status == 413 || response.status == 431,
                 QByteArray::number(response.status));
        QVERIFY(client.isClosed()); // and the second request was never read
        QVERIFY(api.engine().submitted().empty());
    }

    void disconnectFreesTheSlotAndHarmsNobody() {
        ApiFixture api({.answer = "word ", .tokensPerSecond = 200, .repeat = true});
        const QByteArray request = ApiFixture::request("POST", "/v1/chat/completions",
                                                       ApiFixture::chat(R"("stream":true)"));
        const QByteArray whole =
            ApiFixture::request("POST", "/v1/chat/completions", ApiFixture::chat());
        RawClient stays = api.client();
        stays.send(request);
        QVERIFY(stays.waitFor("word"));
        for (int round = 0; round < 20; ++round) {
            RawClient goes = api.client();
            goes.send(round % 2 == 0 ? request : whole);
            if (round % 2 == 0)
                QVERIFY(goes.waitFor("word"));
            else
                QVERIFY(waitFor([&] { return api.engine().running() == 2; }));
            QCOMPARE(api.engine().running(), std::size_t(2));
            QElapsedTimer clock;
            clock.start();
            if (round % 4 < 2)
                goes.close();
            else
                goes.reset();
            QVERIFY(waitFor([&] { return api.engine().running() == 1; }));
            QVERIFY2(clock.elapsed() < 105, QByteArray::number(clock.elapsed())); // a step: 5 ms
        }
        for (int i = 0; i < 5; ++i)
            QVERIFY(stays.waitFor("word"));
    }

    void refusalsOfTheEngineComeBeforeTheStream() {
        ApiFixture api({.answer = "a b c",
                        .failAfterTokens = 2,
                        .failure = engine::Status(engine::Code::DeviceLost,
                                                  {{"device", "CUDA 0"}, {"reason", "719"}})});
        const RawResponse whole = api.post("/v1/chat/completions", ApiFixture::chat());
        QCOMPARE(whole.status, 503);
        const RawResponse cut =
            api.post("/v1/chat/completions", ApiFixture::chat(R"("stream":true)"));
        QCOMPARE(cut.status, 200); // it had begun
        QVERIFY(cut.body.contains("\"error\""));
        QCOMPARE(cut.events().last(), QByteArray("[DONE]"));
    }

    /// Never cut silently: the client hears what OpenAI's clients know.
    void req6_aPromptThatDoesNotFitIsRefusedByItsName() {
        ApiFixture api({.answer = "a"});
        for (const char* more : {R"("stream":false)", R"("stream":true)"}) {
            api.engine().refuseNext(engine::Status(engine::Code::ContextExceeded,
                                                   {{"tokens", "5000"}, {"limit", "4096"}}));
            const RawResponse refused =
                api.post("/v1/chat/completions", ApiFixture::chat(QByteArray(more)));
            QCOMPARE(refused.status, 400);
            const auto error = refused.json()["error"];
            QCOMPARE(error["code"], std::string("context_length_exceeded"));
            QVERIFY(error["message"].get<std::string>().find("4096") != std::string::npos);
        }
    }

    void quotasAnswer429() {
        const app::ApiError error = app::apiErrorFrom(
            engine::Status(engine::Code::QueueFull,
                           {{"waiting", "256"}, {"limit", "256"}, {"retry_after_s", "7"}}));
        QCOMPARE(error.status, 429);
        const app::HttpResponse response = app::toResponse(error);
        QCOMPARE(response.headers.front().name, std::string("Retry-After"));
        QCOMPARE(response.headers.front().value, std::string("7"));
    }

    void tellsHealthAndMetrics() {
        ApiFixture api;
        QCOMPARE(api.get("/health").json()["status"], "ok");
        api.backend().currentHealth = app::ApiHealth::Loading;
        const RawResponse loading = api.get("/health");
        QCOMPARE(loading.status, 503);
        QVERIFY(!loading.header("Retry-After").isEmpty());
        const RawResponse metrics = api.get("/metrics");
        QVERIFY(metrics.header("Content-Type").startsWith("text/plain; version=0.0.4"));
        QCOMPARE(metrics.body, QByteArray("inglenook_up 1\n"));
        QCOMPARE(api.get("/v1/models").json()["data"][0]["id"], "fake");
    }

    void stopEndsRunningAnswers() {
        ApiFixture api({.answer = "word ", .tokensPerSecond = 100, .repeat = true});
        RawClient client = api.client();
        client.send(ApiFixture::request("POST", "/v1/chat/completions",
                                        ApiFixture::chat(R"("stream":true)")));
        QVERIFY(client.waitFor("word"));
        RawClient idle = api.client();
        api.server().stop(std::chrono::milliseconds(100));
        QVERIFY(client.isClosed());
        QVERIFY(idle.isClosed());
        QVERIFY(waitFor([&] { return api.engine().running() == 0; }));
        QVERIFY(!RawClient(api.port()).send("x"));
    }

    void refusesAnAddressThatIsTaken() {
        ApiFixture api;
        ApiFixture other;
        other.server().stop();
        const auto again = other.server().start({"127.0.0.1", api.port()});
        QVERIFY(!again.ok());
        QCOMPARE(again.status().code(), engine::Code::ApiCannotListen);
        QVERIFY(!other.server().start({"not an address", 0}).ok());
        QVERIFY(app::isLoopback("127.0.0.1") && app::isLoopback("::1"));
        QVERIFY(!app::isLoopback("0.0.0.0") && !app::isLoopback("10.0.0.1"));
    }
};

INGLENOOK_SUITE(api_server, TstApiServer)
#include "tst_api_server.moc"
