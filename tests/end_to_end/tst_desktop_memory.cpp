// What the desktop costs while it does nothing: the built program, its window shown, no model.
#include "tests/support/suite_registry.h"

#include <QProcess>
#include <QtTest/QtTest>

namespace {

constexpr double kMost_mb = 150;

/// Bytes of a process that lie in memory, of /proc/PID/status [MB]; 0 = it has gone.
double residentMb(qint64 process) {
    QFile status(QStringLiteral("/proc/%1/status").arg(process));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    for (const QByteArray& line : status.readAll().split('\n'))
        if (line.startsWith("VmRSS:"))
            return line.mid(6).simplified().split(' ').first().toDouble() / 1000;
    return 0;
}

} // namespace

class TstDesktopMemory : public QObject {
    Q_OBJECT

  private slots:
    void withoutAModel() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        QSKIP("a sanitizer's shadow is not the program's memory");
#endif
        QTemporaryDir dir;
        QFile settings(dir.filePath(QStringLiteral("settings.json")));
        QVERIFY(settings.open(QIODevice::WriteOnly));
        settings.write("{\"autoload_model\": false}");
        settings.close();
        QProcess program;
        program.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        program.start(QStringLiteral(INGLENOOK_PROGRAM),
                      {QStringLiteral("--data-dir"), dir.path()});
        QVERIFY(program.waitForStarted());
        // Up to the time when window, history and telemetry have settled: the highest of them.
        QElapsedTimer clock;
        clock.start();
        double most_mb = 0;
        while (clock.elapsed() < 4000) {
            QTest::qWait(100);
            most_mb = std::max(most_mb, residentMb(program.processId()));
        }
        QCOMPARE(program.state(), QProcess::Running);
        const double settled_mb = residentMb(program.processId());
        program.terminate();
        program.waitForFinished();
        qInfo("desktop without a model: %.1f MB resident, at most %.1f MB", settled_mb, most_mb);
        QVERIFY2(most_mb > 0 && most_mb < kMost_mb, qPrintable(QString::number(most_mb)));
    }
};

INGLENOOK_SUITE(desktop_memory, TstDesktopMemory)
#include "tst_desktop_memory.moc"
