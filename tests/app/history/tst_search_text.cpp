#include "app/history/search_text.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstSearchText : public QObject {
    Q_OBJECT

  private slots:
    void everyHanKanaAndHangulCharacterIsAWord() {
        QCOMPARE(app::searchCopy(QStringLiteral("服务器busy")).simplified(),
                 QStringLiteral("服 务 器 busy"));
        QCOMPARE(app::searchCopy(QStringLiteral("ひカ한")).simplified(),
                 QStringLiteral("ひ カ 한"));
        const QString beyondBmp = QString::fromUtf8("a\xF0\xA0\x80\x80z"); // U+20000
        QCOMPARE(app::searchCopy(beyondBmp).simplified().split(QLatin1Char(' ')).size(), 3);
        QCOMPARE(app::searchCopy(QStringLiteral("plain text")), QStringLiteral("plain text"));
    }

    void nulDoesNotEndTheCopy() {
        const QString text = QStringLiteral("before") + QChar(u'\0') + QStringLiteral("after");
        QCOMPARE(app::searchCopy(text), QStringLiteral("beforeafter"));
    }

    void wordsBecomePhrases() {
        QCOMPARE(app::searchQuery(QStringLiteral("繁忙")).simplified(),
                 QStringLiteral("\" 繁 忙 \""));
        QCOMPARE(app::searchQuery(QStringLiteral("stable sor")),
                 QStringLiteral("\"stable\" \"sor\" *"));
        QCOMPARE(app::searchQuery(QStringLiteral("a\"b OR c")),
                 QStringLiteral("\"a\"\"b\" \"OR\" \"c\""));
        QVERIFY(app::searchQuery(QStringLiteral("!! --")).isEmpty());
        QVERIFY(app::searchQuery(QString()).isEmpty());
    }

    void excerptShowsTheMatch() {
        const QString text = QString(200, QLatin1Char('x')) +
                             QStringLiteral("\n the  server is\tbusy ") +
                             QString(300, QLatin1Char('y'));
        const app::Excerpt excerpt = app::excerptAround(text, QStringLiteral("BUSY"));
        QCOMPARE(excerpt.line.mid(excerpt.matchAt, excerpt.matchLength), QStringLiteral("busy"));
        QVERIFY(excerpt.line.size() < 170);
        QVERIFY(!excerpt.line.contains(QLatin1Char('\n')));
        QCOMPARE(app::excerptAround(QStringLiteral("abc"), QStringLiteral("zz")).matchAt, -1);
    }
};

INGLENOOK_SUITE(search_text, TstSearchText)
#include "tst_search_text.moc"
