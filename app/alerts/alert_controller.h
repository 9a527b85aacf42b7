#pragma once
// AlertController: watches the telemetry by the rules of alerts.json and tells what fires. GUI
// thread.

#include "app/alerts/alert_watch.h"
#include "app/json_store.h"

#include <QObject>

namespace app {

class TelemetryController;

class AlertController : public QObject {
    Q_OBJECT

  public:
    /// `file`: alerts.json of the data folder; without it the default rules serve.
    AlertController(TelemetryController& telemetry, QString file, QObject* parent = nullptr);

    /// OK, or why the default rules serve in the place of those of the file.
    const engine::Status& trouble() const { return m_trouble; }
    const QList<AlertRule>& rules() const { return m_watch.rules(); }
    /// Empty when stored, else a sentence. Rules that make no sense change nothing.
    QString setRules(const QList<AlertRule>& rules);

  signals:
    void raised(const QString& name, app::AlertSeverity severity, const QString& sentence);
    void cleared(const QString& name);

  private:
    void take(const MetricFrame& frame);

    TelemetryController& m_telemetry;
    JsonStore m_store;
    engine::Status m_trouble;
    AlertWatch m_watch;
};

} // namespace app

Q_DECLARE_METATYPE(app::AlertSeverity)
