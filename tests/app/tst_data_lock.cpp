#include "app/data_lock.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstDataLock : public QObject {
    Q_OBJECT

  private slots:
    void secondIsRefused() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("data.lock"));
        app::DataLock first(file);
        QVERIFY(first.take());
        app::DataLock second(file);
        QVERIFY(!second.take());
        QVERIFY(second.error().isEmpty());
    }

    void lockIsFreeAfterTheFirstHasGone() {
        QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("data.lock"));
        {
            app::DataLock first(file);
            QVERIFY(first.take());
        }
        app::DataLock second(file);
        QVERIFY(second.take());
    }

    void unwritableFolderIsTold() {
        app::DataLock lock(QStringLiteral("/proc/inglenook/data.lock"));
        QVERIFY(!lock.take());
        QVERIFY(!lock.error().isEmpty());
    }
};

INGLENOOK_SUITE(data_lock, TstDataLock)
#include "tst_data_lock.moc"
