#include "app/alerts/alert_rule.h"
#include "tests/support/promtool.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <QJsonDocument>
#include <QtTest/QtTest>

class TstAlertRule : public QObject {
    Q_OBJECT

  private slots:
    void jsonKeepsRulesAndDropsNonsense() {
        const QList<app::AlertRule> rules = app::defaultAlertRules();
        QCOMPARE(rules.size(), 5);
        QCOMPARE(app::alertRulesFromJson(app::alertRulesToJson(rules)), rules);
        const auto rulesIn = [](const char* json) {
            return app::alertRulesFromJson(QJsonDocument::fromJson(json).array());
        };
        QVERIFY(
            rulesIn("[{\"name\": \"a b\", \"metric\": \"ttft.p99\", \"value\": 1}, 7]").isEmpty());
        QVERIFY(rulesIn("[{\"name\": \"A\", \"metric\": \"no.such\", \"value\": 1}, "
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

    void problemsAreSentences_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("metric");
        QTest::addColumn<double>("value");
        QTest::addColumn<qint64>("duration_s");
        QTest::addColumn<bool>("isRight");
        const auto row = [](const char* what, const char* name, app::MetricId metric, double value,
                            qint64 duration_s, bool isRight) {
            QTest::newRow(what) << QString::fromLatin1(name) << int(metric) << value << duration_s
                                << isRight;
        };
        using enum app::MetricId;
        row("right", "Slow", ItlP95, 0.2, 60, true);
        row("no name", "", ItlP95, 0.2, 60, false);
        row("two words", "very slow", ItlP95, 0.2, 60, false);
        row("known name", "HighCpu", ItlP95, 0.2, 60, false);
        row("beyond the range", "Slow", CpuUtilization, 1.5, 60, false);
        row("below zero", "Slow", ItlP95, -1, 60, false);
        row("no number", "Slow", ItlP95, std::nan(""), 60, false);
        row("a year", "Slow", ItlP95, 0.2, 365 * 24 * 3600, false);
        row("histogram", "Slow", ItlHistogram, 0.2, 60, false);
    }
    void problemsAreSentences() {
        QFETCH(const QString, name);
        QFETCH(const int, metric);
        QFETCH(const double, value);
        QFETCH(const qint64, duration_s);
        QFETCH(const bool, isRight);
        app::AlertRule rule;
        rule.name = name;
        rule.metric = app::MetricId(metric);
        rule.value = value;
        rule.duration_s = duration_s;
        const QString problem = app::problemOf(app::defaultAlertRules() << rule);
        QCOMPARE(problem.isEmpty(), isRight);
        QVERIFY(isRight || problem.endsWith(QLatin1Char('.')));
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
