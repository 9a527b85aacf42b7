#include "app/data_lock.h"
#include "tests/support/suite_registry.h"

#include <QProcess>
#include <QtTest/QtTest>

class TstDataLock : public QObject {
    Q_OBJECT

  private slots:
    void secondIsRefusedAndRaisesTheFirst() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("data.lock"));
        const QString socket = dir.filePath(QStringLiteral("raise.socket"));
        app::DataLock first(file, socket);
        QVERIFY(first.take());
        QSignalSpy raised(&first, &app::DataLock::raiseRequested);
        app::DataLock second(file, socket);
        QVERIFY(!second.take());
        QVERIFY(second.error().isEmpty());
        QVERIFY(second.askToRaise());
        QTRY_COMPARE(raised.size(), 1);
    }

    void lockIsFreeAfterTheFirstHasGone() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("data.lock"));
        const QString socket = dir.filePath(QStringLiteral("raise.socket"));
        {
            app::DataLock first(file, socket);
            QVERIFY(first.take());
        }
        QVERIFY(!QFile::exists(socket));
        app::DataLock second(file, socket);
        QVERIFY(second.take());
    }

    void unwritableFolderIsTold() {
        app::DataLock lock(QStringLiteral("/proc/inglenook/data.lock"),
                           QStringLiteral("/proc/inglenook/raise.socket"));
        QVERIFY(!lock.take());
        QVERIFY(!lock.error().isEmpty());
    }
};

INGLENOOK_SUITE(data_lock, TstDataLock)
#include "tst_data_lock.moc"
