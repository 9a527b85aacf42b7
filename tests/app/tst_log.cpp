#include "app/log.h"
#include "tests/support/suite_registry.h"

#include <QDir>
#include <QtTest/QtTest>

class TstLog : public QObject {
    Q_OBJECT

  private slots:
    void controlCharactersAreEscaped() {
        QTemporaryDir dir;
        {
            app::Log log(dir.path());
            log.write("info", QStringLiteral("a\x1b[2Jb\nc") + QChar(0x202E) + QChar(0x9b));
        }
        const QByteArray bytes = read(dir.filePath(QStringLiteral("inglenook.log")));
        QCOMPARE(bytes.count('\n'), 1);
        QVERIFY(!bytes.contains('\x1b'));
        QVERIFY(!QString::fromUtf8(bytes).contains(QChar(0x202E)));
        QVERIFY(!QString::fromUtf8(bytes).contains(QChar(0x9b)));
    }

    void filesRotateAndStayBounded() {
        QTemporaryDir dir;
        app::Log log(dir.path(), 2000);
        for (int i = 0; i < 500; ++i)
            log.write("info", QStringLiteral("line number %1").arg(i));
        const QFileInfoList files = QDir(dir.path()).entryInfoList(QDir::Files);
        QCOMPARE(files.size(), 5);
        for (const QFileInfo& file : files)
            QVERIFY(file.size() <= 2000);
        QVERIFY(read(dir.filePath(QStringLiteral("inglenook.log"))).contains("line number 499"));
    }

    void qtMessagesArrive() {
        QTemporaryDir dir;
        app::Log log(dir.path());
        {
            app::LogInstall install(log);
            qWarning("the fire is out");
        }
        qWarning("not logged");
        const QByteArray bytes = read(dir.filePath(QStringLiteral("inglenook.log")));
        QVERIFY(bytes.contains("warning the fire is out"));
        QVERIFY(!bytes.contains("not logged"));
    }

    void unwritableFolderIsSilent() {
        app::Log log(QStringLiteral("/proc/inglenook"));
        log.write("info", QStringLiteral("nobody hears"));
    }

  private:
    static QByteArray read(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
};

INGLENOOK_SUITE(log, TstLog)
#include "tst_log.moc"
