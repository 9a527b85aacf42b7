#include "tests/support/suite_registry.h"
#include "tests/ui/transcript_samples.h"
#include "ui/chat/transcript.h"

#include <fcntl.h>
#include <QDir>
#include <QElapsedTimer>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest/QtTest>
#include <unistd.h>

namespace {

constexpr const char* kBegin = "/inglenook-hostile-begin";
constexpr const char* kEnd = "/inglenook-hostile-end";

/// Leaves a line in a system call trace; the file does not exist.
void mark(const char* path) {
    const int fd = ::open(path, O_RDONLY);
    if (fd >= 0)
        ::close(fd);
}

/// Text layout may open a font for a script it meets first.
bool isFont(const QString& call) {
    return call.contains(QStringLiteral("/fonts/")) || call.contains(QStringLiteral("fontconfig"));
}

} // namespace

class TstTranscriptHostile : public QObject {
    Q_OBJECT

  private slots:
    /// Each sample is shown, streamed and pointed at; nothing may take long.
    void renders() {
        const QStringList samples = tests::hostileMarkdown();
        QVERIFY(samples.size() >= 200);
        ui::Transcript view;
        view.resize(900, 700);
        view.show();
        view.setMessages({tests::message("w", ui::MessageRole::Assistant, tests::richMarkdown(1))});
        view.grab();
        QSignalSpy links(&view, &ui::Transcript::linkActivated);
        qint64 slowest = 0;
        mark(kBegin);
        for (const QString& sample : samples) {
            QElapsedTimer clock;
            clock.start();
            view.setMessages({tests::message("h", ui::MessageRole::User, sample),
                              tests::message("a", ui::MessageRole::Assistant, sample)});
            view.grab();
            slowest = std::max(slowest, clock.elapsed());
            for (int y = 40; y < 700; y += 60)
                QTest::mouseMove(view.viewport(), QPoint(120, y));
            ui::TranscriptMessage running = tests::message("r", ui::MessageRole::Assistant, {});
            running.running = true;
            view.setMessages({running});
            for (qsizetype at = 0; at < sample.size(); at += 1 + sample.size() / 8) {
                clock.restart();
                view.appendText("r", sample.mid(at, 1 + sample.size() / 8), at == 0);
                view.grab();
                slowest = std::max(slowest, clock.elapsed());
            }
            QCoreApplication::processEvents();
            view.selectAll();
            view.selectedMarkdown();
            view.accessibleText(0);
        }
        mark(kEnd);
        qInfo("slowest step: %lld ms", slowest);
        QVERIFY2(slowest < 1000, "a sample held the window up");
        QCOMPARE(links.size(), 0);
    }

    /// One line of a megabyte, at once and as it streams.
    void takesAMegabyteOnOneLine() {
        const QString text = QStringLiteral("word ").repeated(200'000);
        ui::Transcript view;
        view.resize(900, 700);
        view.show();
        view.setMessages({tests::message("w", ui::MessageRole::Assistant, tests::richMarkdown(1))});
        view.grab();
        QElapsedTimer clock;
        clock.start();
        view.setMessages({tests::message("a", ui::MessageRole::Assistant, text)});
        qInfo("opened in %lld ms", clock.elapsed());
        QVERIFY(clock.elapsed() < 250);
        view.appendText("a", text.left(1000));
        clock.restart();
        QTest::qWait(40);
        QVERIFY(view.messageMarkdown(0).size() == text.size() + 1000);
    }

    void opensNoFileAndNoSocket() {
        const QString strace = QStandardPaths::findExecutable("strace");
        if (strace.isEmpty())
            QSKIP("strace is not installed.");
        QTemporaryDir folder;
        const QString trace = folder.filePath("trace");
        QProcess process;
        process.start(strace, {"-f", "-qq", "-o", trace, "-e",
                               "trace=open,openat,openat2,creat,socket,connect,execve,sendto",
                               QCoreApplication::applicationFilePath(), "--suite",
                               "transcript_hostile", "renders"});
        QVERIFY(process.waitForStarted());
        QVERIFY(process.waitForFinished(240'000));
        QFile file(trace);
        if (!file.open(QIODevice::ReadOnly) || file.size() == 0)
            QSKIP("This machine does not allow tracing.");
        QCOMPARE(process.exitCode(), 0);
        bool inside = false;
        bool ended = false;
        QStringList breaches;
        while (!file.atEnd()) {
            const QString line = QString::fromUtf8(file.readLine()).trimmed();
            ended |= line.contains(QLatin1String(kEnd));
            if (inside && !ended && line.contains(u'(') && !isFont(line))
                breaches += line;
            inside |= line.contains(QLatin1String(kBegin));
        }
        QVERIFY(inside && ended);
        QVERIFY2(breaches.isEmpty(), qPrintable(breaches.mid(0, 5).join(u'\n')));
    }
};

INGLENOOK_SUITE(transcript_hostile, TstTranscriptHostile)
#include "tst_transcript_hostile.moc"
