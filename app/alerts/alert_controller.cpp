#include "app/alerts/alert_controller.h"

#include "app/telemetry/telemetry_controller.h"

#include <QFile>
#include <QSaveFile>

namespace app {

AlertController::AlertController(TelemetryController& telemetry, QString file, QObject* parent)
    : QObject(parent), m_telemetry(telemetry), m_file(std::move(file)) {
    QFile stored(m_file);
    m_watch.setRules(stored.open(QIODevice::ReadOnly) ? alertRulesFromJson(stored.readAll())
                                                      : defaultAlertRules());
    connect(&telemetry, &TelemetryController::frameArrived, this, &AlertController::take);
}

QString AlertController::setRules(const QList<AlertRule>& rules) {
    if (const QString problem = problemOf(rules); !problem.isEmpty())
        return problem;
    m_watch.setRules(rules);
    QSaveFile file(m_file);
    if (file.open(QIODevice::WriteOnly) && file.write(alertRulesToJson(rules)) >= 0 &&
        file.commit())
        return {};
    return tr("The alert rules could not be stored in %1: %2.").arg(m_file, file.errorString());
}

void AlertController::take(const MetricFrame& frame) {
    for (const AlertChange& change : m_watch.push(frame)) {
        if (!change.fires) {
            emit cleared(change.rule.name);
            continue;
        }
        m_telemetry.addEvent({frame.time_ms, MetricEventKind::Alert, change.rule.name});
        emit raised(change.rule.name, change.rule.severity,
                    alertSentence(change.rule, change.value));
    }
}

} // namespace app
