// Heads that two readers could understand in two ways are refused; plain ones are read.
#include "app/api/http_head.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstHttpHead : public QObject {
    Q_OBJECT

  private slots:
    void readsAPlainHead() {
        const std::string bytes = "POST /v1/%63hat?x=1 HTTP/1.1\r\nHost: localhost:8484\r\n"
                                  "Content-Length: 12\r\nAccept:  a, b \r\n\r\n";
        QCOMPARE(app::findHeadEnd(bytes, 0), bytes.size());
        const auto read = app::readHead(bytes, {});
        const auto* head = std::get_if<app::HttpHead>(&read);
        QVERIFY(head != nullptr);
        QCOMPARE(head->method, std::string("POST"));
        QCOMPARE(head->path, std::string("/v1/chat"));
        QCOMPARE(*head->header("accept"), std::string("a, b"));
        QCOMPARE(head->contentLength, std::optional<std::uint64_t>(12));
        QVERIFY(head->keepAlive);
    }

    void refuses_data() {
        QTest::addColumn<QByteArray>("head");
        QTest::addColumn<int>("status");
        const auto row = [](const char* name, const QByteArray& head, int status = 400) {
            QTest::newRow(name) << head << status;
        };
        const QByteArray start = "GET / HTTP/1.1\r\nHost: a\r\n";
        row("bare LF", "GET / HTTP/1.1\nHost: a\n\n");
        row("bare LF in one line", start + "A: b\nC: d\r\n\r\n");
        row("bare CR", start + "A: b\rC: d\r\n\r\n");
        row("NUL", start + QByteArray("A: b\0c\r\n\r\n", 11));
        row("folded", start + "A: b\r\n c\r\n\r\n");
        row("folded with a tab", start + "A: b\r\n\tc\r\n\r\n");
        row("space before the colon", start + "Content-Length : 5\r\n\r\n");
        row("no colon", start + "Content-Length\r\n\r\n");
        row("empty name", start + ": b\r\n\r\n");
        row("length twice", start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
        row("length list", start + "Content-Length: 5, 5\r\n\r\n");
        row("length signed", start + "Content-Length: +5\r\n\r\n");
        row("length in hex", start + "Content-Length: 0x5\r\n\r\n");
        row("length that wraps", start + "Content-Length: 99999999999999999999\r\n\r\n");
        row("length and chunks", start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
        row("chunked and more", start + "Transfer-Encoding: gzip, chunked\r\n\r\n");
        row("identity", start + "Transfer-Encoding: identity\r\n\r\n");
        row("chunked twice",
            start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
        row("vertical tab", start + "Transfer-Encoding:\vchunked\r\n\r\n");
        row("chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        row("host twice", start + "Host: b\r\n\r\n");
        row("no host", "GET / HTTP/1.1\r\n\r\n");
        row("key twice", start + "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n");
        row("origin twice", start + "Origin: a\r\nOrigin: b\r\n\r\n");
        row("escaped CR LF", "GET /a%0D%0AHost:%20b HTTP/1.1\r\nHost: a\r\n\r\n");
        row("escaped NUL", "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n");
        row("escaped slash", "GET /v1%2Fmodels HTTP/1.1\r\nHost: a\r\n\r\n");
        row("escaped twice", "GET /%2525 HTTP/1.1\r\nHost: a\r\n\r\n");
        row("half an escape", "GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n");
        row("absolute target", "GET http://b/v1/models HTTP/1.1\r\nHost: a\r\n\r\n");
        row("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
        row("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
        row("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
        row("no version", "GET /\r\nHost: a\r\n\r\n");
        row("version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
        row("version lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 505);
        row("method with a colon", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n");
        row("long target", "GET /" + QByteArray(4000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n");
        row("many headers", start + QByteArray("A: b\r\n").repeated(200) + "\r\n", 431);
        row("expect", start + "Expect: tea\r\n\r\n", 417);
        row("empty", "\r\n");
    }

    void refuses() {
        QFETCH(QByteArray, head);
        QFETCH(int, status);
        const auto read = app::readHead({head.constData(), std::size_t(head.size())}, {});
        const auto* fault = std::get_if<app::HttpFault>(&read);
        QVERIFY2(fault != nullptr, "it was read");
        QCOMPARE(fault->status, status);
        QVERIFY(!fault->message.empty());
    }

    void findsTheEndHoweverItIsCut() {
        const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        const std::size_t end = bytes.size() - 4;
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            const std::size_t first = app::findHeadEnd(std::string_view(bytes).substr(0, cut), 0);
            QCOMPARE(first, cut < end ? std::string::npos : end);
            if (first == std::string::npos)
                QCOMPARE(app::findHeadEnd(bytes, cut > 2 ? cut - 2 : 0), end);
        }
        QVERIFY(app::findHeadEnd("GET / HTTP/1.1\nHost: a\n\n", 0) != std::string::npos);
    }

    void namesHosts() {
        const auto is = [](const char* header, const char* name) {
            return app::hostName(header) == std::optional<std::string>(name);
        };
        QVERIFY(is("localhost", "localhost"));
        QVERIFY(is("LocalHost:8484", "localhost"));
        QVERIFY(is("[::1]:80", "::1"));
        for (const char* bad : {"", ":80", "a:", "a:b", "a:123456", "[::1", "[::1]x", "a:80:90"})
            QVERIFY2(!app::hostName(bad), bad);
    }
};

INGLENOOK_SUITE(http_head, TstHttpHead)
#include "tst_http_head.moc"
