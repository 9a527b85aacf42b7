#include "app/alerts/alert_controller.h"

#include "app/messages.h"
#include "app/telemetry/telemetry_controller.h"

namespace app {

AlertController::AlertController(TelemetryController& telemetry, QString file, QObject* parent)
    : QObject(parent), m_telemetry(telemetry), m_store(std::move(file)) {
    const engine::Result<QJsonDocument> stored = m_store.read();
    if (stored.status() == engine::Code::JsonInvalid || (stored.ok() && stored->isObject()))
        m_trouble = m_store.putAside();
    else
        m_trouble = stored.status();
    const bool hasRules = m_trouble.ok() && stored->isArray();
    m_watch.setRules(hasRules ? alertRulesFromJson(stored->array()) : defaultAlertRules());
    connect(&telemetry, &TelemetryController::frameArrived, this, &AlertController::take);
}

QString AlertController::setRules(const QList<AlertRule>& rules) {
    if (const QString problem = problemOf(rules); !problem.isEmpty())
        return problem;
    m_watch.setRules(rules);
    const engine::Status status = m_store.write(QJsonDocument(alertRulesToJson(rules)));
    return status.ok() ? QString() : sentence(status);
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
