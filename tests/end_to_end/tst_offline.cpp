// The program in a network namespace of its own, with a loopback and nothing else: it works, and
// the kernel's counters, which begin at zero there, say that it never tried to reach anybody.
#include "app/history/database_file.h"
#include "tests/support/program.h"
#include "tests/support/suite_registry.h"

#include <optional>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QtTest/QtTest>
#include <SQLiteCpp/Statement.h>

namespace {

constexpr int kPatience_ms = 60'000;

/// What the network of one namespace has seen.
struct Traffic {
    bool isKnown = false;
    qint64 attempts = 0; ///< connections, datagrams, packets for which there was no way
    QStringList sockets; ///< those that are open: /proc/net/tcp, udp, raw, for 4 and for 6
    QByteArray report;
};

/// Prints the counters and the sockets of the namespace that it runs in.
const char* const kReport =
    "echo; echo ==network==; cat /proc/net/snmp /proc/net/snmp6; "
    "for t in tcp tcp6 udp udp6 raw raw6 udplite icmp; do "
    "[ -r /proc/net/$t ] && sed \"1d;s/^/socket $t /\" /proc/net/$t; done; echo ==end==";

/// The figure of "Ip: ... OutNoRoutes ..." over "Ip: ... 0 ...".
qint64 counter(const QList<QByteArray>& lines, const QByteArray& group, const QByteArray& name) {
    for (int i = 0; i + 1 < lines.size(); ++i) {
        const QList<QByteArray> names = lines[i].simplified().split(' ');
        const QList<QByteArray> figures = lines[i + 1].simplified().split(' ');
        if (names.first() == group + ':' && figures.first() == names.first())
            return figures.value(names.indexOf(name)).toLongLong();
    }
    return -1;
}

Traffic trafficOf(const QByteArray& out) {
    Traffic traffic;
    const qsizetype begin = out.indexOf("==network==");
    if (begin < 0 || out.indexOf("==end==", begin) < 0)
        return traffic;
    traffic.report = out.mid(begin);
    const QList<QByteArray> lines = traffic.report.split('\n');
    for (const auto& [group, name] :
         {std::pair("Ip", "OutNoRoutes"), std::pair("Tcp", "ActiveOpens"),
          std::pair("Udp", "OutDatagrams"), std::pair("Icmp", "OutMsgs")}) {
        const qint64 figure = counter(lines, group, name);
        if (figure < 0)
            return traffic;
        traffic.attempts += figure;
    }
    for (const QByteArray& line : lines) {
        const QList<QByteArray> words = line.simplified().split(' ');
        if (words.first() == "Ip6OutNoRoutes" || words.first() == "Udp6OutDatagrams")
            traffic.attempts += words.value(1).toLongLong();
        if (words.first() == "socket")
            traffic.sockets.append(QString::fromLatin1(line.simplified()));
    }
    traffic.isKnown = true;
    return traffic;
}

/// `script` in a namespace of its own; "$@" are the arguments.
void startAlone(QProcess& process, const QString& script, const QStringList& arguments) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral("unshare"),
                  QStringList{QStringLiteral("-rn"), QStringLiteral("sh"), QStringLiteral("-c"),
                              QStringLiteral("ip link set lo up 2>/dev/null; ") + script,
                              QStringLiteral("sh")} +
                      arguments);
}

/// Runs a command there to its end, then reports.
QByteArray runAlone(const QStringList& command) {
    QProcess process;
    startAlone(process, QStringLiteral("\"$@\"; echo \"ended $?\";") + QLatin1String(kReport),
               command);
    process.closeWriteChannel();
    if (!process.waitForFinished(kPatience_ms))
        process.kill();
    process.waitForFinished();
    return process.readAllStandardOutput();
}

/// Answers that are complete, in a history that somebody else has open.
int answersIn(const QString& file) {
    try {
        SQLite::Database history(file.toStdString(), SQLite::OPEN_READONLY);
        SQLite::Statement count(history, "SELECT count(*) FROM messages WHERE role = 2 AND "
                                         "state = 0 AND text <> ''");
        return count.executeStep() ? count.getColumn(0).getInt() : 0;
    } catch (const std::exception&) {
        return 0; // not there yet
    }
}

} // namespace

class TstOffline : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        if (QStandardPaths::findExecutable(QStringLiteral("unshare")).isEmpty())
            QSKIP("The program unshare is not here.");
        if (!runAlone({QStringLiteral("true")}).contains("ended 0"))
            QSKIP("This machine does not let its users make network namespaces.");
    }

    /// The measure: an attempt shows.
    void attemptsAreCounted() {
        const Traffic none = trafficOf(runAlone({QStringLiteral("true")}));
        QVERIFY(none.isKnown);
        QCOMPARE(none.attempts, 0);
        const Traffic some = trafficOf(
            runAlone({QStringLiteral("bash"), QStringLiteral("-c"),
                      QStringLiteral("(exec 3<>/dev/tcp/192.0.2.1/9) 2>/dev/null; "
                                     "(echo > /dev/udp/192.0.2.1/53) 2>/dev/null; true")}));
        QVERIFY2(some.attempts >= 2, some.report);
    }

    void commandsAskNobody() {
        const QByteArray out =
            runAlone({QStringLiteral(INGLENOOK_PROGRAM), QStringLiteral("chat"),
                      QStringLiteral("--device"), QStringLiteral("cpu"), QStringLiteral("--prompt"),
                      QStringLiteral("What is a token?")});
        QVERIFY2(out.contains("ended 0"), out);
        QVERIFY2(out.indexOf("ended 0") > 10, out); // it answered
        const Traffic traffic = trafficOf(out);
        QVERIFY(traffic.isKnown);
        QVERIFY2(traffic.attempts == 0 && traffic.sockets.isEmpty(), traffic.report);
    }

    /// Window, history, telemetry, the built-in model: an answer comes, and no socket is open.
    void theDesktopAsksNobody() {
        const QTemporaryDir dir;
        QProcess process;
        startAlone(process,
                   QStringLiteral("\"$@\" >/dev/null 2>&1 & child=$!; read line;") +
                       QLatin1String(kReport) + QStringLiteral("; kill $child; wait $child"),
                   {QStringLiteral(INGLENOOK_PROGRAM), QStringLiteral("--data-dir"), dir.path(),
                    QStringLiteral("--prompt"), QStringLiteral("What is a token?")});
        QVERIFY(process.waitForStarted());
        const QString history = dir.filePath(QStringLiteral("history.db"));
        QTRY_VERIFY_WITH_TIMEOUT(answersIn(history) == 1, kPatience_ms);
        QTest::qWait(1000); // whatever waits for a quiet moment
        process.write("report\n");
        QByteArray out;
        QTRY_VERIFY_WITH_TIMEOUT((out += process.readAllStandardOutput()).contains("==end=="),
                                 kPatience_ms);
        if (!process.waitForFinished(10'000))
            process.kill();
        process.waitForFinished();
        const Traffic traffic = trafficOf(out);
        QVERIFY(traffic.isKnown);
        QVERIFY2(traffic.attempts == 0 && traffic.sockets.isEmpty(), traffic.report);
    }

    /// A server that was asked for: one socket, of this computer alone.
    void theServerListensOnThisComputerOnly() {
        const QTemporaryDir dir;
        QProcess process;
        startAlone(process,
                   QStringLiteral("\"$@\" & child=$!; read line;") + QLatin1String(kReport) +
                       QStringLiteral("; kill $child; wait $child"),
                   {QStringLiteral(INGLENOOK_PROGRAM), QStringLiteral("serve"),
                    QStringLiteral("--data-dir"), dir.path(), QStringLiteral("--port"),
                    QStringLiteral("8484"), QStringLiteral("--device"), QStringLiteral("cpu")});
        QVERIFY(process.waitForStarted());
        QByteArray out;
        QTRY_VERIFY_WITH_TIMEOUT((out += process.readAllStandardOutput()).contains("listening on"),
                                 kPatience_ms);
        process.write("report\n");
        QTRY_VERIFY_WITH_TIMEOUT((out += process.readAllStandardOutput()).contains("==end=="),
                                 kPatience_ms);
        if (!process.waitForFinished(10'000))
            process.kill();
        process.waitForFinished();
        const Traffic traffic = trafficOf(out);
        QVERIFY(traffic.isKnown);
        QCOMPARE(traffic.attempts, 0);
        QVERIFY2(traffic.sockets.size() == 1, traffic.report);
        // 127.0.0.1:8484, as the kernel writes it.
        QVERIFY2(traffic.sockets.first().contains(QStringLiteral("0100007F:2124")), traffic.report);
    }
};

INGLENOOK_SUITE(offline, TstOffline)
#include "tst_offline.moc"
