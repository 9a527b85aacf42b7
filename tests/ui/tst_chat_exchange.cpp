// REQ-35: a chat or all of them as Markdown, HTML, PDF and JSON; JSON comes back.
#include "app/exchange/exchange_controller.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/chat/chat_document.h"
#include "ui/chat/chat_exchange.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/sidebar.h"
#include "ui/main_window.h"
#include "ui/text/markdown_html.h"

#include <QFile>
#include <QMenu>
#include <QToolButton>
#include <QtTest/QtTest>

class TstChatExchange : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_desktop = std::make_unique<tests::DesktopFixture>(tests::fakeEngineFactory(m_engine));
        QVERIFY(m_desktop->started());
        QVERIFY(m_desktop->load(QStringLiteral("/models/m.gguf")));
        m_desktop->window().show();
        tests::FakeScript script;
        script.answer = "Use **sort**:\n\n```cpp\nif (a < b && c > d)\n    go();\n```\n";
        m_engine->setScript(script);
        QVERIFY(m_desktop->ask(QStringLiteral("How? <script>alert(1)</script> 排序")));
    }
    void cleanup() { m_desktop.reset(); }

    void req35_everyFormIsWritten_data() {
        QTest::addColumn<QString>("ending");
        QTest::addColumn<QByteArrayList>("holds");
        QTest::newRow("Markdown") << "md"
                                  << QByteArrayList{"# How?", "## You · ", "if (a < b && c > d)",
                                                    "排序"};
        QTest::newRow("HTML") << "html"
                              << QByteArrayList{"<!DOCTYPE html>", "&lt;script&gt;", "<b>sort</b>",
                                                "if (a &lt; b &amp;&amp; c &gt; d)\n    go();",
                                                "排序"};
        QTest::newRow("PDF") << "pdf" << QByteArrayList{"%PDF-1", "%%EOF"};
        QTest::newRow("JSON") << "json"
                              << QByteArrayList{"inglenook-chats", "\"parent\"", "\"sampling\""};
    }
    void req35_everyFormIsWritten() {
        QFETCH(QString, ending);
        QFETCH(QByteArrayList, holds);
        const QString path = m_dir.filePath(QStringLiteral("chats.") + ending);
        QVERIFY2(save({m_desktop->window().chatPage().chat().conversationId()}, path)
                     .contains(QStringLiteral("exported")),
                 qPrintable(m_said));
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray bytes = file.readAll();
        for (const QByteArray& part : holds)
            QVERIFY2(bytes.contains(part), part.constData());
        QVERIFY(!bytes.contains("<script>alert") || ending != QLatin1String("html"));
    }

    void req35_whatWasExportedIsInTheListAgain() {
        const QString path = m_dir.filePath(QStringLiteral("all.json"));
        save({}, path);
        auto& list = m_desktop->application().conversations();
        const qsizetype before = list.conversations().size();
        QSignalSpy said(&m_desktop->window().chatPage().exchange(), &ui::ChatExchange::said);
        m_desktop->application().exchange().importFile(path);
        QTRY_COMPARE(said.size(), 1);
        QVERIFY(said.first().first().toString().contains(QStringLiteral("imported")));
        QTRY_COMPARE(list.conversations().size(), 2 * before);
    }

    void whatCannotBeWrittenIsASentence() {
        const QString said = save({}, m_dir.filePath(QStringLiteral("no/such/folder/a.md")));
        QVERIFY2(said.contains(QStringLiteral("could not be written")), qPrintable(said));
    }

    void namesEndAsTheFormWantsIt() {
        const auto named = [](const char* path, const char* filter) {
            return ui::ChatExchange::withEnding(QString::fromLatin1(path),
                                                QString::fromLatin1(filter));
        };
        QCOMPARE(named("/a/x.md", "Markdown (*.md)"), QStringLiteral("/a/x.md"));
        QCOMPARE(named("/a/x.md", "PDF (*.pdf)"), QStringLiteral("/a/x.pdf"));
        QCOMPARE(named("/a/x.PDF", "PDF (*.pdf)"), QStringLiteral("/a/x.PDF"));
        QCOMPARE(named("/a/v1.2", "PDF (*.pdf)"), QStringLiteral("/a/v1.2.pdf"));
        QCOMPARE(named("/a/x", "JSON (*.json)"), QStringLiteral("/a/x.json"));
        QCOMPARE(named("/a/x.txt", ""), QStringLiteral("/a/x.txt"));
    }

    void theSidebarOffersIt() {
        auto& sidebar = m_desktop->window().chatPage().sidebar();
        QToolButton* more = nullptr;
        for (auto* button : sidebar.findChildren<QToolButton*>())
            if (button->accessibleName() == QLatin1String("Export or import chats"))
                more = button;
        QVERIFY(more != nullptr && more->menu() != nullptr);
        QVERIFY(more->focusPolicy() & Qt::TabFocus);
        QCOMPARE(more->menu()->actions().size(), 2);
        disconnect(&sidebar, &ui::Sidebar::exportRequested, nullptr, nullptr); // no file dialog
        QSignalSpy asked(&sidebar, &ui::Sidebar::exportRequested);
        more->menu()->actions().first()->trigger();
        QCOMPARE(asked.size(), 1);
        QVERIFY(asked.first().first().value<QList<app::ConversationId>>().isEmpty());
    }

    void htmlCarriesNothingForeign() {
        const QString html = ui::markdownToHtml(
            QStringLiteral("<img src=x onerror=alert(1)> [a](javascript:alert(1)) "
                           "[b](https://example.org/?a=1&b=\"2) ![c](http://tracker/x.png)\n\n"
                           "| a | b |\n|--:|:-:|\n| 1 | `x<y` |\n\n- [x] done\n- open\n\n> quoted"),
            false);
        QVERIFY2(!html.contains(QStringLiteral("<img")), qPrintable(html));
        QVERIFY2(!html.contains(QStringLiteral("href=\"javascript")), qPrintable(html));
        QVERIFY2(!html.contains(QStringLiteral("b=\"2")), qPrintable(html));
        QVERIFY2(html.contains(QStringLiteral("<code>x&lt;y</code>")), qPrintable(html));
        QVERIFY2(html.contains(QStringLiteral("<td align=\"right\">1</td>")), qPrintable(html));
        QVERIFY2(html.contains(QStringLiteral("☑")), qPrintable(html));
        QVERIFY2(html.contains(QStringLiteral("<blockquote>")), qPrintable(html));
    }

    void longCodeStaysOneBlock() {
        QString source = QStringLiteral("```\n");
        for (int line = 0; line < 300; ++line)
            source += QStringLiteral("line %1\n").arg(line);
        const QString html = ui::markdownToHtml(source + QStringLiteral("```\n"), false);
        QCOMPARE(html.count(QStringLiteral("<pre>")), 1);
        for (int line = 0; line < 300; ++line)
            QVERIFY2(html.contains(QStringLiteral("line %1\n").arg(line)) || line == 299,
                     qPrintable(QString::number(line)));
        QVERIFY(html.contains(QStringLiteral("line 299</code>")));
    }

  private:
    QString save(const QList<app::ConversationId>& chats, const QString& path) {
        ui::ChatExchange& exchange = m_desktop->window().chatPage().exchange();
        QSignalSpy said(&exchange, &ui::ChatExchange::said);
        exchange.save(chats, path);
        [&] { QTRY_COMPARE_WITH_TIMEOUT(said.size(), 1, 20000); }();
        m_said = said.isEmpty() ? QString() : said.first().first().toString();
        return m_said;
    }

    QTemporaryDir m_dir;
    QString m_said;
    tests::FakeEngine* m_engine = nullptr;
    std::unique_ptr<tests::DesktopFixture> m_desktop;
};

INGLENOOK_SUITE(chat_exchange, TstChatExchange)
#include "tst_chat_exchange.moc"
