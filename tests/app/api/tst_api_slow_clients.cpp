// Slow clients, and those that send without end: cut in time, and meanwhile nobody else's trouble.
// The limits are short, so that the test is.
#include "tests/app/api/api_fixture.h"
#include "tests/support/resident_memory.h"
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
        const QByteArray body = ApiFixture::chat(R"("max_tokens":3)");
        if (api.post("/v1/chat/completions", body).status != 200)
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

    /// A fast answer to somebody who reads nothing of it: what is kept stays bounded, and the
    /// answer ends long before its client is cut.
    void whatNobodyReadsIsBounded() {
        ApiFixture api({.answer = "many words of an endless answer ",
                        .tokensPerSecond = 5000, // the server can keep up
                        .repeat = true});
        QCOMPARE(api.get("/health").status, 200);
        const double before_mib = tests::residentMib();
        RawClient slow = api.client(4096);
        slow.send(ApiFixture::request("POST", "/v1/chat/completions",
                                      ApiFixture::chat(R"("stream":true)")));
        QVERIFY(slow.waitFor("many"));
        QTRY_COMPARE_WITH_TIMEOUT(api.engine().running(), std::size_t(0), 5000);
        const double grown_mib = tests::residentMib() - before_mib;
        QVERIFY2(grown_mib <= 8, QByteArray::number(grown_mib));
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
        for (int i = 0; i < 100; ++i) { // connected, and then nothing
            crowd.push_back(api.client(4096));
            crowd.back().send(ApiFixture::request("GET", "/v1/models"));
        }
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(700)); // full
        const double crowded_ms = goodLatency_ms(api, 100);
        qInfo("p99 of a good client: %.2f ms alone, %.2f ms beside 700 slow ones", alone_ms,
              crowded_ms);
        QVERIFY2(crowded_ms <= 2 * alone_ms + 20, QByteArray::number(crowded_ms));
    }

    /// A hundred clients that begin a stream without end and do not read it: nobody waits for one
    /// of them, and in the end all of them are cut.
    void slowReadersHoldNobodyUp() {
        constexpr int kReaders = 100;
        app::ApiLimits limits;
        limits.writeTime = std::chrono::milliseconds(1000);
        limits.unsent_bytes = 32 << 10;
        ApiFixture api({.answer = "twelve bytes", .tokensPerSecond = 250, .repeat = true}, limits);
        const double alone_ms = goodLatency_ms(api, 50);
        std::vector<RawClient> readers;
        for (int i = 0; i < kReaders; ++i) {
            readers.push_back(api.client(4096));
            readers.back().send(ApiFixture::request("POST", "/v1/chat/completions",
                                                    ApiFixture::chat(R"("stream":true)")));
        }
        QTRY_COMPARE(api.engine().running(), std::size_t(kReaders));
        const double crowded_ms = goodLatency_ms(api, 50);
        qInfo("p99 of a good client: %.2f ms alone, %.2f ms beside %d slow readers", alone_ms,
              crowded_ms, kReaders);
        // This machine also makes 25,000 tokens a second for them, perhaps beside other tests: a
        // good client may be slower for that. Who waited for a reader would wait until it is cut.
        const double halfACut_ms = double(limits.writeTime.count()) / 2;
        QVERIFY2(crowded_ms <= 2 * alone_ms + halfACut_ms, QByteArray::number(crowded_ms));
        QTRY_COMPARE_WITH_TIMEOUT(api.engine().running(), std::size_t(0), 30'000);
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(0));
    }

    /// More connections than there may be: all of them busy, a new one is turned away; as soon as
    /// one is idle it makes room.
    void aFullServerTakesTheIdlestOnesPlace() {
        app::ApiLimits limits;
        limits.connections = 3;
        ApiFixture api({.answer = "word ", .tokensPerSecond = 100, .repeat = true}, limits);
        std::vector<RawClient> busy;
        for (int i = 0; i < 3; ++i) {
            busy.push_back(api.client());
            busy.back().send(ApiFixture::request("POST", "/v1/chat/completions",
                                                 ApiFixture::chat(R"("stream":true)")));
            QVERIFY(busy.back().waitFor("word"));
        }
        RawClient late = api.client();
        late.send(ApiFixture::request("GET", "/health"));
        QCOMPARE(late.receive().status, 0);
        QCOMPARE(api.engine().running(), std::size_t(3)); // nobody was cut for it
        busy.pop_back();
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(2));
        RawClient idle = api.client();
        idle.send(ApiFixture::request("GET", "/health"));
        QCOMPARE(idle.receive().status, 200);
        RawClient next = api.client(); // takes the place of the idle one
        next.send(ApiFixture::request("GET", "/health"));
        QCOMPARE(next.receive().status, 200);
        QVERIFY(idle.isClosed());
    }

    /// A hundred thousand headers, a line of a gigabyte: refused where they exceed the limit, and
    /// nothing of what follows is kept.
    void endlessHeadsTakeNoMemory() {
        ApiFixture api;
        QCOMPARE(api.get("/health").status, 200);
        for (const QByteArray& piece :
             {QByteArray("A: b\r\n").repeated(100'000), QByteArray(1 << 20, 'a')}) {
            const double before_mib = tests::residentMib();
            RawClient client = api.client();
            client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX: ");
            qint64 sent = 0;
            while (sent < (1LL << 30) && client.send(piece)) {
                sent += piece.size();
                const double grown_mib = tests::residentMib() - before_mib;
                QVERIFY2(grown_mib <= 16, QByteArray::number(grown_mib));
            }
            QVERIFY(client.isClosed());
            QCOMPARE(api.get("/health").status, 200);
        }
        QTRY_COMPARE(api.server().connectionCount(), std::size_t(0));
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
