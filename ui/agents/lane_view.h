#pragma once
// LaneView: one agent's column in a run: who it is, what it does now, what its budget leaves, its
// answer as it is written. GUI thread.

#include "app/agents/agent_controller.h"

#include <QFrame>

class QHBoxLayout;
class QLabel;
class QProgressBar;
class QToolButton;

namespace app {
class Application;
class ChatController;
struct GenerationProgress;
struct Message;
} // namespace app

namespace ui {

class Theme;
class Transcript;

class LaneView : public QFrame {
    Q_OBJECT

  public:
    LaneView(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    void showLane(const app::AgentLane& lane);
    const app::AgentLane& lane() const { return m_lane; }
    Transcript& transcript() { return *m_transcript; }
    QString stateLine() const;

  signals:
    /// The whole conversation, in a chat.
    void openRequested(app::ConversationId conversation);

  private:
    void addButtons(QHBoxLayout* row);
    void connectChat();
    void connectTranscript();
    void showMessages(const QList<app::Message>& messages);
    void showProgress(const app::GenerationProgress& progress);
    void updateState();
    void updateSigns();
    void updateColors();
    void applySettings();

    app::Application& m_application;
    Theme& m_theme;
    app::AgentLane m_lane;
    app::ChatController* m_chat; // of the lane's conversation
    QLabel* m_sign;
    QLabel* m_name;
    QLabel* m_state;
    QProgressBar* m_budget;
    QToolButton* m_pause; // or goes on
    QToolButton* m_stop;
    QToolButton* m_open;
    Transcript* m_transcript;
};

} // namespace ui
