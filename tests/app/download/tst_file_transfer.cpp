// One file against a server that misbehaves in every way: the bytes on the disk are those that were
// published, or there is an error, and never a mixture.
#include "app/messages.h"
#include "tests/app/download/transfer_bed.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <QElapsedTimer>
#include <QtTest/QtTest>
#include <sys/mount.h>
#include <unistd.h>

using engine::Code;
using tests::TransferBed;
using tests::TransferEnd;

namespace {

const QString kPath = QStringLiteral("/owner/name/resolve/c0ffee/model.gguf");

} // namespace

class TstFileTransfer : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_bed = std::make_unique<TransferBed>();
        m_bytes = tests::modelBytes(300'000);
        m_served = &m_bed->server.serve(kPath, m_bytes);
    }

    void wholeFileArrives() {
        const TransferEnd end = run();
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(end.sha256, tests::sha256Of(m_bytes));
        QCOMPARE(m_bed->partBytes(), m_bytes);
        QCOMPARE(end.progress.last(), m_bytes.size());
        QCOMPARE(m_bed->server.requests.first().header("accept-encoding"), QByteArray("identity"));
    }

    void cutsAreGoneOnFrom() {
        m_served->cutAfter = 70'000;
        const TransferEnd end = run();
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->partBytes(), m_bytes);
        QVERIFY(m_bed->server.requests.size() >= 4);
        QVERIFY(m_bed->server.requests.last().from() > 0);
        QCOMPARE(m_bed->server.requests.last().header("if-range"), QByteArray("\"one\""));
        QVERIFY(std::is_sorted(end.progress.begin(), end.progress.end())); // never goes back
    }

    void partSurvivesARestart() {
        m_bed->runUntil(published(), 100'000);
        const qint64 before = m_bed->partBytes().size();
        QVERIFY(before >= 100'000 && before < m_bytes.size());
        m_bed->server.requests.clear();
        const TransferEnd end = run();
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->server.requests.first().from(), before);
        QVERIFY(end.states.contains(app::JobState::Checking));
    }

    void completePartNeedsNoNetwork() {
        QVERIFY(run().isFinished);
        m_bed->server.requests.clear();
        QVERIFY(run().isFinished);
        QVERIFY(m_bed->server.requests.isEmpty());
    }

    /// HF hub #3778: 200 appended to what was there.
    void wholeFileForARangeStartsAnew() {
        m_bed->runUntil(published(), 60'000);
        m_served->ignoresRange = true;
        expectRight();
    }

    /// httrack#428.
    void rangeFromEarlierIsNotTaken() {
        m_bed->runUntil(published(), 60'000);
        m_served->shift = 100;
        expectRight();
    }

    void wrongTotalOfARangeIsNotTaken() {
        m_bed->runUntil(published(), 60'000);
        m_served->wrongTotal = 1'000'000;
        expectRight();
    }

    void changedEtagStartsAnew() {
        m_bed->runUntil(published(), 60'000);
        m_served->etag = "\"two\"";
        expectRight();
        QCOMPARE(m_bed->server.requests.last().header("if-range"), QByteArray("\"one\""));
    }

    void changedEtagInARangeStartsAnew() {
        m_bed->runUntil(published(), 60'000);
        m_served->etag = "\"two\"";
        m_served->ignoresIfRange = true;
        expectRight();
    }

    /// The commit has changed: other content under the same name.
    void changedContentIsNeverMixed() {
        m_bed->runUntil(published(), 60'000);
        const QByteArray other = tests::modelBytes(280'000, 7);
        m_served->bytes = other;
        m_served->etag = "\"two\"";
        const TransferEnd end = m_bed->run(m_bed->published(kPath, other));
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->partBytes(), other);
    }

    void withoutChecksumOnlyAStrongEtagContinues() {
        app::RemoteFile file{QStringLiteral("model.gguf"), -1, {}, {}, m_bed->server.url(kPath)};
        m_served->etag = "W/\"weak\"";
        m_bed->runUntil(file, 60'000);
        m_bed->server.requests.clear();
        const TransferEnd end = m_bed->run(file);
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->server.requests.first().from(), 0);
        QCOMPARE(m_bed->partBytes(), m_bytes);
    }

    void wrongHashIsThrownAway() {
        m_served->bytes = tests::modelBytes(300'000, 99);
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), Code::DownloadWrongHash);
        QVERIFY(!QFile::exists(m_bed->part()));
    }

    void damagedPartIsFetchedAnew() {
        m_bed->runUntil(published(), 60'000);
        QByteArray damaged = m_bed->partBytes();
        damaged[5000] = char(damaged[5000] ^ 1);
        m_bed->writePart(damaged);
        expectRight();
    }

    void wrongLengthIsRefused_data() {
        QTest::addColumn<qint64>("length");
        QTest::newRow("shorter") << qint64(100'000);
        QTest::newRow("longer") << qint64(400'000);
    }
    void wrongLengthIsRefused() {
        QFETCH(const qint64, length);
        m_served->wrongLength = length;
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), Code::DownloadWrongSize);
    }

    void moreThanPublishedIsRefused() {
        m_served->hidesLength = true;
        m_served->wrongLength = 400'000;
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), Code::DownloadWrongSize);
        QVERIFY(!QFile::exists(m_bed->part()));
    }

    void unknownLengthWithoutChecksumIsRefused() {
        m_served->hidesLength = true;
        const TransferEnd end =
            m_bed->run({QStringLiteral("model.gguf"), -1, {}, {}, m_bed->server.url(kPath)});
        QCOMPARE(end.status.code(), Code::DownloadUnusable);
    }

    void packedBytesAreRefused() {
        m_served->encoding = "gzip";
        QCOMPARE(run().status.code(), Code::DownloadUnusable);
    }

    void webPageIsNoModel_data() {
        QTest::addColumn<QByteArray>("type");
        QTest::newRow("says so") << QByteArray("text/html; charset=utf-8");
        QTest::newRow("says otherwise") << QByteArray("application/octet-stream");
    }
    void webPageIsNoModel() {
        QFETCH(const QByteArray, type);
        const QByteArray page =
            QByteArray("<!DOCTYPE html><title>Sign in</title>").leftJustified(300'000, ' ');
        m_served->bytes = page;
        m_served->type = type;
        app::RemoteFile file = published();
        file.checksumKind = app::ChecksumKind::None;
        file.checksum.clear();
        QCOMPARE(m_bed->run(file).status.code(), Code::DownloadNotAFile);
        QVERIFY(!QFile::exists(m_bed->part()) || m_bed->partBytes().isEmpty());
    }

    void refusalsAreSentences_data() {
        QTest::addColumn<int>("status");
        QTest::addColumn<Code>("code");
        QTest::addColumn<bool>("isTriedAgain");
        QTest::newRow("401") << 401 << Code::DownloadDenied << false;
        QTest::newRow("403") << 403 << Code::DownloadDenied << false;
        QTest::newRow("404") << 404 << Code::DownloadNotFound << false;
        QTest::newRow("410") << 410 << Code::DownloadNotFound << false;
        QTest::newRow("429") << 429 << Code::DownloadBusy << true;
        QTest::newRow("500") << 500 << Code::DownloadServerFailed << true;
        QTest::newRow("503") << 503 << Code::DownloadBusy << true;
        QTest::newRow("418") << 418 << Code::DownloadServerFailed << false;
    }
    void refusalsAreSentences() {
        QFETCH(const int, status);
        QFETCH(const Code, code);
        QFETCH(const bool, isTriedAgain);
        m_served->status = status;
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), code);
        QCOMPARE(m_bed->server.requests.size() > 1, isTriedAgain);
        const QString text = app::sentence(end.status);
        QVERIFY2(!text.contains(QLatin1Char('{')), qPrintable(text));
    }

    void passingFaultsAreTriedAgain_data() {
        QTest::addColumn<int>("status");
        for (const int status : {408, 429, 500, 502, 503})
            QTest::addRow("%d", status) << status;
    }
    void passingFaultsAreTriedAgain() {
        QFETCH(const int, status);
        m_served->status = status;
        m_served->statusTimes = 2;
        expectRight();
    }

    void retryAfterIsKept() {
        m_served->status = 429;
        m_served->statusTimes = 1;
        m_served->retryAfter = "1";
        QElapsedTimer clock;
        clock.start();
        expectRight();
        QVERIFY2(clock.elapsed() >= 1000, qPrintable(QString::number(clock.elapsed())));
    }

    void endlessRetryAfterIsAnAnswer() {
        m_served->status = 429;
        m_served->retryAfter = "86400";
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), Code::DownloadBusy);
        QCOMPARE(m_bed->server.requests.size(), 1);
        QVERIFY(app::sentence(end.status).contains(QStringLiteral("86400")));
    }

    void silentServerIsLeft() {
        m_served->isSilent = true;
        QCOMPARE(run().status.code(), Code::DownloadUnreachable);
    }

    /// A byte now and then is no transfer, however long it goes on.
    void slowLorisIsLeft() {
        m_served->drip_ms = 20;
        const TransferEnd end = run();
        QCOMPARE(end.status.code(), Code::DownloadInterrupted);
        QVERIFY(!m_bed->partBytes().isEmpty()); // what came is kept
    }

    void slowHeadIsLeft() {
        m_bed->server.on(kPath, [](const tests::HubRequest&, QTcpSocket& socket) {
            auto* timer = new QTimer(&socket);
            connect(timer, &QTimer::timeout, &socket, [&socket] { socket.write("H"); });
            socket.write("HTTP/1.1 200 OK\r\nX: ");
            timer->start(50);
        });
        QCOMPARE(run().status.code(), Code::DownloadUnreachable);
    }

    void nobodyThere() {
        app::RemoteFile file = published();
        file.url.setPort(1);
        QCOMPARE(m_bed->run(file).status.code(), Code::DownloadUnreachable);
    }

    void garbageInsteadOfHttp() {
        m_bed->server.on(kPath, [](const tests::HubRequest&, QTcpSocket& socket) {
            socket.write("GGUF not http at all\n\n");
            socket.disconnectFromHost();
        });
        QVERIFY(!run().isFinished);
    }

    void redirectsAreFollowed() {
        m_bed->server.redirect(QStringLiteral("/start"), kPath.toLatin1());
        const TransferEnd end =
            m_bed->run(m_bed->published(QStringLiteral("/start"), m_bytes), TransferBed::limits());
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
    }

    void redirectLoopEnds() {
        m_bed->server.redirect(QStringLiteral("/a"), "/b");
        m_bed->server.redirect(QStringLiteral("/b"), "/a");
        const TransferEnd end = m_bed->run(m_bed->published(QStringLiteral("/a"), m_bytes));
        QCOMPARE(end.status.code(), Code::DownloadUnusable);
        QVERIFY(m_bed->server.requests.size() <= 12);
    }

    void redirectsOffTheWebAreRefused_data() {
        QTest::addColumn<QByteArray>("to");
        QTest::newRow("file") << QByteArray("file:///etc/passwd");
        QTest::newRow("ftp") << QByteArray("ftp://127.0.0.1/x");
        QTest::newRow("data") << QByteArray("data:text/plain,x");
        QTest::newRow("empty host") << QByteArray("http:///x");
    }
    void redirectsOffTheWebAreRefused() {
        QFETCH(const QByteArray, to);
        m_bed->server.redirect(QStringLiteral("/start"), to);
        QCOMPARE(m_bed->run(m_bed->published(QStringLiteral("/start"), m_bytes)).status.code(),
                 Code::DownloadUnusable);
    }

    void localHostsAreKnown() {
        for (const char* host : {"localhost", "a.localhost", "127.0.0.1", "127.8.9.1", "::1",
                                 "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254",
                                 "fe80::1", "fd00::1", "0.0.0.0", "::ffff:127.0.0.1"})
            QVERIFY2(app::isLocalHost(QString::fromLatin1(host)), host);
        for (const char* host : {"huggingface.co", "8.8.8.8", "2001:4860:4860::8888"})
            QVERIFY2(!app::isLocalHost(QString::fromLatin1(host)), host);
    }

    /// The token is for the hub, not for the host that keeps the bytes.
    void tokenStaysWithItsHost() {
        tests::HubServer cdn;
        cdn.serve(QStringLiteral("/blob"), m_bytes);
        m_bed->server.redirect(QStringLiteral("/start"),
                               cdn.url(QStringLiteral("/blob?signature=1")).toEncoded());
        const TransferEnd end = m_bed->run(m_bed->published(QStringLiteral("/start"), m_bytes),
                                           TransferBed::limits(), "hf_canary");
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->server.requests.first().header("authorization"),
                 QByteArray("Bearer hf_canary"));
        QVERIFY(!cdn.requests.first().headers.contains("authorization"));
        QFile note(m_bed->part() + QStringLiteral(".json"));
        QVERIFY(note.open(QIODevice::ReadOnly));
        QVERIFY(!note.readAll().contains("hf_canary"));
    }

    void throttleHolds() {
        m_bed->throttle.setLimit(400'000);
        QElapsedTimer clock;
        clock.start();
        expectRight();
        QVERIFY2(clock.elapsed() >= 400, qPrintable(QString::number(clock.elapsed())));
    }

    void noRoomIsSaidBeforeTheFirstByte() {
        app::TransferLimits limits = TransferBed::limits();
        limits.spare_bytes = qint64(1) << 60;
        const TransferEnd end = m_bed->run(published(), limits);
        QCOMPARE(end.status.code(), Code::DownloadNoRoom);
        QVERIFY(m_bed->server.requests.isEmpty());
    }

    void fullDiskKeepsThePart() {
        if (geteuid() != 0)
            QSKIP("mounting a tmpfs of 1 MiB needs root");
        QTemporaryDir dir;
        if (::mount("inglenook", dir.path().toLocal8Bit().constData(), "tmpfs", 0, "size=1m") != 0)
            QSKIP("no tmpfs here");
        const QString path = dir.filePath(QStringLiteral("a.part"));
        {
            app::PartFile part(path);
            QVERIFY(part.open({QStringLiteral("ab"), {}, {}, 4'000'000}).ok());
            engine::Status status;
            while (status.ok())
                status = part.append(QByteArray(100'000, 'x'));
            QCOMPARE(status.code(), Code::DownloadNoRoom);
            QCOMPARE(QFileInfo(path).size(), part.length()); // nothing half
            QVERIFY(part.length() > 0);
        }
        ::umount(dir.path().toLocal8Bit().constData());
    }

    void linkIsNotFollowed() {
        QTemporaryDir elsewhere;
        const QString victim = elsewhere.filePath(QStringLiteral("victim"));
        QFile file(victim);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("precious") > 0);
        file.close();
        QVERIFY(QFile::link(victim, m_bed->part()));
        QCOMPARE(run().status.code(), Code::FileCannotWrite);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), QByteArray("precious"));
    }

    void emptyFileIsAFile() {
        m_served->bytes.clear();
        app::RemoteFile file = m_bed->published(kPath, {});
        file.path = QStringLiteral("empty.txt");
        QVERIFY(m_bed->run(file).isFinished);
    }

    void filesOfGitAreCheckedToo() {
        const QByteArray text = "{\"model_type\": \"qwen2\"}";
        m_served->bytes = text;
        QByteArray object = "blob " + QByteArray::number(text.size());
        object.append('\0');
        app::RemoteFile file = m_bed->published(kPath, text);
        file.path = QStringLiteral("config.json");
        file.checksumKind = app::ChecksumKind::GitBlob;
        file.checksum = QString::fromLatin1(
            QCryptographicHash::hash(object + text, QCryptographicHash::Sha1).toHex());
        QVERIFY(m_bed->run(file).isFinished);
        m_served->bytes = QByteArray(text).replace("qwen2", "qwen3");
        QFile::remove(m_bed->part());
        QCOMPARE(m_bed->run(file).status.code(), Code::DownloadWrongHash);
    }

  private:
    app::RemoteFile published() const { return m_bed->published(kPath, m_bytes); }
    TransferEnd run() { return m_bed->run(published()); }
    void expectRight() {
        const TransferEnd end = run();
        QVERIFY2(end.isFinished, end.status.sentence().c_str());
        QCOMPARE(m_bed->partBytes() == m_bytes, true);
    }

    std::unique_ptr<TransferBed> m_bed;
    QByteArray m_bytes;
    tests::ServedFile* m_served = nullptr;
};

INGLENOOK_SUITE(file_transfer, TstFileTransfer)
#include "tst_file_transfer.moc"
