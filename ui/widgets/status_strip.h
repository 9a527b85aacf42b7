#pragma once
// StatusStrip: always there, one line: model, number format, device, state, speed, context. GUI
// thread.

#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"

#include <QFrame>

class QLabel;

namespace ui {

class StatusStrip : public QFrame {
    Q_OBJECT

  public:
    explicit StatusStrip(QWidget* parent = nullptr);

    void showModel(const app::ModelValue& model);
    void showLoading(const app::ModelProgress& progress);
    void showProgress(const app::GenerationProgress& progress);
    void showContext(int usedTokens, int contextTokens);
    void showRunning(int running, int queued);

  private:
    QLabel* m_model;
    QLabel* m_state;
    QLabel* m_running;
    QLabel* m_speed;
    QLabel* m_context;
};

} // namespace ui
