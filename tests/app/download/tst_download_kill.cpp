// kill -9 at random moments of a transfer: it goes on from what was there, and the file that comes
// of it is the published one.
#include "tests/support/hub_server.h"
#include "tests/support/suite_registry.h"

#include <csignal>
#include <QProcess>
#include <QRandomGenerator>
#include <QtTest/QtTest>

class TstDownloadKill : public QObject {
    Q_OBJECT

  private slots:
    void killedTransfersGoOn() {
        const QString program =
            tests::binaryDir() + QStringLiteral("/tests/app/download/inglenook_download_driver");
        if (!QFile::exists(program))
            QSKIP("inglenook_download_driver is not built");
        const int kills = qEnvironmentVariableIntValue("INGLENOOK_KILLS") > 0
                              ? qEnvironmentVariableIntValue("INGLENOOK_KILLS")
                              : 20;
        QTemporaryDir dir;
        const QByteArray bytes = tests::modelBytes(4'000'000);
        const QString part = dir.filePath(QStringLiteral("model.gguf.part"));
        tests::HubServer server;
        tests::ServedFile& served = server.serve(QStringLiteral("/model.gguf"), bytes);
        QRandomGenerator random(29);
        int done = 0;
        int resumed = 0;
        for (int killed = 0; killed < kills;) {
            const qint64 before = QFileInfo(part).size();
            server.requests.clear();
            served.cutAfter = random.bounded(4) == 0 ? random.bounded(3'000'000) : -1;
            QProcess process;
            process.start(program, {server.url(QStringLiteral("/model.gguf")).toString(),
                                    tests::sha256Of(bytes), QString::number(bytes.size()), part});
            QVERIFY(process.waitForStarted());
            const int after_ms = int(random.bounded(20, 500));
            QTest::qWait(after_ms);
            if (process.state() == QProcess::NotRunning || killed + 1 == kills) {
                served.cutAfter = -1;
                QTRY_COMPARE_WITH_TIMEOUT(process.state(), QProcess::NotRunning, 20'000);
                QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
                QFile file(part);
                QVERIFY(file.open(QIODevice::ReadOnly));
                QVERIFY2(file.readAll() == bytes, "another file than was published");
                QVERIFY(file.remove());
                ++done;
                killed += killed + 1 == kills ? 1 : 0;
                continue;
            }
            ::kill(pid_t(process.processId()), SIGKILL);
            QTRY_COMPARE_WITH_TIMEOUT(process.state(), QProcess::NotRunning, 5'000);
            ++killed;
            // What was there is not fetched again.
            if (before > 0 && !server.requests.isEmpty()) {
                QVERIFY(server.requests.first().from() >= before);
                ++resumed;
            }
        }
        QVERIFY(done >= 1);
        QVERIFY(resumed >= 1);
    }
};

INGLENOOK_SUITE(download_kill, TstDownloadKill)
#include "tst_download_kill.moc"
