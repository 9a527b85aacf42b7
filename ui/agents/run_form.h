#pragma once
// RunForm: a task, the agents that are to answer it, who closes. GUI thread.

#include "app/agents/agent_controller.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QVBoxLayout;

namespace app {
class Application;
}

namespace ui {

class Theme;

class RunForm : public QWidget {
    Q_OBJECT

  public:
    RunForm(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    void focusTask();
    app::RunOrder order() const;
    void setOrder(const QString& task, const QString& material);
    /// Takes the material from a text file, or says why it cannot.
    void takeMaterial(const QString& path);
    /// Empties task and material; the choice of agents stays.
    void clear();

  signals:
    void startRequested(const app::RunOrder& order);
    void editAgentsRequested();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QPlainTextEdit* addText(QVBoxLayout* column, const QString& name, const QString& placeholder,
                            int height);
    void addAgents(QVBoxLayout* column);
    void showAgents(const QList<app::Agent>& agents);
    void chooseMaterial();
    void updateStart();
    void start();

    app::Application& m_application;
    Theme& m_theme;
    QPlainTextEdit* m_task;
    QPlainTextEdit* m_material;
    QVBoxLayout* m_rows;
    QLabel* m_none;
    QComboBox* m_closing;
    QLabel* m_why; // it cannot start
    QPushButton* m_start;
    QList<app::Agent> m_agents;
    QList<QCheckBox*> m_checks; // one an agent
};

} // namespace ui
