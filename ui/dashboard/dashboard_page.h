#pragma once
// DashboardPage: cards of the devices and live charts under one time range and one crosshair. Looks
// at the telemetry only while it is visible. GUI thread.

#include "app/telemetry/metric_store.h"
#include "ui/dashboard/chart_table.h"

#include <QWidget>

class QComboBox;
class QGridLayout;
class QHBoxLayout;
class QLabel;
class QScrollArea;
class QToolButton;

namespace app {
class AlertController;
class TelemetryController;
} // namespace app

namespace ui {

class DeviceCard;
class Theme;
class TimeChart;

class DashboardPage : public QWidget {
    Q_OBJECT

  public:
    /// `alerts` may be null: then there are no rules to export.
    DashboardPage(app::TelemetryController& telemetry, Theme& theme,
                  app::AlertController* alerts = nullptr, QWidget* parent = nullptr);

    const QList<TimeChart*>& charts() const { return m_charts; }
    /// Index into the ranges of the box: 0 = 1 minute .. 7 = 30 days.
    void setRangeIndex(int index);
    bool isPaused() const { return m_paused; }
    void setPaused(bool paused);
    void zoomTo(qint64 from_ms, qint64 to_ms);
    /// All charts as one table: time (ISO 8601, UTC), a column a series in base units, absent
    /// figures empty.
    QByteArray csv() const;
    QPixmap picture() const;

  protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    QWidget* makeToolBar();
    void makeCards(const app::MetricFrame& frame);
    void makeCharts();
    void placeCharts();
    void reload();
    void loadRecent();
    void loadStored();
    void take(const app::MetricFrame& frame);
    void showCards(const app::MetricFrame& frame);
    void setCrosshair(std::optional<qint64> time_ms);
    void showWindow();
    void exportCsv();
    void exportPicture();
    void exportRules();
    void write(const QString& name, const QByteArray& contents);
    qint64 newest_ms() const;

    app::TelemetryController& m_telemetry;
    Theme& m_theme;
    app::AlertController* m_alerts;
    QComboBox* m_range;
    QToolButton* m_pause;
    QToolButton* m_live;
    QLabel* m_readout;
    QScrollArea* m_scroll;
    QWidget* m_body;
    QHBoxLayout* m_cardRow;
    QGridLayout* m_grid;
    QList<DeviceCard*> m_cards;
    QList<ChartSpec> m_specs;
    QList<TimeChart*> m_charts;
    int m_gpus = -1;
    bool m_paused = false;
    std::optional<QPair<qint64, qint64>> m_zoom; // a window that stands still
    qint64 m_shownTo_ms = 0;
    qint64 m_storedAt_ms = 0; // when a long range was last read
    QMetaObject::Connection m_frames;
    QMetaObject::Connection m_events;
};

} // namespace ui
