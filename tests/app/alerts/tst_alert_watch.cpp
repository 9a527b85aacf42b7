#include "app/alerts/alert_controller.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/support/few_files.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;

namespace {

app::MetricFrame frameAt(qint64 second, std::optional<double> ttft) {
    app::MetricFrame frame;
    frame.steady_us = second * 1'000'000;
    frame.time_ms = second * 1000;
    frame.machine.set(MetricId::TtftP99, ttft);
    return frame;
}

} // namespace

class TstAlertWatch : public QObject {
    Q_OBJECT

  private slots:
    void firesAfterItsDurationAndEndsAtOnce() {
        app::AlertWatch watch;
        watch.setRules(app::defaultAlertRules());
        for (qint64 second = 1; second < 301; ++second)
            QVERIFY(watch.push(frameAt(second, 0.6)).isEmpty());
        const QList<app::AlertChange> begun = watch.push(frameAt(301, 0.7));
        QCOMPARE(begun.size(), 1);
        QCOMPARE(begun[0].rule.name, QStringLiteral("HighLatency"));
        QVERIFY(begun[0].fires);
        QCOMPARE(begun[0].value, 0.7);
        QVERIFY(watch.push(frameAt(302, 0.9)).isEmpty()); // told once
        const QList<app::AlertChange> ended = watch.push(frameAt(303, 0.5));
        QCOMPARE(ended.size(), 1);
        QVERIFY(!ended[0].fires);
    }

    void aBreakOrAnAbsentFigureBeginsAnew() {
        app::AlertWatch watch;
        watch.setRules(app::defaultAlertRules());
        for (qint64 second = 1; second < 900; ++second) {
            const bool breaks = second % 200 == 0;
            QVERIFY(
                watch.push(frameAt(second, breaks ? std::nullopt : std::optional(2.0))).isEmpty());
        }
    }

    void anyGpuCounts() {
        app::AlertWatch watch;
        watch.setRules(app::defaultAlertRules());
        app::MetricFrame frame = frameAt(1, {});
        frame.gpus.resize(2);
        frame.gpus[0].values.set(MetricId::GpuUtilization, 0.1);
        frame.gpus[1].values.set(MetricId::GpuUtilization, 0.95);
        watch.push(frame);
        frame.steady_us += 60'000'000;
        const QList<app::AlertChange> begun = watch.push(frame);
        QCOMPARE(begun.size(), 1);
        QCOMPARE(begun[0].rule.severity, app::AlertSeverity::Information);
        QCOMPARE(begun[0].value, 0.95);
    }

    void theControllerTellsAndMarks() {
        QTemporaryDir folder;
        const QString file = folder.filePath(QStringLiteral("alerts.json"));
        app::TelemetryController telemetry(nullptr);
        app::AlertController alerts(telemetry, file);
        app::AlertRule rule = app::defaultAlertRules().first();
        rule.duration_s = 0;
        QCOMPARE(alerts.setRules({rule}), QString());
        QSignalSpy raised(&alerts, &app::AlertController::raised);
        QSignalSpy cleared(&alerts, &app::AlertController::cleared);
        telemetry.accept(frameAt(5, 1.5));
        QCOMPARE(raised.size(), 1);
        QVERIFY(raised[0][2].toString().contains(QStringLiteral("1.5 s")));
        QCOMPARE(telemetry.events().size(), 1);
        QCOMPARE(telemetry.events()[0].kind, app::MetricEventKind::Alert);
        telemetry.accept(frameAt(6, {}));
        QCOMPARE(cleared.size(), 1);
        app::AlertController again(telemetry, file); // kept
        QCOMPARE(again.rules(), QList<app::AlertRule>{rule});
    }

    void rulesThatCannotBeReadAreSaidAndKept() {
        QTemporaryDir folder;
        const QString file = folder.filePath(QStringLiteral("alerts.json"));
        const auto place = [&](const char* text) {
            QFile out(file);
            return out.open(QIODevice::WriteOnly) && out.write(text) > 0;
        };
        app::TelemetryController telemetry(nullptr);
        QVERIFY(place("[]")); // somebody wants no alerts
        {
            const tests::FewFiles none;
            app::AlertController alerts(telemetry, file);
            QVERIFY(alerts.trouble() == engine::Code::FileCannotOpen);
            QCOMPARE(alerts.rules(), app::defaultAlertRules());
            QVERIFY(!alerts.setRules(app::defaultAlertRules()).isEmpty());
        }
        QVERIFY(app::AlertController(telemetry, file).rules().isEmpty());
        QVERIFY(place("[{\"name\": "));
        app::AlertController alerts(telemetry, file);
        QVERIFY(alerts.trouble() == engine::Code::SettingsDamaged);
        QCOMPARE(alerts.rules(), app::defaultAlertRules());
        QCOMPARE(QDir(folder.path()).entryList({QStringLiteral("*.damaged-*")}).size(), 1);
    }
};

INGLENOOK_SUITE(alert_watch, TstAlertWatch)
#include "tst_alert_watch.moc"
