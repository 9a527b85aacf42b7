#include "app/paths.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstPaths : public QObject {
    Q_OBJECT

  private slots:
    void flagWins() {
        QCOMPARE(app::resolvePaths(QStringLiteral("/tmp/x/../y")).dataDir,
                 QStringLiteral("/tmp/y"));
    }

    void xdgIsRespected() {
        qputenv("XDG_DATA_HOME", "/tmp/inglenook-xdg");
        QCOMPARE(app::resolvePaths({}).dataDir, QStringLiteral("/tmp/inglenook-xdg/inglenook"));
        QCOMPARE(app::resolvePaths({}).historyDatabase(),
                 QStringLiteral("/tmp/inglenook-xdg/inglenook/history.db"));
    }
};

INGLENOOK_SUITE(paths, TstPaths)
#include "tst_paths.moc"
