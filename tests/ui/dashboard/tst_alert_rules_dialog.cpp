// Rules are shown as they are, changed, and saved only when they make sense.
#include "app/alerts/alert_controller.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/support/suite_registry.h"
#include "ui/dashboard/alert_rules_dialog.h"
#include "ui/theme.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QtTest/QtTest>

class TstAlertRulesDialog : public QObject {
    Q_OBJECT

  private slots:
    void whatIsShownIsWhatIsSaved() {
        QTemporaryDir dir;
        app::TelemetryController telemetry(nullptr);
        app::AlertController alerts(telemetry, dir.filePath(QStringLiteral("alerts.json")));
        ui::AlertRulesDialog dialog(alerts);
        dialog.accept();
        QCOMPARE(dialog.result(), int(QDialog::Accepted));
        QCOMPARE(alerts.rules(), app::defaultAlertRules());
        app::AlertController again(telemetry, dir.filePath(QStringLiteral("alerts.json")));
        QCOMPARE(again.rules(), app::defaultAlertRules());
    }

    void everyRuleIsInSightWhole() {
        QTemporaryDir dir;
        ui::Theme theme;
        theme.apply();
        app::TelemetryController telemetry(nullptr);
        app::AlertController alerts(telemetry, dir.filePath(QStringLiteral("alerts.json")));
        ui::AlertRulesDialog dialog(alerts);
        dialog.QDialog::show();
        auto* scroll = dialog.findChild<QScrollArea*>();
        QVERIFY(QTest::qWaitForWindowExposed(&dialog));
        QVERIFY2(scroll->widget()->width() <= scroll->viewport()->width(),
                 qPrintable(QStringLiteral("%1 of %2")
                                .arg(scroll->widget()->width())
                                .arg(scroll->viewport()->width())));
    }

    void aRuleIsAddedChangedAndRefusedWithASentence() {
        QTemporaryDir dir;
        app::TelemetryController telemetry(nullptr);
        app::AlertController alerts(telemetry, dir.filePath(QStringLiteral("alerts.json")));
        ui::AlertRulesDialog dialog(alerts);
        dialog.QDialog::show();
        dialog.findChild<QPushButton*>(QStringLiteral("alert-add"))->click();
        auto* name = dialog.findChildren<QLineEdit*>().last();
        for (auto* each : dialog.findChildren<QLineEdit*>())
            if (each->text() == QStringLiteral("Rule1"))
                name = each;
        name->setText(QStringLiteral("two words"));
        dialog.accept();
        auto* problem = dialog.findChild<QLabel*>(QStringLiteral("alert-problem"));
        QVERIFY(problem->isVisible());
        QVERIFY(problem->text().contains(QStringLiteral("two words")));
        QCOMPARE(alerts.rules(), app::defaultAlertRules()); // nothing changed
        name->setText(QStringLiteral("Mine"));
        dialog.accept();
        QCOMPARE(dialog.result(), int(QDialog::Accepted));
        QCOMPARE(alerts.rules().size(), 6);
        QCOMPARE(alerts.rules().last().name, QStringLiteral("Mine"));
    }
};

INGLENOOK_SUITE(alert_rules_dialog, TstAlertRulesDialog)
#include "tst_alert_rules_dialog.moc"
