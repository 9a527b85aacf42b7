#include "app/alerts/alert_watch.h"

namespace app {

namespace {

/// The value that breaks the rule the most, of the machine or of any GPU.
std::optional<double> worst(const AlertRule& rule, const MetricFrame& frame) {
    const bool above = rule.comparison == AlertOperator::Above;
    std::optional<double> found = frame.machine.get(rule.metric);
    for (const GpuFrame& gpu : frame.gpus)
        if (const auto value = gpu.values.get(rule.metric))
            if (!found || (above ? *value > *found : *value < *found))
                found = value;
    if (!found || (above ? *found <= rule.value : *found >= rule.value))
        return std::nullopt;
    return found;
}

} // namespace

void AlertWatch::setRules(const QList<AlertRule>& rules) {
    m_rules = rules;
}

QList<AlertChange> AlertWatch::push(const MetricFrame& frame) {
    QList<AlertChange> changes;
    std::map<QString, State> held;
    for (const AlertRule& rule : m_rules) {
        const std::optional<double> value = rule.enabled ? worst(rule, frame) : std::nullopt;
        const auto before = m_held.find(rule.name);
        if (!value) {
            if (before != m_held.end() && before->second.fires)
                changes.append({rule, false, before->second.value});
            continue;
        }
        State state = before != m_held.end() ? before->second : State{frame.steady_us};
        state.value = *value;
        if (!state.fires && frame.steady_us - state.since_us >= rule.duration_s * 1'000'000) {
            state.fires = true;
            changes.append({rule, true, *value});
        }
        held.insert_or_assign(rule.name, state);
    }
    m_held = std::move(held);
    return changes;
}

} // namespace app
