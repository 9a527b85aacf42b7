#pragma once
// StatusStrip: always there, one line: device, model, state of the chat, requests, speed, time to
// the first token, context. A cell with a figure is a link to the page that shows more. GUI thread.

#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "app/telemetry/metric_frame.h"
#include "ui/pages.h"

#include <QFrame>

class QLabel;
class QToolButton;

namespace ui {

class StatusStrip : public QFrame {
    Q_OBJECT

  public:
    explicit StatusStrip(QWidget* parent = nullptr);

    void showModel(const app::ModelValue& model);
    void showLoading(const app::ModelProgress& progress);
    void showProgress(const app::GenerationProgress& progress);
    void showContext(int usedTokens, int contextTokens);
    /// Figures of the machine and the engine, twice a second.
    void showFrame(const app::MetricFrame& frame);

  signals:
    void pageAsked(ui::PageId page);

  private:
    QToolButton* addCell(PageId page, const QString& name);

    QToolButton* m_device;
    QLabel* m_model;
    QLabel* m_state;
    QToolButton* m_running;
    QToolButton* m_speed;
    QToolButton* m_ttft;
    QLabel* m_context;
};

} // namespace ui
