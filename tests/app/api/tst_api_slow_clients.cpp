// Slow clients: cut in time, and meanwhile nobody else's trouble. The limits are short, so that the
// test is.
#include "tests/app/api/api_fixture.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <QElapsedTimer>
#include <QtTest/QtTest>

using tests::ApiFixture;
using tests::RawClient;

namespace {

/// The 99th percentile of the latency of a good client [ms].
double goodLatency_ms(const ApiFixture& api, int requests) {
    std::vector<double> latencies;
    for (int i = 0; i < requests; ++i) {
        QElapsedTimer clock;
        clock.start();
        if (api.post("/v1/chat/completions", ApiFixture::chat()).status != 200)
            return 1e9;
        latencies.push_back(double(clock.nsecsElapsed()) / 1e6);
    }
    std::sort(latencies.begin(), latencies.end());
    return latencies[latencies.size() * 99 / 100];
}

} // namespace

class TstApiSlowClients : public QObject {
    Q_OBJECT

  private:
    static app::ApiLimits shortLimits() {
        app::ApiLimits limits;
        limits.headerTime = std::chrono::milliseconds(400);
        limits.bodyTime = std::chrono::milliseconds(400);
        limits.idleTime = std::chrono::milliseconds(400);
        limits.writeTime = std::chrono::milliseconds(400);
        return limits;
    }

  private slots:
    void eachIsCutInTime() {
        ApiFixture api({}, shortLimits());
        QElapsedTimer clock;
        clock.start();
        RawClient silent = api.client();
        RawClient header = api.client();
        RawClient body = api.client();
        RawClient idle = api.client();
        body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "application/json\r\nContent-Length: 1000\r\n\r\n");
        idle.send(ApiFixture::request("GET", "/health"));
        QCOMPARE(idle.receive().status, 200);
        // A byte now and then does not buy time.
        for (int i = 0; i < 12; ++i) {
            header.send("A");
            body.send(" ");
            QThread::msleep(20);
        }
        for (RawClient* client : {&silent, &header, &body, &idle})
            QVERIFY(client->isClosed(1500));
        QVERIFY2(clock.elapsed() < 2000, QByteArray::number(clock.elapsed()));
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(0));
    }

    void aSlowReaderIsEndedAndItsSlotFreed() {
        ApiFixture api({.answer = "many words of an endless answer ", .repeat = true},
                       shortLimits());
        RawClient slow = api.client(4096);
        slow.send(ApiFixture::request("POST", "/v1/chat/completions",
                                      ApiFixture::chat(R"("stream":true)")));
        QVERIFY(slow.waitFor("many"));
        QTRY_COMPARE_WITH_TIMEOUT(api.engine().running(), std::size_t(0), 5000);
        QTRY_COMPARE_WITH_TIMEOUT(api.server().connectionCount(), std::size_t(0), 5000);
    }

    void aCrowdOfThemDoesNotStarveOthers() {
        app::ApiLimits limits; // the real ones
        limits.connections = 700;
        ApiFixture api({.answer = "short"}, limits);
        const double alone_ms = goodLatency_ms(api, 100);
        std::vector<RawClient> crowd;
        for (int i = 0; i < 500; ++i) {
            crowd.push_back(api.client());
            crowd.back().send("GET / HTTP/1.1\r\nX-Slow: ");
        }
        for (int i = 0; i < 100; ++i) {
            crowd.push_back(api.client());
            crowd.back().send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                              "Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n{");
        }
        for (int i = 0; i < 100; ++i) {
            crowd.push_back(api.client(4096));
            crowd.back().send(ApiFixture::request("GET", "/v1/models"));
        }
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(700)); // full
        const double crowded_ms = goodLatency_ms(api, 100);
        qInfo("p99 of a good client: %.2f ms alone, %.2f ms beside 700 slow ones", alone_ms,
              crowded_ms);
        QVERIFY2(crowded_ms <= 2 * alone_ms + 20, QByteArray::number(crowded_ms));
    }

    void pipeliningWithoutBoundIsEnded() {
        ApiFixture api({.answer = "word ", .tokensPerSecond = 50, .repeat = true});
        RawClient client = api.client();
        client.send(ApiFixture::request("POST", "/v1/chat/completions", ApiFixture::chat()));
        QTRY_COMPARE(api.engine().running(), std::size_t(1));
        for (int i = 0; i < 100; ++i)
            client.send(ApiFixture::request("GET", "/health").repeated(20));
        QTRY_COMPARE(api.engine().running(), std::size_t(0));
        QVERIFY(client.isClosed());
    }
};

INGLENOOK_SUITE(api_slow_clients, TstApiSlowClients)
#include "tst_api_slow_clients.moc"
