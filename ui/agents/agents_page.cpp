#include "ui/agents/agents_page.h"

#include "app/application.h"
#include "app/settings.h"
#include "ui/agents/agent_editor.h"
#include "ui/agents/run_form.h"
#include "ui/agents/run_view.h"
#include "ui/icons.h"
#include "ui/state_sign.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/toast.h"

#include <QLabel>
#include <QListWidget>
#include <QLocale>
#include <QMenu>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace ui {

namespace {
constexpr int kRunRole = Qt::UserRole;
constexpr int kBusyRole = Qt::UserRole + 1;
} // namespace

AgentsPage::AgentsPage(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_theme(theme),
      m_new(new QPushButton(tr("New run"))),
      m_list(new QListWidget),
      m_empty(new QLabel(tr("Runs will be listed here, with all their answers."))),
      m_stack(new QStackedWidget),
      m_form(new RunForm(application, theme)),
      m_view(new RunView(application, theme)),
      m_toast(new Toast(this)) {
    m_stack->addWidget(m_form);
    m_stack->addWidget(m_view);
    auto* split = new QSplitter;
    split->addWidget(makeSide());
    split->addWidget(m_stack);
    split->setStretchFactor(1, 1);
    split->setSizes({240, 900});
    split->setHandleWidth(1);
    split->setCollapsible(1, false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(split);
    connectController();
    connect(m_view, &RunView::openRequested, this, &AgentsPage::chatRequested);
    connect(m_form, &RunForm::editAgentsRequested, this, &AgentsPage::editAgents);
    connect(m_form, &RunForm::startRequested, &application.agents(), &app::AgentController::start);
    connect(&theme, &Theme::changed, this, &AgentsPage::updateColors);
    showRuns(application.agents().runs());
    updateColors();
}

QWidget* AgentsPage::makeSide() {
    auto* side = new QWidget;
    side->setProperty("role", "sidebar");
    side->setAttribute(Qt::WA_StyledBackground);
    side->setMinimumWidth(180);
    m_list->setAccessibleName(tr("Runs"));
    m_list->setProperty("role", "rows");
    m_list->setContextMenuPolicy(Qt::CustomContextMenu);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setTextElideMode(Qt::ElideRight);
    m_list->setIconSize({14, 14});
    m_empty->setProperty("role", "muted");
    m_empty->setWordWrap(true);
    m_empty->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_empty->setContentsMargins(space::kLarge, space::kWide, space::kLarge, 0);
    auto* layout = new QVBoxLayout(side);
    layout->setContentsMargins(space::kMedium, space::kMedium, space::kSmall, 0);
    layout->setSpacing(space::kSmall);
    layout->addWidget(m_new);
    layout->addWidget(m_empty);
    layout->addWidget(m_list, 1);
    connect(m_new, &QPushButton::clicked, this, &AgentsPage::newRun);
    const auto open = [this](QListWidgetItem* item) { openRun(item->data(kRunRole).toLongLong()); };
    connect(m_list, &QListWidget::itemClicked, this, open);
    connect(m_list, &QListWidget::itemActivated, this, open);
    connect(m_list, &QListWidget::customContextMenuRequested, this, &AgentsPage::openMenu);
    return side;
}

void AgentsPage::connectController() {
    using Agents = app::AgentController;
    Agents& agents = m_application.agents();
    connect(&agents, &Agents::runsChanged, this, &AgentsPage::showRuns);
    connect(&agents, &Agents::runStarted, this, [this](app::RunId run) {
        m_wanted = run;
        m_form->clear();
    });
    connect(&agents, &Agents::runChanged, this, [this](const app::AgentRun& run) {
        if (run.id != m_wanted)
            return;
        m_view->showRun(run);
        m_stack->setCurrentWidget(m_view);
        markCurrent();
    });
    connect(&agents, &Agents::failed, this,
            [this](const QString& sentence) { m_toast->showMessage(sentence); });
    connect(&agents, &Agents::trashed, this, [this, &agents](app::RunId run, const QString& title) {
        if (run == m_wanted)
            newRun();
        const int days = m_application.settings().values().trashDays;
        m_toast->showMessage(trashedText(title, days), tr("Undo"),
                             [&agents, run] { agents.restore(run); });
    });
}

void AgentsPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (m_stack->currentWidget() == m_form)
        m_form->focusTask();
}

void AgentsPage::newRun() {
    m_wanted = 0;
    m_stack->setCurrentWidget(m_form);
    markCurrent();
    m_form->focusTask();
}

void AgentsPage::openRun(app::RunId run) {
    m_wanted = run;
    m_application.agents().openRun(run);
}

void AgentsPage::showRuns(const QList<app::RunRow>& runs) {
    m_list->clear();
    for (const app::RunRow& run : runs) {
        auto* item = new QListWidgetItem(run.title, m_list);
        const QString when = QLocale().toString(run.created.toLocalTime(), QLocale::ShortFormat);
        const QString state =
            run.isBusy ? stateText(app::ConversationState::Running) + QStringLiteral(", ")
                       : QString();
        item->setData(kRunRole, run.id);
        item->setData(kBusyRole, run.isBusy);
        item->setData(Qt::AccessibleTextRole, run.title + QStringLiteral(", ") + state + when);
        item->setToolTip(
            QStringLiteral("<qt>%1<br>%2</qt>").arg(run.title.toHtmlEscaped(), state + when));
    }
    m_empty->setVisible(runs.isEmpty());
    updateColors();
    markCurrent();
}

void AgentsPage::markCurrent() {
    m_list->clearSelection();
    for (int row = 0; row < m_list->count(); ++row)
        if (m_wanted != 0 && m_list->item(row)->data(kRunRole).toLongLong() == m_wanted)
            m_list->setCurrentRow(row);
}

void AgentsPage::openMenu(const QPoint& at) {
    const QListWidgetItem* item = m_list->itemAt(at);
    if (item == nullptr)
        return;
    const app::RunId run = item->data(kRunRole).toLongLong();
    const QColor ink = m_theme.palette().text;
    QMenu menu(this);
    if (item->data(kBusyRole).toBool())
        menu.addAction(icon(QStringLiteral("stop"), ink), tr("Stop all"), this,
                       [this, run] { m_application.agents().stopRun(run); });
    menu.addAction(icon(QStringLiteral("trash"), ink), tr("Move to trash"), this,
                   [this, run] { m_application.agents().moveToTrash(run); });
    menu.exec(m_list->viewport()->mapToGlobal(at));
}

void AgentsPage::editAgents() {
    (new AgentEditor(m_application.agents(), this))->open();
}

void AgentsPage::updateColors() {
    const Palette& colors = m_theme.palette();
    m_new->setIcon(icon(QStringLiteral("plus"), colors.text));
    const StateSign busy = stateSign(app::ConversationState::Running);
    for (int row = 0; row < m_list->count(); ++row) {
        QListWidgetItem* item = m_list->item(row);
        item->setIcon(item->data(kBusyRole).toBool()
                          ? icon(busy.icon, colors.*(busy.color))
                          : icon(QStringLiteral("agents"), colors.muted));
    }
}

} // namespace ui
