#include "tests/support/suite_registry.h"
#include "ui/chat/prompt_edit.h"

#include <QInputMethodEvent>
#include <QtTest/QtTest>

class TstPromptEdit : public QObject {
    Q_OBJECT

  private slots:
    void enterSendsAndShiftEnterBreaksTheLine() {
        ui::PromptEdit edit;
        const QSignalSpy sent(&edit, &ui::PromptEdit::sendRequested);
        edit.setPlainText(QStringLiteral("a"));
        edit.moveCursor(QTextCursor::End);
        QTest::keyClick(&edit, Qt::Key_Return, Qt::ShiftModifier);
        QCOMPARE(edit.toPlainText(), QStringLiteral("a\n"));
        QCOMPARE(sent.count(), 0);
        QTest::keyClick(&edit, Qt::Key_Return);
        QCOMPARE(sent.count(), 1);
    }

    void ctrlEnterCanBeTheSendKey() {
        ui::PromptEdit edit;
        edit.setSendWithCtrl(true);
        const QSignalSpy sent(&edit, &ui::PromptEdit::sendRequested);
        QTest::keyClick(&edit, Qt::Key_Return);
        QCOMPARE(sent.count(), 0);
        QTest::keyClick(&edit, Qt::Key_Return, Qt::ControlModifier);
        QCOMPARE(sent.count(), 1);
    }

    void enterWhileAnInputMethodComposesNeverSends() {
        ui::PromptEdit edit;
        const QSignalSpy sent(&edit, &ui::PromptEdit::sendRequested);
        QInputMethodEvent compose(QStringLiteral("nihao"), {});
        QApplication::sendEvent(&edit, &compose);
        QTest::keyClick(&edit, Qt::Key_Return);
        QCOMPARE(sent.count(), 0);
        QInputMethodEvent commit;
        commit.setCommitString(QStringLiteral("你好"));
        QApplication::sendEvent(&edit, &commit);
        QTest::keyClick(&edit, Qt::Key_Return);
        QCOMPARE(sent.count(), 1);
    }

    void upInAnEmptyFieldRecalls() {
        ui::PromptEdit edit;
        const QSignalSpy recalled(&edit, &ui::PromptEdit::recallRequested);
        QTest::keyClick(&edit, Qt::Key_Up);
        QCOMPARE(recalled.count(), 1);
        edit.setPlainText(QStringLiteral("text"));
        QTest::keyClick(&edit, Qt::Key_Up);
        QCOMPARE(recalled.count(), 1);
    }

    void growsWithItsTextUpToALimit() {
        ui::PromptEdit edit;
        edit.resize(400, 40);
        const int one = edit.sizeHint().height();
        edit.setPlainText(QStringLiteral("a\nb\nc"));
        const int three = edit.sizeHint().height();
        QVERIFY(three > one);
        edit.setPlainText(QString(400, QLatin1Char('\n')));
        const int many = edit.sizeHint().height();
        QVERIFY(many > three);
        QVERIFY(many < 20 * edit.fontMetrics().lineSpacing());
    }
};

INGLENOOK_SUITE(prompt_edit, TstPromptEdit)
#include "tst_prompt_edit.moc"
