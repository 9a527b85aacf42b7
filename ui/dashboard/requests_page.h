#pragma once
// RequestsPage: every running, waiting and recent request: table above, lanes below, one selection,
// its waterfall beside; stop and priority. Looks at the telemetry only while it is visible. GUI
// thread.

#include "app/telemetry/metric_frame.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QPushButton;
class QTableView;

namespace app {
class TelemetryController;
}

namespace ui {

class LanesView;
class RequestTableModel;
class Theme;
class WaterfallView;

class RequestsPage : public QWidget {
    Q_OBJECT

  public:
    RequestsPage(app::TelemetryController& telemetry, Theme& theme, QWidget* parent = nullptr);

    void select(quint64 request);
    quint64 selected() const { return m_selected; }

  protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

  private:
    void take(const app::MetricFrame& frame);
    void chooseFromTable();
    void updateSelection();
    QWidget* makeToolBar();

    app::TelemetryController& m_telemetry;
    Theme& m_theme;
    RequestTableModel* m_model;
    QTableView* m_table;
    QLabel* m_summary;
    QPushButton* m_stop;
    QComboBox* m_priority;
    LanesView* m_lanes;
    WaterfallView* m_waterfall;
    quint64 m_selected = 0;
    bool m_restoring = false; // the selection follows the model, not a person
    QMetaObject::Connection m_frames;
};

} // namespace ui
