// The question before a model goes whose answers run.
#include "tests/support/suite_registry.h"
#include "ui/chat/interruption_dialog.h"

#include <QPushButton>
#include <QtTest/QtTest>

class TstInterruptionDialog : public QObject {
    Q_OBJECT

  private slots:
    void namesModelsAndChats() {
        ui::InterruptionDialog dialog({QStringLiteral("small"),
                                       QStringLiteral("big"),
                                       {QStringLiteral("first chat"), QStringLiteral("second")}});
        QVERIFY(dialog.text().contains(QStringLiteral("small")));
        QVERIFY(dialog.text().contains(QStringLiteral("big")));
        QVERIFY(dialog.informativeText().contains(QStringLiteral("first chat")));
        QVERIFY(dialog.informativeText().contains(QStringLiteral("second")));
        QCOMPARE(dialog.buttons().size(), 3);
    }

    void manyChatsAreCounted() {
        QStringList chats;
        for (int i = 0; i < 40; ++i)
            chats.append(QStringLiteral("chat %1").arg(i));
        ui::InterruptionDialog dialog({QStringLiteral("small"), {}, chats});
        QVERIFY(dialog.informativeText().contains(QStringLiteral("34")));
        QVERIFY(dialog.informativeText().count(QLatin1Char('\n')) < 10);
    }

    void eachButtonDecides_data() {
        QTest::addColumn<int>("role");
        QTest::addColumn<app::InterruptionChoice>("choice");
        QTest::newRow("finish") << int(QMessageBox::AcceptRole)
                                << app::InterruptionChoice::WhenFinished;
        QTest::newRow("now") << int(QMessageBox::DestructiveRole) << app::InterruptionChoice::Now;
        QTest::newRow("cancel") << int(QMessageBox::RejectRole) << app::InterruptionChoice::Never;
    }
    void eachButtonDecides() {
        QFETCH(int, role);
        QFETCH(app::InterruptionChoice, choice);
        auto* dialog = new ui::InterruptionDialog({QStringLiteral("m"), {}, {}});
        QSignalSpy decided(dialog, &ui::InterruptionDialog::decided);
        dialog->open();
        for (QAbstractButton* button : dialog->buttons())
            if (dialog->buttonRole(button) == role)
                button->click();
        QCOMPARE(decided.size(), 1);
        QCOMPARE(decided.at(0).at(0).value<app::InterruptionChoice>(), choice);
    }

    void escapeChangesNothing() {
        auto* dialog = new ui::InterruptionDialog({QStringLiteral("m"), {}, {}});
        QSignalSpy decided(dialog, &ui::InterruptionDialog::decided);
        dialog->open();
        QTest::keyClick(dialog, Qt::Key_Escape);
        QCOMPARE(decided.size(), 1);
        QCOMPARE(decided.at(0).at(0).value<app::InterruptionChoice>(),
                 app::InterruptionChoice::Never);
    }
};

INGLENOOK_SUITE(interruption_dialog, TstInterruptionDialog)
#include "tst_interruption_dialog.moc"
