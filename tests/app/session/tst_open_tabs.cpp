#include "app/session/open_tabs.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstOpenTabs : public QObject {
    Q_OBJECT

  private slots:
    void whatStoodOpenComesBack() {
        const QTemporaryDir dir;
        const QString file = dir.filePath(QStringLiteral("open_tabs.json"));
        const app::OpenTabsValues values{
            {{7, QStringLiteral("Sorting"), {}, 12}, {0, {}, QStringLiteral("半句话"), 0}}, 1};
        {
            app::OpenTabs tabs(file);
            QVERIFY(tabs.values().tabs.isEmpty());
            tabs.set(values);
        }
        QCOMPARE(app::OpenTabs(file).values(), values);
    }

    void aDamagedFileIsPutAside() {
        const QTemporaryDir dir;
        const QString path = dir.filePath(QStringLiteral("open_tabs.json"));
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("[1, 2");
        file.close();
        QVERIFY(app::OpenTabs(path).values().tabs.isEmpty());
        QVERIFY(!file.exists());
        QCOMPARE(QDir(dir.path()).entryList({QStringLiteral("*.damaged-*")}).size(), 1);
    }

    void strangeValuesAreHarmless() {
        const QTemporaryDir dir;
        const QString path = dir.filePath(QStringLiteral("open_tabs.json"));
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(R"({"current": "x", "tabs": [null, {"conversation": "seven"}, 3]})");
        file.close();
        QCOMPARE(app::OpenTabs(path).values().tabs.size(), 3);
    }
};

INGLENOOK_SUITE(open_tabs, TstOpenTabs)
#include "tst_open_tabs.moc"
