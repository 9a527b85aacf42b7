#pragma once
// DeviceCard: one GPU, or the CPU where there is none: name, utilization, memory with our share
// split, power, heat, clocks; what a device does not tell is a dash. GUI thread.

#include "app/telemetry/metric_frame.h"

#include <QFrame>

class QLabel;

namespace ui {

class MemoryBar;
class Theme;

class DeviceCard : public QFrame {
    Q_OBJECT

  public:
    explicit DeviceCard(Theme& theme, QWidget* parent = nullptr);

    void showGpu(const app::MetricFrame& frame, int gpu);
    void showCpu(const app::MetricFrame& frame);
    QString text() const; ///< everything it says, for tests and screen readers

  private:
    void showLines(const QString& title, const QStringList& lines);

    Theme& m_theme;
    QLabel* m_title;
    QLabel* m_big;
    MemoryBar* m_memory;
    QLabel* m_details;
};

} // namespace ui
