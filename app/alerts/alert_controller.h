#pragma once
// AlertController: watches the telemetry by the rules of alerts.json and tells what fires. GUI
// thread.

#include "app/alerts/alert_watch.h"

#include <QObject>

namespace app {

class TelemetryController;

class AlertController : public QObject {
    Q_OBJECT

  public:
    /// `file`: alerts.json of the data folder; without it the default rules serve.
    AlertController(TelemetryController& telemetry, QString file, QObject* parent = nullptr);

    const QList<AlertRule>& rules() const { return m_watch.rules(); }
    /// Empty when stored, else a sentence. Rules that make no sense change nothing.
    QString setRules(const QList<AlertRule>& rules);

  signals:
    void raised(const QString& name, app::AlertSeverity severity, const QString& sentence);
    void cleared(const QString& name);

  private:
    void take(const MetricFrame& frame);

    TelemetryController& m_telemetry;
    QString m_file;
    AlertWatch m_watch;
};

} // namespace app

Q_DECLARE_METATYPE(app::AlertSeverity)
