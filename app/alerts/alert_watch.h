#pragma once
// AlertWatch: which rules fire. A rule fires once its condition has held for its duration, and ends
// with the first look at which it does not hold; an absent figure holds nothing. Time comes with
// the looks.

#include "app/alerts/alert_rule.h"
#include "app/telemetry/metric_frame.h"

#include <map>

namespace app {

/// A rule began or ceased to fire.
struct AlertChange {
    AlertRule rule;
    bool fires = false;
    double value = 0; ///< at this look; of the end: the last one at which it held
};

class AlertWatch {
  public:
    void setRules(const QList<AlertRule>& rules); ///< those that fire and stay go on firing
    const QList<AlertRule>& rules() const { return m_rules; }

    QList<AlertChange> push(const MetricFrame& frame);

  private:
    struct State {
        qint64 since_us = 0;
        bool fires = false;
        double value = 0;
    };
    QList<AlertRule> m_rules;
    std::map<QString, State> m_held; // by name: those whose condition holds
};

} // namespace app
