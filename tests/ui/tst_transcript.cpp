#include "tests/support/suite_registry.h"
#include "tests/ui/transcript_samples.h"
#include "ui/chat/transcript.h"
#include "ui/chat/transcript_actions.h"

#include <QAccessible>
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QPainter>
#include <QRandomGenerator>
#include <QScrollBar>
#include <QSignalSpy>
#include <QtTest/QtTest>
#include <QWheelEvent>

using ui::MessageRole;
using ui::Transcript;
using ui::TranscriptMessage;

namespace {

void settle() {
    QTest::qWait(60);
}

void wheel(Transcript& view, int delta) {
    QWheelEvent event(QPointF(100, 100), view.viewport()->mapToGlobal(QPointF(100, 100)), {},
                      QPoint(0, delta), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(view.viewport(), &event);
}

/// A transcript with one long answer that runs.
std::unique_ptr<Transcript> running(int paragraphs) {
    auto view = std::make_unique<Transcript>();
    view->resize(900, 600);
    view->show();
    view->appendMessage(tests::message("u", MessageRole::User, "Tell me a story."));
    TranscriptMessage answer = tests::message("a", MessageRole::Assistant, {});
    answer.running = true;
    view->appendMessage(answer);
    for (int i = 0; i < paragraphs; ++i)
        view->appendText("a", QStringLiteral("Paragraph %1 with some words in it.\n\n").arg(i));
    settle();
    return view;
}

ui::TextButton* actionButton(Transcript& view, const QString& name) {
    for (ui::TextButton* button : view.findChildren<ui::TextButton*>())
        if (button->isVisible() && button->accessibleName() == name)
            return button;
    return nullptr;
}

} // namespace

class TstTranscript : public QObject {
    Q_OBJECT

  private slots:
    void heightTreeAgreesWithASum() {
        QRandomGenerator random(3);
        ui::HeightTree tree;
        std::vector<double> plain;
        for (int step = 0; step < 3000; ++step) {
            if (plain.empty() || random.bounded(3) == 0) {
                plain.push_back(random.bounded(1, 90));
                tree.append(plain.back());
            } else if (random.bounded(40) == 0) {
                plain.resize(size_t(random.bounded(int(plain.size()) + 1)));
                tree.truncate(plain.size());
            } else {
                const size_t at = size_t(random.bounded(int(plain.size())));
                plain[at] = random.bounded(1, 90);
                tree.set(at, plain[at]);
            }
            double sum = 0;
            for (size_t i = 0; i < plain.size(); ++i) {
                if (i % 7 == 0) {
                    QCOMPARE(tree.prefix(i), sum);
                    QCOMPARE(tree.at(sum), i);
                    QCOMPARE(tree.at(sum + plain[i] - 0.5), i);
                }
                sum += plain[i];
            }
            QCOMPARE(tree.total(), sum);
        }
    }

    void followsTheEndUntilTheReaderScrolls() {
        const auto view = running(60);
        QScrollBar* bar = view->verticalScrollBar();
        QVERIFY(view->isAttached());
        QCOMPARE(bar->value(), bar->maximum());
        wheel(*view, 120);
        QVERIFY(!view->isAttached());
        const int place = bar->value();
        for (int i = 0; i < 40; ++i)
            view->appendText("a", QStringLiteral("More and more text.\n\n"));
        settle();
        QCOMPARE(bar->value(), place);
        QVERIFY(bar->maximum() > place);
        ui::TextButton* pill = actionButton(*view, "Jump to latest");
        QVERIFY(pill);
        pill->click();
        QVERIFY(view->isAttached());
        QCOMPARE(bar->value(), bar->maximum());
        QVERIFY(!pill->isVisible());
    }

    void keysDetachAndReattach() {
        const auto view = running(80);
        QTest::keyClick(view.get(), Qt::Key_PageUp);
        QVERIFY(!view->isAttached());
        QTest::keyClick(view.get(), Qt::Key_End);
        QVERIFY(view->isAttached());
    }

    void endOfAnAnswerDoesNotMoveTheView() {
        const auto view = running(60);
        QScrollBar* bar = view->verticalScrollBar();
        const int attached = bar->value();
        view->finishMessage("a", "128 tok/s");
        settle();
        QCOMPARE(bar->value(), attached);
        wheel(*view, 240);
        const int place = bar->value();
        view->finishMessage("a", "128 tok/s");
        settle();
        QCOMPARE(bar->value(), place);
    }

    /// Scrolling up through estimated heights never moves what the reader sees.
    void correctsEstimatesUnderAnAnchor() {
        Transcript view;
        view.resize(800, 500);
        view.show();
        std::vector<TranscriptMessage> messages;
        for (int i = 0; i < 60; ++i)
            messages.push_back(tests::message(QString::number(i),
                                              i % 2 ? MessageRole::Assistant : MessageRole::User,
                                              tests::richMarkdown(i)));
        view.setMessages(messages);
        QScrollBar* bar = view.verticalScrollBar();
        QCOMPARE(bar->value(), bar->maximum());
        wheel(view, 1);
        for (int step = 0; step < 200 && bar->value() > 0; ++step) {
            // A message that shows before and after has moved by exactly what was scrolled.
            int index = -1;
            for (int i = 0; i < view.messageCount() && index < 0; ++i)
                if (view.messageRect(i).top() >= 0 && view.messageRect(i).top() < 300)
                    index = i;
            const int before = index < 0 ? 0 : view.messageRect(index).top();
            bar->triggerAction(QAbstractSlider::SliderSingleStepSub);
            if (index >= 0)
                QVERIFY2(std::abs(view.messageRect(index).top() - before - bar->singleStep()) <=
                                 1 ||
                             bar->value() == 0,
                         qPrintable(QStringLiteral("step %1: %2 -> %3")
                                        .arg(step)
                                        .arg(before)
                                        .arg(view.messageRect(index).top())));
        }
    }

    void thinkingFoldsWithoutMovingTheView() {
        Transcript view;
        view.resize(900, 600);
        view.show();
        view.appendMessage(tests::message("u", MessageRole::User, "Why?"));
        TranscriptMessage answer = tests::message("a", MessageRole::Assistant, {});
        answer.running = true;
        view.appendMessage(answer);
        for (int i = 0; i < 60; ++i)
            view.appendText("a", QStringLiteral("I consider case %1 of it.\n\n").arg(i), true);
        settle();
        const int withWindow = view.contentHeight();
        QVERIFY2(withWindow < 600, "the running window shows a dozen rows only");
        const int before = view.messageRect(1).top();
        view.appendText("a", "The answer is 42.");
        settle();
        QCOMPARE(view.messageRect(1).top(), before);
        QVERIFY(view.contentHeight() < withWindow);
        QVERIFY(view.accessibleText(1).startsWith("Thought for"));
        // Unfold and fold with the pointer on the header.
        const QPoint header(view.messageRect(1).left() + 60, view.messageRect(1).top() + 60);
        QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, header);
        QCOMPARE(view.messageRect(1).top(), before);
        QVERIFY(view.contentHeight() > withWindow);
        QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, header);
        QCOMPARE(view.messageRect(1).top(), before);
        QVERIFY(view.contentHeight() < withWindow);
    }

    void foldingAtTheEndOfALongChatMovesNothing() {
        Transcript view;
        view.resize(900, 600);
        view.show();
        std::vector<TranscriptMessage> messages;
        for (int i = 0; i < 12; ++i)
            messages.push_back(
                tests::message(QString::number(i), MessageRole::User, tests::richMarkdown(i)));
        view.setMessages(messages);
        TranscriptMessage answer = tests::message("a", MessageRole::Assistant, {});
        answer.running = true;
        view.appendMessage(answer);
        for (int i = 0; i < 60; ++i)
            view.appendText("a", QStringLiteral("I consider case %1 of it.\n\n").arg(i), true);
        settle();
        const int before = view.messageRect(12).top();
        view.appendText("a", "Done.");
        settle();
        QVERIFY(view.isAttached());
        QCOMPARE(view.messageRect(12).top(), before);
    }

    void copiesMarkdownSource() {
        Transcript view;
        view.resize(900, 700);
        view.show();
        const QString source = QStringLiteral("# Title\n\nSome **bold** text with $x_1$.\n\n"
                                              "```cpp\nint a = 1;\n```\n\n- one\n- two");
        view.setMessages({tests::message("a", MessageRole::Assistant, source)});
        view.selectAll();
        QCOMPARE(view.selectedMarkdown(), source);
        view.copySelection();
        QCOMPARE(QApplication::clipboard()->text(), source);
        QCOMPARE(view.messageMarkdown(0), source);
    }

    void selectsByMouseAndKeyboard() {
        Transcript view;
        view.resize(900, 400);
        view.show();
        view.setMessages({tests::message("a", MessageRole::Assistant, "alpha **beta** gamma")});
        const QRect rect = view.messageRect(0);
        const QPoint start(rect.left() - 5, rect.top() + 56);
        QTest::mousePress(view.viewport(), Qt::LeftButton, {}, start);
        QTest::mouseMove(view.viewport(), start + QPoint(400, 0));
        QTest::mouseRelease(view.viewport(), Qt::LeftButton, {}, start + QPoint(400, 0));
        QCOMPARE(view.selectedMarkdown(), QStringLiteral("alpha **beta** gamma"));
        for (int i = 0; i < 6; ++i)
            QTest::keyClick(&view, Qt::Key_Left, Qt::ShiftModifier);
        QCOMPARE(view.selectedMarkdown(), QStringLiteral("alpha **beta**"));
        QTest::mouseDClick(view.viewport(), Qt::LeftButton, {}, start + QPoint(20, 0));
        QCOMPARE(view.selectedMarkdown(), QStringLiteral("alpha"));
    }

    void findsAndWalksMatches() {
        Transcript view;
        view.resize(900, 400);
        view.show();
        std::vector<TranscriptMessage> messages;
        for (int i = 0; i < 50; ++i)
            messages.push_back(tests::message(QString::number(i), MessageRole::Assistant,
                                              tests::richMarkdown(i) + "\n\nA nee**dle** here."));
        view.setMessages(messages);
        QSignalSpy changes(&view, &Transcript::findChanged);
        view.setFind("NEEDLE");
        QTRY_VERIFY(!changes.isEmpty() && !changes.last()[2].toBool());
        QCOMPARE(view.matchCount(), 50);
        QVERIFY(changes.last()[0].toInt() > 0);
        const int at = changes.last()[0].toInt();
        view.findPrevious();
        QCOMPARE(changes.last()[0].toInt(), at == 1 ? 50 : at - 1);
        view.findNext();
        QCOMPARE(changes.last()[0].toInt(), at);
        const int value = view.verticalScrollBar()->value();
        for (int i = 0; i < 20; ++i)
            view.findPrevious();
        QVERIFY(view.verticalScrollBar()->value() < value);
        view.setFind({});
        QCOMPARE(view.matchCount(), 0);
    }

    void linksOnlyEmit() {
        Transcript view;
        view.resize(900, 400);
        view.show();
        view.setMessages({tests::message("a", MessageRole::Assistant,
                                         "[here](https://example.org/a) and [no](file:///x)")});
        QSignalSpy links(&view, &Transcript::linkActivated);
        view.setFocus();
        QTest::keyClick(&view, Qt::Key_Tab);
        QTest::keyClick(&view, Qt::Key_Return);
        QCOMPARE(links.size(), 1);
        QCOMPARE(links[0][0].toString(), QStringLiteral("https://example.org/a"));
        const QRect rect = view.messageRect(0);
        QTest::mouseClick(view.viewport(), Qt::LeftButton, {},
                          QPoint(rect.left() + 10, rect.top() + 56));
        QCOMPARE(links.size(), 2);
    }

    void copyButtonGivesTheWholeCode() {
        Transcript view;
        view.resize(900, 500);
        view.show();
        QString code;
        for (int i = 0; i < 300; ++i)
            code += QStringLiteral("line(%1);\n").arg(i);
        view.setMessages({tests::message("a", MessageRole::Assistant, "```js\n" + code + "```")});
        view.setFocus();
        QTest::keyClick(&view, Qt::Key_Tab);
        QTest::keyClick(&view, Qt::Key_Return);
        QCOMPARE(QApplication::clipboard()->text(), code.chopped(1));
    }

    void actionsEmitTheirMessage() {
        const auto view = running(3);
        QVERIFY(!actionButton(*view, "Regenerate answer"));
        view->finishMessage("a", "128 tok/s");
        settle();
        QSignalSpy regenerate(view.get(), &Transcript::regenerateRequested);
        ui::TextButton* button = actionButton(*view, "Regenerate answer");
        QVERIFY(button);
        button->click();
        QCOMPARE(regenerate.size(), 1);
        QCOMPARE(regenerate[0][0].toString(), QStringLiteral("a"));
        QVERIFY(button->focusPolicy() & Qt::TabFocus);
    }

    void keyboardReachesEveryMessage() {
        Transcript view;
        view.resize(900, 300);
        view.show();
        std::vector<TranscriptMessage> messages;
        for (int i = 0; i < 8; ++i)
            messages.push_back(tests::message(QString::number(i), MessageRole::User, "Hello"));
        view.setMessages(messages);
        view.setFocus();
        for (int i = 7; i >= 0; --i) {
            QTest::keyClick(&view, Qt::Key_Up, Qt::AltModifier);
            QCOMPARE(view.currentMessage(), i);
            QVERIFY(view.viewport()->rect().intersects(view.messageRect(i)));
        }
        QSignalSpy edits(&view, &Transcript::editRequested);
        ui::TextButton* edit = actionButton(view, "Edit message");
        QVERIFY(edit);
        edit->click();
        QCOMPARE(edits[0][0].toString(), QStringLiteral("0"));
    }

    void isReadableByScreenReaders() {
        Transcript view;
        view.resize(900, 300);
        view.show();
        view.setMessages(
            {tests::message("u", MessageRole::User, "Hello *there*"),
             tests::message("a", MessageRole::Assistant, "| a | b |\n|---|---|\n| 1 | 2 |")});
        QAccessibleInterface* list = QAccessible::queryAccessibleInterface(&view);
        QVERIFY(list);
        QCOMPARE(list->role(), QAccessible::List);
        QVERIFY(list->childCount() >= 2);
        QCOMPARE(list->child(0)->text(QAccessible::Name), QStringLiteral("You: Hello there"));
        QVERIFY(list->child(1)->text(QAccessible::Value).contains("1\t2"));
        QCOMPARE(list->child(1)->parent(), list);
        QCOMPARE(list->indexOfChild(list->child(1)), 1);
    }

    void removesAndReplaces() {
        Transcript view;
        view.resize(900, 300);
        view.show();
        std::vector<TranscriptMessage> messages;
        for (int i = 0; i < 8; ++i)
            messages.push_back(tests::message(QString::number(i), MessageRole::User, "Hello"));
        view.setMessages(messages);
        view.removeAfter("3");
        QCOMPARE(view.messageCount(), 4);
        view.replaceMessage(tests::message("2", MessageRole::Assistant, "Changed"));
        QCOMPARE(view.messageMarkdown(2), QStringLiteral("Changed"));
        view.appendText("7", "is gone");
        view.appendText("2", " again");
        settle();
        QCOMPARE(view.messageMarkdown(2), QStringLiteral("Changed again"));
    }

    /// Saves a picture of every state to the build folder, and checks that each is not blank.
    void rendersEveryState() {
        const QString folder = tests::binaryDir() + QStringLiteral("/transcript");
        QDir().mkpath(folder);
        for (const auto& [name, messages] : tests::showcases()) {
            for (const bool dark : {false, true}) {
                Transcript view;
                view.setTheme(dark ? ui::darkPalette() : ui::lightPalette());
                view.resize(920, 760);
                view.show();
                view.setMessages(messages);
                settle();
                const int height = std::clamp(view.contentHeight(), 300, 2600);
                view.resize(920, height);
                settle();
                const QImage picture = view.grab().toImage();
                picture.save(
                    QStringLiteral("%1/%2-%3.png").arg(folder, name, dark ? "dark" : "light"));
                int inked = 0;
                const QRgb ground = picture.pixel(2, 2);
                for (int y = 0; y < picture.height(); y += 3)
                    for (int x = 0; x < picture.width(); x += 3)
                        inked += picture.pixel(x, y) != ground;
                QVERIFY2(inked > 500, qPrintable(name));
            }
        }
    }
};

INGLENOOK_SUITE(transcript, TstTranscript)
#include "tst_transcript.moc"
