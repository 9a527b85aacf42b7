#include "ui/agents/run_form.h"

#include "app/application.h"
#include "app/session/model_controller.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/layouts.h"

#include <algorithm>
#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QKeyEvent>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QStringDecoder>
#include <QTextBlock>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kColumnWidth = 760;        // px, as the transcript's
constexpr int kMostFile_bytes = 4 << 20; // of material
constexpr int kChosenAtFirst = 3;        // agents

QLabel* mutedLabel(const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", "muted");
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    return label;
}

QLabel* headingLabel(const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", "title");
    label->setContentsMargins(0, space::kLarge, 0, 0);
    return label;
}

/// Anything but white space.
bool hasWords(const QPlainTextEdit& edit) {
    for (QTextBlock block = edit.document()->begin(); block.isValid(); block = block.next())
        if (!block.text().trimmed().isEmpty())
            return true;
    return false;
}

} // namespace

RunForm::RunForm(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_theme(theme),
      m_task(nullptr),
      m_material(nullptr),
      m_rows(new QVBoxLayout),
      m_none(mutedLabel(tr("There is no agent yet. Add one, or take those that come with the "
                           "program."))),
      m_closing(new QComboBox),
      m_why(mutedLabel({})),
      m_start(new QPushButton(tr("Start"))) {
    auto* page = new QWidget;
    page->setMaximumWidth(kColumnWidth);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kWide);
    column->setSpacing(space::kSmall);
    auto* title = new QLabel(tr("Ask several agents at once"));
    title->setProperty("role", "display");
    column->addWidget(title);
    column->addWidget(mutedLabel(
        tr("Each agent answers the same task in its own role, side by side. They share what they "
           "read, so every further agent costs little more than its answer.")));
    m_task = addText(column, tr("Task"), tr("What shall they work on?"), 96);
    m_material = addText(column, tr("Material (optional)"),
                         tr("A text, code or notes that all of them get with the task"), 110);
    auto* fromFile = new QPushButton(tr("Take it from a file…"));
    fromFile->setProperty("role", "link");
    connect(fromFile, &QPushButton::clicked, this, &RunForm::chooseMaterial);
    column->addWidget(fromFile, 0, Qt::AlignLeft);
    addAgents(column);

    auto* bottom = new QHBoxLayout;
    bottom->addWidget(m_why, 1);
    bottom->addWidget(m_start);
    m_start->setProperty("role", "primary");
    m_start->setToolTip(tr("Ctrl+Enter in the task"));
    column->addSpacing(space::kMedium);
    column->addLayout(bottom);
    column->addStretch(1);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(scrolledColumn(page));

    connect(m_start, &QPushButton::clicked, this, &RunForm::start);
    connect(m_task, &QPlainTextEdit::textChanged, this, &RunForm::updateStart);
    connect(&application.models(), &app::ModelController::modelChanged, this,
            &RunForm::updateStart);
    connect(&application.agents(), &app::AgentController::agentsChanged, this,
            &RunForm::showAgents);
    showAgents(application.agents().agents());
}

QPlainTextEdit* RunForm::addText(QVBoxLayout* column, const QString& name,
                                 const QString& placeholder, int height) {
    auto* edit = new QPlainTextEdit;
    edit->setPlaceholderText(placeholder);
    edit->setAccessibleName(name);
    edit->setTabChangesFocus(true);
    edit->setFixedHeight(height);
    edit->setFont(m_theme.font(TextSize::Reading));
    edit->installEventFilter(this);
    column->addWidget(headingLabel(name));
    column->addWidget(edit);
    return edit;
}

void RunForm::addAgents(QVBoxLayout* column) {
    auto* edit = new QPushButton(tr("Edit the agents…"));
    edit->setProperty("role", "link");
    connect(edit, &QPushButton::clicked, this, &RunForm::editAgentsRequested);
    auto* heading = new QHBoxLayout;
    heading->addWidget(headingLabel(tr("Agents")), 1);
    heading->addWidget(edit, 0, Qt::AlignBottom);
    column->addLayout(heading);
    m_rows->setSpacing(space::kHair);
    column->addWidget(m_none);
    column->addLayout(m_rows);
    column->addWidget(headingLabel(tr("Closing answer")));
    column->addWidget(mutedLabel(
        tr("When all have answered, one agent can receive all answers and bring them together.")));
    m_closing->setAccessibleName(tr("Closing answer"));
    column->addWidget(m_closing, 0, Qt::AlignLeft);
}

/// What was chosen stays chosen, by name.
void RunForm::showAgents(const QList<app::Agent>& agents) {
    QSet<QString> chosen;
    for (int i = 0; i < m_checks.size(); ++i)
        if (m_checks[i]->isChecked())
            chosen.insert(m_agents[i].name);
    const bool isFirst = m_agents.isEmpty();
    const QString closing = m_closing->currentText();
    m_agents = agents;
    while (QLayoutItem* item = m_rows->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    m_checks.clear();
    m_closing->clear();
    m_closing->addItem(tr("Nobody"));
    for (int i = 0; i < agents.size(); ++i) {
        const app::Agent& agent = agents[i];
        auto* row = new QWidget;
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(space::kSmall);
        auto* check = new QCheckBox;
        check->setProperty("role", "bare"); // its name stands elsewhere
        check->setAccessibleName(agent.name);
        check->setChecked(isFirst ? i < kChosenAtFirst : chosen.contains(agent.name));
        auto* name = new QLabel(agent.name);
        name->setTextFormat(Qt::PlainText);
        name->setBuddy(check);
        name->setContentsMargins(0, 3, 0, 0); // on the line of the box
        name->setFixedWidth(130);
        auto* what = mutedLabel(agent.instructions.simplified());
        what->setContentsMargins(0, 3, 0, 0);
        line->addWidget(check, 0, Qt::AlignTop);
        line->addWidget(name, 0, Qt::AlignTop);
        line->addWidget(what, 1);
        m_rows->addWidget(row);
        m_checks.append(check);
        connect(check, &QCheckBox::toggled, this, &RunForm::updateStart);
        m_closing->addItem(agent.name);
    }
    m_none->setVisible(agents.isEmpty());
    // The last of the program's agents is the one who brings answers together.
    const int last = isFirst ? int(agents.size()) : m_closing->findText(closing);
    m_closing->setCurrentIndex(std::max(last, 0));
    updateStart();
}

void RunForm::chooseMaterial() {
    const QString path = QFileDialog::getOpenFileName(window(), tr("Material from a text file"));
    if (!path.isEmpty())
        takeMaterial(path);
}

void RunForm::takeMaterial(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        m_why->setText(tr("%1 could not be read: %2.").arg(path, file.errorString()));
        return;
    }
    const QByteArray bytes = file.read(kMostFile_bytes + 1);
    if (bytes.size() > kMostFile_bytes || bytes.contains('\0')) {
        m_why->setText(tr("%1 is not a text of at most 4 MiB.").arg(path));
        return;
    }
    // Stateless: half a character at the end is an error too.
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
    const QString text = decoder(bytes);
    if (decoder.hasError()) {
        m_why->setText(tr("%1 is not UTF-8 text. Save it as UTF-8, then take it again.").arg(path));
        return;
    }
    m_material->setPlainText(text);
    updateStart(); // what was wrong with another file is over
}

app::RunOrder RunForm::order() const {
    app::RunOrder order;
    order.task = m_task->toPlainText();
    order.material = m_material->toPlainText();
    for (int i = 0; i < m_checks.size(); ++i)
        if (m_checks[i]->isChecked())
            order.agents.append(m_agents[i]);
    if (m_closing->currentIndex() > 0)
        order.closing = m_agents[m_closing->currentIndex() - 1];
    return order;
}

void RunForm::setOrder(const QString& task, const QString& material) {
    m_task->setPlainText(task);
    m_material->setPlainText(material);
}

void RunForm::clear() {
    setOrder({}, {});
}

void RunForm::focusTask() {
    m_task->setFocus(Qt::OtherFocusReason);
}

/// The button says what is missing instead of failing. At every key: no text is copied for it.
void RunForm::updateStart() {
    const auto chosen = std::count_if(m_checks.begin(), m_checks.end(),
                                      [](const QCheckBox* check) { return check->isChecked(); });
    QString why;
    if (!m_application.models().model().isLoaded())
        why = tr("Choose a model in a chat first.");
    else if (chosen == 0)
        why = tr("Choose at least one agent.");
    else if (chosen > app::kMostAgents)
        why = tr("Choose at most %1 agents.").arg(app::kMostAgents);
    m_why->setText(why);
    m_start->setEnabled(why.isEmpty() && hasWords(*m_task));
}

void RunForm::start() {
    if (m_start->isEnabled())
        emit startRequested(order());
}

bool RunForm::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool isEnter = key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter;
        if (isEnter && key->modifiers().testFlag(Qt::ControlModifier)) {
            start();
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace ui
