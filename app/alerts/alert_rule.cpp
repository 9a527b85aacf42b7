#include "app/alerts/alert_rule.h"

#include <cmath>
#include <QCoreApplication>
#include <QJsonObject>
#include <QRegularExpression>

namespace app {

namespace {

struct Alerts {
    Q_DECLARE_TR_FUNCTIONS(app::Alerts)
};

constexpr std::array kSeverities = {"info", "warning", "critical"};
constexpr qint64 kLongest_s = 7 * 24 * 3600;

/// As Prometheus wants the name of an alert.
bool isWord(const QString& name) {
    static const QRegularExpression word(QStringLiteral("^[A-Za-z_][A-Za-z0-9_]{0,63}$"));
    return word.match(name).hasMatch();
}

/// A limit or value as a sentence needs it.
QString spoken(MetricUnit unit, double value) {
    switch (unit) {
    case MetricUnit::Ratio:
        return Alerts::tr("%1 %").arg(value * 100, 0, 'g', 3);
    case MetricUnit::Seconds:
        return Alerts::tr("%1 s").arg(value, 0, 'g', 3);
    default:
        return QString::number(value, 'g', 4);
    }
}

QJsonObject toJson(const AlertRule& rule) {
    return {{QStringLiteral("name"), rule.name},
            {QStringLiteral("metric"), QLatin1String(definition(rule.metric).key)},
            {QStringLiteral("operator"),
             rule.comparison == AlertOperator::Above ? QStringLiteral(">") : QStringLiteral("<")},
            {QStringLiteral("value"), rule.value},
            {QStringLiteral("duration_s"), rule.duration_s},
            {QStringLiteral("severity"),
             QLatin1String(kSeverities[static_cast<std::size_t>(rule.severity)])},
            {QStringLiteral("enabled"), rule.enabled}};
}

std::optional<AlertRule> fromJson(const QJsonObject& object) {
    AlertRule rule;
    rule.name = object.value(QStringLiteral("name")).toString();
    const auto metric = metricFromKey(object.value(QStringLiteral("metric")).toString());
    const QJsonValue value = object.value(QStringLiteral("value"));
    if (!isWord(rule.name) || !metric || !value.isDouble())
        return std::nullopt;
    rule.metric = *metric;
    rule.value = value.toDouble();
    rule.duration_s =
        std::clamp<qint64>(object.value(QStringLiteral("duration_s")).toInteger(), 0, kLongest_s);
    if (object.value(QStringLiteral("operator")).toString() == QLatin1String("<"))
        rule.comparison = AlertOperator::Below;
    const QString severity = object.value(QStringLiteral("severity")).toString();
    for (std::size_t i = 0; i < kSeverities.size(); ++i)
        if (severity == QLatin1String(kSeverities[i]))
            rule.severity = static_cast<AlertSeverity>(i);
    rule.enabled = object.value(QStringLiteral("enabled")).toBool(true);
    return rule;
}

} // namespace

QList<AlertRule> defaultAlertRules() {
    using enum AlertOperator;
    using enum AlertSeverity;
    const auto name = [](const char* text) { return QString::fromLatin1(text); };
    return {
        {name("HighLatency"), MetricId::TtftP99, Above, 0.5, 300, Warning},
        {name("HighErrorRate"), MetricId::ErrorRatio, Above, 0.001, 0, Critical},
        {name("HighCpu"), MetricId::CpuUtilization, Above, 0.70, 300, Information},
        {name("HighMemory"), MetricId::MemoryUsage, Above, 0.85, 300, Warning},
        {name("BusyGpu"), MetricId::GpuUtilization, Above, 0.90, 60, Information},
    };
}

QString problemOf(const QList<AlertRule>& rules) {
    QStringList names;
    for (const AlertRule& rule : rules) {
        const MetricDefinition& metric = definition(rule.metric);
        if (!isWord(rule.name))
            return Alerts::tr("“%1” cannot be the name of a rule: it has letters, digits and _ "
                              "only, and begins with a letter.")
                .arg(rule.name);
        if (names.contains(rule.name))
            return Alerts::tr("Two rules are called %1: give one of them another name.")
                .arg(rule.name);
        names.append(rule.name);
        if (metric.kind == MetricKind::Histogram)
            return Alerts::tr("%1: %2 is no single figure. Choose one of its percentiles.")
                .arg(rule.name, metricTitle(rule.metric));
        const bool isInRange = std::isfinite(rule.value) && rule.value >= 0 &&
                               (!metric.highest || rule.value <= *metric.highest);
        if (!isInRange)
            return Alerts::tr("%1: %2 cannot reach %3, so the rule would never make sense.")
                .arg(rule.name, metricTitle(rule.metric), spoken(metric.unit, rule.value));
        if (rule.duration_s < 0 || rule.duration_s > kLongest_s)
            return Alerts::tr("%1: a rule holds for at most seven days.").arg(rule.name);
    }
    return {};
}

QJsonArray alertRulesToJson(const QList<AlertRule>& rules) {
    QJsonArray array;
    for (const AlertRule& rule : rules)
        array.append(toJson(rule));
    return array;
}

QList<AlertRule> alertRulesFromJson(const QJsonArray& json) {
    QList<AlertRule> rules;
    for (const QJsonValue& value : json)
        if (const auto rule = fromJson(value.toObject()))
            rules.append(*rule);
    return rules;
}

QByteArray prometheusRules(const QList<AlertRule>& rules) {
    QByteArray text = "groups:\n- name: inglenook\n  rules:\n";
    for (const AlertRule& rule : rules) {
        if (!rule.enabled)
            continue;
        const MetricDefinition& metric = definition(rule.metric);
        text += "  - alert: " + rule.name.toUtf8() + '\n';
        text += QByteArray("    expr: ") + metric.exported +
                (rule.comparison == AlertOperator::Above ? " > " : " < ") +
                QByteArray::number(rule.value, 'g', 10) + '\n';
        text += "    for: " + QByteArray::number(rule.duration_s) + "s\n";
        text += QByteArray("    labels:\n      severity: ") +
                kSeverities[static_cast<std::size_t>(rule.severity)] + '\n';
        text += QByteArray("    annotations:\n      summary: \"") + metric.help + "\"\n";
    }
    return text;
}

QString alertSentence(const AlertRule& rule, double value) {
    const MetricDefinition& metric = definition(rule.metric);
    const QString title = metricTitle(rule.metric);
    const QString limit = spoken(metric.unit, rule.value);
    const QString now = spoken(metric.unit, value);
    if (rule.comparison == AlertOperator::Above)
        return Alerts::tr("%1: %2 is above %3 (now %4).").arg(rule.name, title, limit, now);
    return Alerts::tr("%1: %2 is below %3 (now %4).").arg(rule.name, title, limit, now);
}

} // namespace app
