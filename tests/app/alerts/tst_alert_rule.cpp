#include "app/alerts/alert_rule.h"
#include "tests/support/promtool.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstAlertRule : public QObject {
    Q_OBJECT

  private slots:
    void jsonKeepsRulesAndDropsNonsense() {
        const QList<app::AlertRule> rules = app::defaultAlertRules();
        QCOMPARE(rules.size(), 5);
        QCOMPARE(app::alertRulesFromJson(app::alertRulesToJson(rules)), rules);
        QVERIFY(app::alertRulesFromJson("not json").isEmpty());
        QVERIFY(app::alertRulesFromJson(
                    "[{\"name\": \"a b\", \"metric\": \"ttft.p99\", \"value\": 1}, 7]")
                    .isEmpty());
        QVERIFY(
            app::alertRulesFromJson("[{\"name\": \"A\", \"metric\": \"no.such\", \"value\": 1}, "
                                    "{\"name\": \"B\", \"metric\": \"ttft.p99\"}]")
                .isEmpty());
    }

    void defaultsAreThoseOfTheDocuments() {
        const app::AlertRule latency = app::defaultAlertRules().first();
        QCOMPARE(latency.name, QStringLiteral("HighLatency"));
        QCOMPARE(latency.metric, app::MetricId::TtftP99);
        QCOMPARE(latency.value, 0.5);
        QCOMPARE(latency.duration_s, 300);
    }

    void promtoolAcceptsTheExport() {
        const QString promtool = tests::findPromtool();
        if (promtool.isEmpty())
            QSKIP("promtool is not here: apt-get download prometheus, dpkg -x it to "
                  "BUILD/prometheus");
        QTemporaryDir folder;
        QFile file(folder.filePath(QStringLiteral("rules.yml")));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(app::prometheusRules(app::defaultAlertRules()));
        file.close();
        QProcess check;
        check.start(promtool, {QStringLiteral("check"), QStringLiteral("rules"), file.fileName()});
        QVERIFY(check.waitForFinished());
        const QByteArray said = check.readAllStandardOutput() + check.readAllStandardError();
        QVERIFY2(check.exitCode() == 0 && said.contains("5 rules found"), said.constData());
    }
};

INGLENOOK_SUITE(alert_rule, TstAlertRule)
#include "tst_alert_rule.moc"
