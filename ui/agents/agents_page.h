#pragma once
// AgentsPage: the runs on the left; on the right the form of a new one, or a run with its agents
// side by side. GUI thread.

#include "app/agents/agent_controller.h"

#include <QWidget>

class QLabel;
class QListWidget;
class QPushButton;
class QStackedWidget;

namespace app {
class Application;
}

namespace ui {

class RunForm;
class RunView;
class Theme;
class Toast;

class AgentsPage : public QWidget {
    Q_OBJECT

  public:
    AgentsPage(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    RunForm& form() { return *m_form; }
    RunView& view() { return *m_view; }
    /// The form of a new run.
    void newRun();
    void openRun(app::RunId run);

  signals:
    /// A lane as a chat, on the page of the chats.
    void chatRequested(app::ConversationId conversation);

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    QWidget* makeSide();
    void connectController();
    void showRuns(const QList<app::RunRow>& runs);
    void markCurrent();
    void openMenu(const QPoint& at);
    void editAgents();
    void updateColors();

    app::Application& m_application;
    Theme& m_theme;
    QPushButton* m_new;
    QListWidget* m_list;
    QLabel* m_empty;
    QStackedWidget* m_stack;
    RunForm* m_form;
    RunView* m_view;
    Toast* m_toast;
    app::RunId m_wanted = 0; // the run that is shown or on its way; 0 = the form
};

} // namespace ui
