#include "app/download/file_names.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstFileNames : public QObject {
    Q_OBJECT

  private slots:
    void ordinaryNamesPass() {
        for (const char* name : {"model.gguf", "Q4_K_M/model-00001-of-00002.gguf", "a b.gguf",
                                 "模型.gguf", "model-7B (1).gguf"})
            QVERIFY2(app::isSafeRelativePath(QString::fromUtf8(name)), name);
    }

    void leadingOutIsRefused_data() {
        QTest::addColumn<QString>("name");
        QTest::newRow("parent") << QStringLiteral("../x.gguf");
        QTest::newRow("parent inside") << QStringLiteral("a/../../x.gguf");
        QTest::newRow("absolute") << QStringLiteral("/etc/cron.d/x");
        QTest::newRow("dot") << QStringLiteral("./x");
        QTest::newRow("empty") << QString();
        QTest::newRow("empty part") << QStringLiteral("a//b");
        QTest::newRow("folder") << QStringLiteral("a/");
        QTest::newRow("backslash") << QStringLiteral("..\\x");
        QTest::newRow("drive") << QStringLiteral("C:x");
        QTest::newRow("hidden") << QStringLiteral(".bashrc");
        QTest::newRow("ours") << QStringLiteral(".inglenook/current.json");
        QTest::newRow("nul") << QStringLiteral("a").append(QChar(0)).append(
            QStringLiteral(".gguf"));
        QTest::newRow("line feed") << QStringLiteral("a\nb");
        QTest::newRow("escape") << QStringLiteral("a\x1b[31m");
        QTest::newRow("reordered") << QStringLiteral("a\u202Efugg");
        QTest::newRow("zero width") << QStringLiteral("a\u200Bb");
        QTest::newRow("half a character") << QString(QChar(0xD800));
        QTest::newRow("long") << QString(300, QLatin1Char('a'));
        QTest::newRow("deep") << QStringLiteral("a/").repeated(20) + QLatin1Char('b');
    }
    void leadingOutIsRefused() {
        QFETCH(const QString, name);
        QVERIFY(!app::isSafeRelativePath(name));
        QTemporaryDir dir;
        const auto place = app::placeFor(dir.path(), name, QStringLiteral("host"));
        QCOMPARE(place.status().code(), engine::Code::DownloadNameUnsafe);
        QVERIFY(QDir(dir.path()).isEmpty(QDir::AllEntries | QDir::NoDotAndDotDot));
    }

    void linksOnTheWayAreRefused() {
        QTemporaryDir dir;
        QTemporaryDir elsewhere;
        QVERIFY(QFile::link(elsewhere.path(), dir.filePath(QStringLiteral("sub"))));
        QCOMPARE(app::placeFor(dir.path(), QStringLiteral("sub/x.gguf"), {}).status().code(),
                 engine::Code::DownloadNameUnsafe);
        QVERIFY(QFile::link(elsewhere.filePath(QStringLiteral("y")),
                            dir.filePath(QStringLiteral("x.gguf"))));
        QCOMPARE(app::placeFor(dir.path(), QStringLiteral("x.gguf"), {}).status().code(),
                 engine::Code::DownloadNameUnsafe);
    }

    void repositoriesHaveTwoParts() {
        QVERIFY(app::isRepositoryName(QStringLiteral("owner/name")));
        for (const char* name : {"name", "a/b/c", "../b", "a/..", "a/", "/b", ""})
            QVERIFY2(!app::isRepositoryName(QString::fromLatin1(name)), name);
    }
};

INGLENOOK_SUITE(file_names, TstFileNames)
#include "tst_file_names.moc"
