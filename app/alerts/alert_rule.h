#pragma once
// AlertRule: a metric, a limit, how long it must hold, how bad it is. Values; kept as JSON.

#include "app/telemetry/metric.h"

#include <QByteArray>
#include <QJsonArray>
#include <QList>

namespace app {

enum class AlertOperator { Above, Below };
enum class AlertSeverity { Information, Warning, Critical };

struct AlertRule {
    QString name; ///< a word: "HighLatency"; unique
    MetricId metric = MetricId::CpuUtilization;
    AlertOperator comparison = AlertOperator::Above;
    double value = 0;      ///< in the metric's base unit
    qint64 duration_s = 0; ///< held without a break
    AlertSeverity severity = AlertSeverity::Warning;
    bool enabled = true;

    bool operator==(const AlertRule&) const = default;
};

/// HighLatency, HighErrorRate, HighCpu, HighMemory, BusyGpu.
QList<AlertRule> defaultAlertRules();

/// Why these rules cannot be watched, as a sentence; empty when they can. Translated.
QString problemOf(const QList<AlertRule>& rules);

QJsonArray alertRulesToJson(const QList<AlertRule>& rules);
/// Rules that make no sense (unknown metric, no name, a limit that is no number) are left out.
QList<AlertRule> alertRulesFromJson(const QJsonArray& json);

/// A rules file for Prometheus (https://prometheus.io/docs/prometheus/latest/configuration/
/// alerting_rules/): the same metrics under the names of /metrics. YAML.
QByteArray prometheusRules(const QList<AlertRule>& rules);

/// "Time to the first token P99 has been above 0.5 s for 5 minutes." Translated.
QString alertSentence(const AlertRule& rule, double value);

} // namespace app
