#pragma once
// AgentEditor: the agents a person has: names, roles, settings, budgets. Changes hold when it is
// accepted. GUI thread.

#include "app/agents/agent_controller.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLineEdit;
class QListWidget;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace ui {

class AgentEditor : public QDialog {
    Q_OBJECT

  public:
    /// Accepted: the controller has the new agents.
    AgentEditor(app::AgentController& controller, QWidget* parent = nullptr);

    QList<app::Agent> agents() const { return m_agents; }
    void addAgent();
    void removeAgent();

  private:
    QWidget* makeList();
    QWidget* makeFields();
    void choose(int row);
    void take();
    void fill();
    void restoreDefaults();

    app::AgentController& m_controller;
    QList<app::Agent> m_agents;
    int m_row = -1;
    bool m_filling = false;
    QListWidget* m_list;
    QPushButton* m_remove;
    QWidget* m_fields;
    QLineEdit* m_name;
    QPlainTextEdit* m_instructions;
    QSpinBox* m_budget;
    QComboBox* m_priority;
    QCheckBox* m_own;
    QDoubleSpinBox* m_temperature;
    QDoubleSpinBox* m_topP;
};

} // namespace ui
