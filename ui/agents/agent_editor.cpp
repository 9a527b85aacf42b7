#include "ui/agents/agent_editor.h"

#include "ui/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>

namespace ui {

AgentEditor::AgentEditor(app::AgentController& controller, QWidget* parent)
    : QDialog(parent),
      m_controller(controller),
      m_agents(controller.agents()),
      m_list(new QListWidget),
      m_remove(new QPushButton(tr("Remove"))),
      m_fields(nullptr),
      m_name(new QLineEdit),
      m_instructions(new QPlainTextEdit),
      m_budget(new QSpinBox),
      m_priority(new QComboBox),
      m_own(new QCheckBox(tr("Settings of its own"))),
      m_temperature(new QDoubleSpinBox),
      m_topP(new QDoubleSpinBox) {
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Agents"));
    resize(720, 480);
    auto* buttons = new QDialogButtonBox;
    QPushButton* save = buttons->addButton(tr("Save"), QDialogButtonBox::AcceptRole);
    save->setProperty("role", "primary");
    buttons->addButton(tr("Cancel"), QDialogButtonBox::RejectRole);
    QPushButton* defaults =
        buttons->addButton(tr("Those of the program"), QDialogButtonBox::ResetRole);
    defaults->setToolTip(tr("Puts the agents that come with the program in place of all others"));
    auto* row = new QHBoxLayout;
    row->setSpacing(space::kLarge);
    row->addWidget(makeList());
    m_fields = makeFields();
    row->addWidget(m_fields, 1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kLarge);
    layout->setSpacing(space::kLarge);
    layout->addLayout(row, 1);
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        m_controller.setAgents(m_agents);
        accept();
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(defaults, &QPushButton::clicked, this, &AgentEditor::restoreDefaults);
    fill();
}

QWidget* AgentEditor::makeList() {
    auto* side = new QWidget;
    side->setFixedWidth(200);
    m_list->setAccessibleName(tr("Agents"));
    m_list->setProperty("role", "rows");
    auto* add = new QPushButton(tr("Add"));
    auto* layout = new QVBoxLayout(side);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_list, 1);
    auto* row = new QHBoxLayout;
    row->addWidget(add);
    row->addWidget(m_remove);
    layout->addLayout(row);
    connect(m_list, &QListWidget::currentRowChanged, this, &AgentEditor::choose);
    connect(add, &QPushButton::clicked, this, &AgentEditor::addAgent);
    connect(m_remove, &QPushButton::clicked, this, &AgentEditor::removeAgent);
    return side;
}

QWidget* AgentEditor::makeFields() {
    auto* fields = new QWidget;
    auto* form = new QFormLayout(fields);
    form->setContentsMargins(0, 0, 0, 0);
    form->setVerticalSpacing(space::kMedium);
    m_name->setMaxLength(60);
    m_name->setPlaceholderText(tr("An agent without a name is not kept"));
    m_instructions->setPlaceholderText(tr("Who is it, what does it look for, how does it answer?"));
    m_instructions->setTabChangesFocus(true);
    m_budget->setRange(0, 1'000'000);
    m_budget->setSingleStep(100);
    m_budget->setGroupSeparatorShown(true);
    m_budget->setSpecialValueText(tr("no limit"));
    m_priority->addItem(tr("after the chats"), int(app::AgentPriority::Normal));
    m_priority->addItem(tr("when nothing else is to do"), int(app::AgentPriority::Background));
    m_temperature->setRange(0, 5);
    m_temperature->setSingleStep(0.1);
    m_topP->setRange(0.01, 1);
    m_topP->setSingleStep(0.05);
    form->addRow(tr("Name"), m_name);
    form->addRow(tr("Instructions"), m_instructions);
    form->addRow(tr("Token budget"), m_budget);
    form->addRow(tr("Its turn"), m_priority);
    form->addRow(QString(), m_own);
    form->addRow(tr("Temperature"), m_temperature);
    form->addRow(tr("Top-p"), m_topP);
    const std::pair<QWidget*, QString> names[] = {{m_name, tr("Name")},
                                                  {m_instructions, tr("Instructions")},
                                                  {m_budget, tr("Token budget")},
                                                  {m_priority, tr("Its turn")},
                                                  {m_temperature, tr("Temperature")},
                                                  {m_topP, tr("Top-p")}};
    for (const auto& [field, name] : names)
        field->setAccessibleName(name);
    connect(m_name, &QLineEdit::textChanged, this, &AgentEditor::take);
    connect(m_instructions, &QPlainTextEdit::textChanged, this, &AgentEditor::take);
    connect(m_budget, &QSpinBox::valueChanged, this, &AgentEditor::take);
    connect(m_priority, &QComboBox::currentIndexChanged, this, &AgentEditor::take);
    connect(m_own, &QCheckBox::toggled, this, &AgentEditor::take);
    connect(m_temperature, &QDoubleSpinBox::valueChanged, this, &AgentEditor::take);
    connect(m_topP, &QDoubleSpinBox::valueChanged, this, &AgentEditor::take);
    return fields;
}

void AgentEditor::fill() {
    m_list->clear();
    for (const app::Agent& agent : m_agents)
        m_list->addItem(agent.name);
    m_list->setCurrentRow(m_agents.isEmpty() ? -1 : 0);
    choose(m_list->currentRow());
}

void AgentEditor::choose(int row) {
    m_row = row;
    const bool is = row >= 0 && row < m_agents.size();
    m_fields->setEnabled(is);
    m_remove->setEnabled(is);
    const app::Agent agent = is ? m_agents[row] : app::Agent();
    const app::SamplingValues sampling = agent.sampling.value_or(app::SamplingValues());
    m_filling = true;
    m_name->setText(agent.name);
    m_instructions->setPlainText(agent.instructions);
    m_budget->setValue(agent.tokenBudget);
    m_priority->setCurrentIndex(m_priority->findData(int(agent.priority)));
    m_own->setChecked(agent.sampling.has_value());
    m_temperature->setValue(sampling.temperature);
    m_topP->setValue(sampling.topP);
    m_temperature->setEnabled(is && m_own->isChecked());
    m_topP->setEnabled(is && m_own->isChecked());
    m_filling = false;
}

/// The fields' values into the agent that is chosen.
void AgentEditor::take() {
    if (m_filling || m_row < 0 || m_row >= m_agents.size())
        return;
    app::Agent& agent = m_agents[m_row];
    agent.name = m_name->text().simplified();
    agent.instructions = m_instructions->toPlainText();
    agent.tokenBudget = m_budget->value();
    agent.priority = app::AgentPriority(m_priority->currentData().toInt());
    if (m_own->isChecked()) {
        app::SamplingValues sampling = agent.sampling.value_or(app::SamplingValues());
        sampling.temperature = m_temperature->value();
        sampling.topP = m_topP->value();
        agent.sampling = sampling;
    } else {
        agent.sampling.reset();
    }
    m_temperature->setEnabled(m_own->isChecked());
    m_topP->setEnabled(m_own->isChecked());
    m_list->item(m_row)->setText(agent.name);
}

void AgentEditor::addAgent() {
    app::Agent agent;
    agent.name = tr("New agent");
    agent.tokenBudget = 1500;
    m_agents.append(agent);
    m_list->addItem(agent.name);
    m_list->setCurrentRow(int(m_agents.size()) - 1);
    m_name->setFocus(Qt::OtherFocusReason);
    m_name->selectAll();
}

void AgentEditor::removeAgent() {
    if (m_row < 0 || m_row >= m_agents.size())
        return;
    const int row = std::exchange(m_row, -1);
    m_agents.removeAt(row);
    delete m_list->takeItem(row);
    choose(m_list->currentRow());
}

void AgentEditor::restoreDefaults() {
    m_agents = app::defaultAgents();
    fill();
}

} // namespace ui
