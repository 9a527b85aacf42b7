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

    void excerptIsWithoutMarks() {
        const auto line = [](const char* text, const char* words) {
            return app::excerptAround(QString::fromUtf8(text), QString::fromUtf8(words)).line;
        };
        QCOMPARE(line("## Plan\n\n- **Sort** the `list`\n> then [print](https://a.b/c) it", "list"),
                 QStringLiteral("Plan Sort the list then print it"));
        QCOMPARE(line("| a | b |\n|---|:-:|\n| 1 | busy |", "busy"), QStringLiteral("a b 1 busy"));
        QCOMPARE(line("```cpp\nbool x = a || b;\n```\nend", "end"),
                 QStringLiteral("bool x = a || b; end"));
        QCOMPARE(line("it is **繁忙** now", "繁忙"), QStringLiteral("it is 繁忙 now"));
        QCOMPARE(line("call f(**kwargs) - or not", "**kwargs"),
                 QStringLiteral("call f(**kwargs) - or not"));
        QCOMPARE(line("see [here](http://x.y/page)", "page"),
                 QStringLiteral("see [here](http://x.y/page)")); // looked for in the address
    }

    void excerptFindsWhatStandsFarBack() {
        const QString text = QString(100000, QLatin1Char('x')) + QStringLiteral(" **busy** ") +
                             QString(100000, QLatin1Char('y'));
        const app::Excerpt excerpt = app::excerptAround(text, QStringLiteral("busy"));
        QCOMPARE(excerpt.line.mid(excerpt.matchAt, excerpt.matchLength), QStringLiteral("busy"));
        QVERIFY(excerpt.line.startsWith(QChar(0x2026)) && excerpt.line.endsWith(QChar(0x2026)));
        QVERIFY(excerpt.line.size() < 170);
    }
};

INGLENOOK_SUITE(search_text, TstSearchText)
#include "tst_search_text.moc"
