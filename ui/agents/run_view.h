#pragma once
// RunView: one run: the task on top, a column for every agent, the closing answer below. GUI
// thread.

#include "app/agents/agent_controller.h"

#include <QWidget>

class QHBoxLayout;
class QLabel;
class QPushButton;
class QScrollArea;
class QVBoxLayout;

namespace app {
class Application;
}

namespace ui {

class LaneView;
class Theme;

class RunView : public QWidget {
    Q_OBJECT

  public:
    RunView(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    /// Takes the run's lanes over; those that are shown already stay as they are.
    void showRun(const app::AgentRun& run);
    app::RunId run() const { return m_run.id; }
    QList<LaneView*> lanes() const { return m_lanes; }
    LaneView* closing() const { return m_closing; }

  signals:
    void openRequested(app::ConversationId conversation);

  private:
    void addHeader(QVBoxLayout* layout);
    LaneView* makeLane();
    void updateLane(const app::AgentLane& lane);
    void updateHeader();

    app::Application& m_application;
    Theme& m_theme;
    app::AgentRun m_run;
    QLabel* m_title;
    QLabel* m_task;
    QLabel* m_state;
    QPushButton* m_stop;
    QPushButton* m_close;
    QLabel* m_closingNote;
    QVBoxLayout* m_rows = nullptr; // the columns, and what is below
    QScrollArea* m_columnsArea = nullptr;
    QHBoxLayout* m_columns = nullptr;
    QWidget* m_below;
    QList<LaneView*> m_lanes;
    LaneView* m_closing = nullptr;
};

} // namespace ui
