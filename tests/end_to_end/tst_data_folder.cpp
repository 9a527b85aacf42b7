// All that the program writes lies in its data folder: the one that --data-dir names, else the one
// of the user.
#include "tests/support/suite_registry.h"

#include <QDirIterator>
#include <QProcess>
#include <QtTest/QtTest>

namespace {

constexpr int kPatience_ms = 60'000;

QStringList filesIn(const QString& folder) {
    QStringList files;
    QDirIterator each(folder, QDir::Files | QDir::Hidden | QDir::System,
                      QDirIterator::Subdirectories);
    while (each.hasNext())
        files.append(QDir(folder).relativeFilePath(each.next()));
    files.sort();
    return files;
}

} // namespace

class TstDataFolder : public QObject {
    Q_OBJECT

  private slots:
    void nothingIsWrittenElsewhere_data() {
        QTest::addColumn<bool>("named");
        QTest::newRow("--data-dir") << true;
        QTest::newRow("the user's own") << false;
    }
    void nothingIsWrittenElsewhere() {
        QFETCH(bool, named);
        const QTemporaryDir dir;
        for (const char* folder : {"home", "tmp", "run"})
            QVERIFY(QDir(dir.path()).mkdir(QString::fromLatin1(folder)));
        QVERIFY(QFile::setPermissions(dir.filePath(QStringLiteral("run")),
                                      QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
        const QString data = dir.filePath(named ? QStringLiteral("data")
                                                : QStringLiteral("home/.local/share/inglenook"));
        QProcess program;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        for (const char* variable : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
                                     "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"})
            environment.remove(QString::fromLatin1(variable));
        environment.insert(QStringLiteral("HOME"), dir.filePath(QStringLiteral("home")));
        environment.insert(QStringLiteral("TMPDIR"), dir.filePath(QStringLiteral("tmp")));
        environment.insert(QStringLiteral("XDG_RUNTIME_DIR"), dir.filePath(QStringLiteral("run")));
        environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
        program.setProcessEnvironment(environment);
        program.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        QStringList arguments = {QStringLiteral("--prompt"), QStringLiteral("What is a token?")};
        if (named)
            arguments += {QStringLiteral("--data-dir"), data};
        program.start(QStringLiteral(INGLENOOK_PROGRAM), arguments);
        QVERIFY(program.waitForStarted());
        // History, settings, caches and log are there when it has answered for a while.
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(data + QStringLiteral("/history.db")), kPatience_ms);
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(data + QStringLiteral("/settings.json")),
                                 kPatience_ms);
        QTest::qWait(2000);
        QCOMPARE(program.state(), QProcess::Running);
        QStringList elsewhere;
        for (const QString& file : filesIn(dir.path())) {
            const bool isFonts = file.contains(QStringLiteral("/fontconfig/")); // the library's
            if (!dir.filePath(file).startsWith(data + QLatin1Char('/')) && !isFonts)
                elsewhere.append(file);
        }
        program.terminate();
        if (!program.waitForFinished(10'000))
            program.kill();
        program.waitForFinished();
        QVERIFY2(elsewhere.isEmpty(), qPrintable(elsewhere.join(QLatin1Char('\n'))));
        QVERIFY(!filesIn(data).isEmpty());
    }
};

INGLENOOK_SUITE(data_folder, TstDataFolder)
#include "tst_data_folder.moc"
