#include "app/session/loop_watch.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstLoopWatch : public QObject {
    Q_OBJECT

  private slots:
    void circlesAreFound_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("repeats");
        const QString wait =
            QStringLiteral("Wait, let me check that once more. So the sum is 12. ");
        QTest::newRow("a passage") << wait.repeated(20) << true;
        QTest::newRow("a beginning, then a passage")
            << QStringLiteral("Let us add the numbers one by one. ").append(wait.repeated(20))
            << true;
        QTest::newRow("Chinese")
            << QStringLiteral("等一下，我再检查一遍，总和是十二。").repeated(30) << true;
        QTest::newRow("one character") << QString(600, u'a') << true;
        QString numbered; // each round differs, its sentence does not
        for (int i = 0; i < 12; ++i)
            numbered +=
                QStringLiteral("Attempt %1. But that contradicts the second condition. ").arg(i);
        QTest::newRow("a sentence among others") << numbered << true;
        QTest::newRow("three times is no circle")
            << QStringLiteral("First the one, then the other; ")
                   .repeated(5)
                   .append(wait)
                   .repeated(3)
            << false;
        QTest::newRow("too short to tell") << QStringLiteral("Yes. No. ").repeated(30) << false;
        QString counting;
        for (int i = 0; i < 400; ++i)
            counting += QStringLiteral("%1 times 7 is %2, ").arg(i).arg(7 * i);
        QTest::newRow("counting") << counting << false;
        QString list;
        for (int i = 0; i < 60; ++i)
            list += QStringLiteral("- [ ] item %1 of the list\n").arg(i);
        QTest::newRow("a list") << list << false;
        QTest::newRow("nothing") << QString() << false;
    }
    void circlesAreFound() {
        QFETCH(QString, text);
        for (const qsizetype piece : {qsizetype(1), qsizetype(7), qsizetype(5000)}) {
            app::LoopWatch watch;
            for (qsizetype at = 0; at < text.size(); at += piece)
                watch.push(QStringView(text).mid(at, piece));
            QTEST(watch.repeats(), "repeats");
        }
    }

    void aWayOutEndsTheWarning() {
        app::LoopWatch watch;
        watch.push(QStringLiteral("The same thing again, word for word, as before. ").repeated(20));
        QVERIFY(watch.repeats());
        QString other;
        for (int i = 0; i < 300; ++i)
            other += QStringLiteral("Now step %1 leads to %2; ").arg(i).arg(i * i);
        watch.push(other);
        QVERIFY(!watch.repeats());
    }
};

INGLENOOK_SUITE(loop_watch, TstLoopWatch)
#include "tst_loop_watch.moc"
