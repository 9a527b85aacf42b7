// The API over the real scheduler: what a crowd of clients that go away does to those that stay,
// what admission tells a client, and whose cached answers are whose.
#include "app/history/response_cache.h"
#include "engine/runtime/engine_impl.h"
#include "tests/app/api/api_fixture.h"
#include "tests/support/fake_executor.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/recorded_engine.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <numeric>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest/QtTest>
#include <random>
#include <thread>

using namespace std::chrono_literals;
using tests::RawClient;
using tests::RawResponse;
using tests::ServedApi;

namespace {

constexpr std::uint32_t kContext = 4096;
constexpr std::uint32_t kSlots = 6;

/// The real engine over an executor that computes hashes.
class EngineBackend final : public app::ApiBackend {
  public:
    EngineBackend() {
        engine::EngineParts parts = tests::fakeParts(script, kContext);
        m_engine = std::make_unique<tests::RecordedEngine>(
            std::make_unique<engine::EngineImpl>(std::move(parts)),
            [](engine::Request& request) { request.ignoreEndOfGeneration = true; });
        engine::LoadRequest request;
        request.path = "one";
        request.slotCount = kSlots;
        m_model = tests::loadAndWait(*m_engine, std::move(request)).model;
    }
    ~EngineBackend() override { m_pool.waitForDone(); }

    engine::Engine& engine() override { return *m_engine; }
    app::ApiHealth health() override { return app::ApiHealth::Ready; }
    std::vector<app::ApiModel> models() override { return {{"one", 1, true, kContext}}; }
    void obtainModel(const std::string&, ModelAnswer answer) override { answer(m_model); }
    void runInPool(std::function<void()> task) override { m_pool.start(std::move(task)); }
    std::string metrics() override { return {}; }
    app::ResponseCache* cache() override { return responses; }
    app::ResponseUse responseUse() override { return use; }

    std::size_t asked() const { return m_engine->runs().size(); }
    /// What must be answered to a prompt.
    std::string expected(const QByteArray& prompt, std::uint32_t tokens) const {
        const auto ids = m_model->tokenizer->encode(prompt.toStdString(),
                                                    {.addBos = true, .parseSpecial = true});
        std::string text;
        for (const engine::TokenId token : tests::expectedTokens(ids, tokens, true))
            text += m_model->tokenizer->tokenBytes(token);
        return text;
    }

    std::shared_ptr<tests::FakeExecutorScript> script =
        std::make_shared<tests::FakeExecutorScript>();
    app::ResponseCache* responses = nullptr;
    std::atomic<app::ResponseUse> use = app::ResponseUse::Repeatable;

  private:
    std::unique_ptr<tests::RecordedEngine> m_engine;
    std::shared_ptr<const engine::ModelInfo> m_model;
    QThreadPool m_pool;
};

QByteArray words(int count, int first) {
    QByteArray text;
    for (int i = 0; i < count; ++i)
        text += " w" + QByteArray::number((first + i * 7) % 200);
    return text;
}

QByteArray completion(const QByteArray& prompt, const QByteArray& members) {
    return R"({"prompt":")" + prompt + R"(",)" + members + "}";
}

/// A key, as a header and as the client that the engine knows.
struct Client {
    QByteArray header;
    std::string name;
};

Client clientOf(ServedApi& api, const char* name) {
    const QByteArray key = api.keys().create(QString::fromLatin1(name)).value().toLatin1();
    return {"Authorization: Bearer " + key + "\r\n",
            "key:" + api.keys().list().last().id.toStdString()};
}

/// The text of a whole stream, or why it is none.
std::string streamed(const RawResponse& response) {
    const QList<QByteArray> events = response.events();
    if (response.status != 200 || events.isEmpty() || events.last() != "[DONE]")
        return "cut: " + response.body.right(200).toStdString();
    std::string text;
    for (qsizetype i = 0; i + 1 < events.size(); ++i) {
        const auto chunk = nlohmann::json::parse(events[i].begin(), events[i].end());
        if (!chunk.contains("choices"))
            return "error: " + events[i].toStdString();
        text += chunk["choices"][0].value("text", "");
    }
    return text;
}

/// Streams of clients that stay: each is read to its end, and then the next one begins.
class LiveStreams {
  public:
    static constexpr int kCount = 3;
    static constexpr std::uint32_t kTokens = 150;
    static QByteArray promptOf(int which) { return words(30, which * 40); }

    explicit LiveStreams(ServedApi& api) {
        const Client client = clientOf(api, "stays");
        for (int which = 0; which < kCount; ++which)
            m_threads.emplace_back([this, &api, client, which] {
                const QByteArray body =
                    completion(promptOf(which),
                               R"("stream":true,"max_tokens":)" + QByteArray::number(kTokens));
                while (!m_over) {
                    RawClient one = api.client();
                    one.send(ServedApi::request("POST", "/v1/completions", body, client.header));
                    m_answers[std::size_t(which)].push_back(streamed(one.receive(60'000)));
                }
            });
    }
    ~LiveStreams() { end(); }

    /// When the streams of now have ended.
    void end() {
        m_over = true;
        for (std::thread& thread : m_threads)
            if (thread.joinable())
                thread.join();
    }
    /// After end(): the texts, or what was wrong.
    const std::vector<std::string>& answers(int which) const {
        return m_answers[std::size_t(which)];
    }

  private:
    std::atomic<bool> m_over = false;
    std::array<std::vector<std::string>, kCount> m_answers;
    std::vector<std::thread> m_threads;
};

/// Clients that come all at once, streaming or not, with prompts short and long, and go away all
/// at once, whatever is done for them then.
class Crowd {
  public:
    static constexpr int kClients = 12; // more than there are slots

    Crowd(ServedApi& api, EngineBackend& backend)
        : m_api(api), m_backend(backend), m_client(clientOf(api, "goes")) {}

    void comes() {
        for (int i = 0; i < kClients; ++i) {
            const bool isLong = m_random() % 2 == 0;
            const char* stream = m_random() % 2 == 0 ? "true" : "false";
            m_clients.push_back(m_api.client());
            m_clients.back().send(ServedApi::request(
                "POST", "/v1/completions",
                completion(words(isLong ? 1500 : 20, int(m_random() % 200)),
                           QByteArray(R"("max_tokens":2000,"stream":)") + stream),
                m_client.header));
        }
        QThread::msleep(m_random() % 120);
        for (const auto& request : m_backend.engine().snapshot().requests)
            wentIn[request.phase] += request.client == m_client.name ? 1 : 0;
    }
    /// How long it takes until the engine has nothing of them [ms].
    qint64 goes() {
        std::vector<std::size_t> order(m_clients.size());
        std::iota(order.begin(), order.end(), std::size_t(0));
        std::shuffle(order.begin(), order.end(), m_random);
        for (const std::size_t i : order)
            m_random() % 2 == 0 ? m_clients[i].close() : m_clients[i].reset();
        m_clients.clear();
        QElapsedTimer clock;
        clock.start();
        while (isThere() && clock.elapsed() < 5000)
            QThread::msleep(1);
        return clock.elapsed();
    }

    std::map<engine::RequestPhase, int> wentIn; ///< how many went, by what was done for them

  private:
    bool isThere() const {
        const engine::Snapshot now = m_backend.engine().snapshot();
        return std::any_of(now.requests.begin(), now.requests.end(),
                           [this](const auto& request) { return request.client == m_client.name; });
    }

    ServedApi& m_api;
    EngineBackend& m_backend;
    const Client m_client;
    std::vector<RawClient> m_clients;
    std::mt19937 m_random{7};
};

} // namespace

class TstApiEngine : public QObject {
    Q_OBJECT

  private slots:
    /// Clients that go away while they wait, while their prompt is read and while they are
    /// answered, streams and others: their slots are free at once, and every stream of those that
    /// stay is whole. INGLENOOK_DROPS: how many go (a thousand in api_engine_long).
    void whoGoesAwayHarmsNobody() {
        constexpr qint64 kFreed_ms = 100 + 30 + 20; // and a step with a chunk, and a snapshot
        const int asked = qEnvironmentVariableIntValue("INGLENOOK_DROPS");
        const int waves = ((asked > 0 ? asked : 240) + Crowd::kClients - 1) / Crowd::kClients;
        EngineBackend backend;
        backend.script->stepTime = 5ms;
        backend.script->rowTime = 50us;
        ServedApi api(backend, {}, {});
        LiveStreams live(api);
        Crowd crowd(api, backend);
        int late = 0;
        qint64 worst_ms = 0;
        for (int wave = 0; wave < waves; ++wave) {
            crowd.comes();
            const qint64 freed_ms = crowd.goes();
            late += freed_ms > kFreed_ms ? 1 : 0;
            worst_ms = std::max(worst_ms, freed_ms);
        }
        live.end();
        using engine::RequestPhase;
        qInfo("%d went: %d waiting, %d read, %d answered; free after %lld ms at most, %d of %d "
              "waves late",
              waves * Crowd::kClients, crowd.wentIn[RequestPhase::Queued],
              crowd.wentIn[RequestPhase::Prefill], crowd.wentIn[RequestPhase::Decode], worst_ms,
              late, waves);
        for (const auto phase : {RequestPhase::Queued, RequestPhase::Prefill, RequestPhase::Decode})
            QVERIFY(crowd.wentIn[phase] > 0);
        QVERIFY(late * 20 <= waves); // this machine may be busy with other things
        QVERIFY(worst_ms < 2000);
        for (int which = 0; which < LiveStreams::kCount; ++which) {
            const std::string whole =
                backend.expected(LiveStreams::promptOf(which), LiveStreams::kTokens);
            QVERIFY(!live.answers(which).empty());
            for (const std::string& answer : live.answers(which))
                QCOMPARE(QString::fromStdString(answer), QString::fromStdString(whole));
        }
        QTRY_VERIFY(backend.engine().snapshot().requests.empty());
        QTRY_COMPARE(backend.engine().snapshot().models.front().pagesUsed, 0U);
        QCOMPARE(backend.engine().snapshot().admission.waiting, (std::array<std::uint32_t, 3>{}));
        QVERIFY2(!backend.script->broken, backend.script->complaint.c_str());
    }

    /// The engine's own refusal, as a client sees it.
    void admissionAnswers429() {
        EngineBackend backend;
        engine::AdmissionSettings settings;
        settings.perClient.requestsPerMinute = 6;
        settings.perClient.requestCapacity = 1;
        QVERIFY(backend.engine().setAdmission(settings).ok());
        ServedApi api(backend, {}, {});
        const Client one = clientOf(api, "one");
        const Client two = clientOf(api, "two");
        for (const char* stream : {"false", "true"}) {
            const QByteArray body =
                completion("w1", QByteArray(R"("max_tokens":2,"stream":)") + stream);
            const Client& client = *stream == 'f' ? one : two; // each has one request to spend
            QCOMPARE(api.post("/v1/completions", body, client.header).status, 200);
            const RawResponse refused = api.post("/v1/completions", body, client.header);
            QCOMPARE(refused.status, 429);
            const int wait_s = refused.header("Retry-After").toInt();
            QVERIFY2(wait_s > 5 && wait_s <= 10, refused.head);
            const auto error = refused.json()["error"];
            QCOMPARE(error["code"], "rate_limit_exceeded");
            QCOMPARE(error["type"], "rate_limit_error");
        }
    }

    /// Two keys ask the same: neither finds out what the other one has asked, by no cache.
    void cachesAreTheKeysOwn() {
        Cached cached;
        const QByteArray seeded = R"("seed":7,"temperature":0.7)";
        const auto tokensFromCache = [](const nlohmann::json& usage) {
            return usage["prompt_tokens_details"].value("cached_tokens", 0);
        };
        QVERIFY(!isHit(cached.ask(cached.one, seeded)));
        QVERIFY(isHit(cached.ask(cached.one, seeded)));
        QVERIFY(tokensFromCache(cached.ask(cached.one, seeded + R"(,"cache":false)")) > 0);
        const nlohmann::json stranger = cached.ask(cached.two, seeded);
        QVERIFY(!isHit(stranger));
        QCOMPARE(tokensFromCache(stranger), 0);
        for (const char* changed :
             {R"("seed":8,"temperature":0.7)", R"("seed":7,"temperature":0.8)",
              R"("seed":7,"temperature":0.7,"top_p":0.5)",
              R"("seed":7,"temperature":0.7,"top_k":3)",
              R"("seed":7,"temperature":0.7,"min_p":0.1)", R"("seed":7,"temperature":0.7,"n":2)",
              R"("seed":7,"temperature":0.7,"stop":"z")",
              R"("seed":7,"temperature":0.7,"presence_penalty":1)",
              R"("seed":7,"temperature":0.7,"frequency_penalty":1)",
              R"("seed":7,"temperature":0.7,"repetition_penalty":1.1)",
              R"("seed":7,"temperature":0.7,"logit_bias":{"300":1})"})
            QVERIFY2(!isHit(cached.ask(cached.one, changed)), changed);
    }

    /// An answer that was drawn is given again only to who asks for that, and never where the
    /// person says that none is.
    void drawnAnswersAreGivenAgainWhenAskedFor() {
        Cached cached;
        const QByteArray drawn = R"("temperature":0.7)";
        for (int i = 0; i < 2; ++i)
            QVERIFY(!isHit(cached.ask(cached.one, drawn)));
        const QByteArray again = drawn + R"(,"cache":true)";
        QVERIFY(!isHit(cached.ask(cached.one, again)));
        QVERIFY(isHit(cached.ask(cached.one, again)));
        QVERIFY(!isHit(cached.ask(cached.one, drawn + R"(,"seed":0)"))); // asked for: its own
        QVERIFY(!isHit(cached.ask(cached.two, again)));

        cached.backend.use = app::ResponseUse::Never;
        QVERIFY(!isHit(cached.ask(cached.one, again)));
        QVERIFY(!isHit(cached.ask(cached.one, drawn + R"(,"seed":0)")));
        cached.backend.use = app::ResponseUse::Always;
        QVERIFY(isHit(cached.ask(cached.one, drawn)));
        QVERIFY(!isHit(cached.ask(cached.one, drawn + R"(,"cache":false)")));
    }

  private:
    static bool isHit(const nlohmann::json& usage) { return usage.value("cached", false); }

    /// Two keys on a server with a response cache.
    struct Cached {
        Cached() {
            history.open();
            backend.responses = &responses;
            one = clientOf(api, "one");
            two = clientOf(api, "two");
        }

        /// The usage of the same question, asked with these members.
        nlohmann::json ask(const Client& client, const QByteArray& members) const {
            const RawResponse response =
                api.post("/v1/completions",
                         completion(words(100, 3), R"("max_tokens":5,)" + members), client.header);
            if (response.status != 200)
                QTest::qFail("it was not answered", __FILE__, __LINE__);
            return response.json().value("usage", nlohmann::json::object());
        }

        QTemporaryDir dir;
        app::History history{app::DatabasePaths{
            dir.filePath("history.db"), dir.filePath("cache.db"), dir.filePath("metrics.db")}};
        app::ResponseCache responses{history};
        EngineBackend backend;
        ServedApi api{backend, {}, {}};
        Client one;
        Client two;
    };
};

INGLENOOK_SUITE(api_engine, TstApiEngine)
#include "tst_api_engine.moc"
