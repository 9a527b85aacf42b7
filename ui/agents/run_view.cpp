#include "ui/agents/run_view.h"

#include "app/application.h"
#include "ui/agents/lane_view.h"
#include "ui/theme.h"
#include "ui/widgets/elided_label.h"

#include <algorithm>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kMostTask = 400; // characters of the task that stand above the columns

/// Scrolls sideways alone: it is never lower than what it holds.
class ColumnsArea : public QScrollArea {
  public:
    QSize minimumSizeHint() const override {
        return {QScrollArea::minimumSizeHint().width(),
                widget()->minimumSizeHint().height() + horizontalScrollBar()->sizeHint().height()};
    }
};

template<typename Area>
Area* frameless(QWidget* content) {
    auto* area = new Area;
    area->setFrameShape(QFrame::NoFrame);
    area->setWidgetResizable(true);
    area->setWidget(content);
    return area;
}

} // namespace

RunView::RunView(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_theme(theme),
      m_title(new ElidedLabel),
      m_task(new QLabel),
      m_state(new QLabel),
      m_stop(new QPushButton(tr("Stop all"))),
      m_close(new QPushButton(tr("Let it answer now"))),
      m_closingNote(new QLabel),
      m_below(new QWidget) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(space::kLarge, space::kMedium, space::kLarge, space::kMedium);
    layout->setSpacing(space::kSmall);
    addHeader(layout);

    auto* columns = new QWidget;
    m_columns = new QHBoxLayout(columns);
    m_columns->setContentsMargins(0, 0, 0, 0);
    m_columns->setSpacing(space::kMedium);
    m_columnsArea = frameless<ColumnsArea>(columns);
    m_columnsArea->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* below = new QVBoxLayout(m_below);
    below->setContentsMargins(0, space::kSmall, 0, 0);
    auto* waiting = new QHBoxLayout;
    waiting->addWidget(m_closingNote, 1);
    waiting->addWidget(m_close);
    below->addLayout(waiting);
    auto* rows = new QWidget;
    m_rows = new QVBoxLayout(rows);
    m_rows->setContentsMargins(0, 0, 0, 0);
    m_rows->setSpacing(space::kSmall);
    m_rows->addWidget(m_columnsArea, 3);
    m_rows->addWidget(m_below);
    auto* page = frameless<QScrollArea>(rows); // where the window is too low for all lanes
    page->setObjectName(QStringLiteral("run-page"));
    page->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    layout->addWidget(page, 1);

    app::AgentController& agents = m_application.agents();
    connect(&agents, &app::AgentController::laneChanged, this,
            [this](app::RunId run, const app::AgentLane& lane) {
                if (run == m_run.id)
                    updateLane(lane);
            });
    connect(m_stop, &QPushButton::clicked, this, [this, &agents] { agents.stopRun(m_run.id); });
    connect(m_close, &QPushButton::clicked, this, [this, &agents] { agents.close(m_run.id); });
}

void RunView::addHeader(QVBoxLayout* layout) {
    m_title->setProperty("role", "title");
    m_state->setProperty("role", "muted");
    m_task->setProperty("role", "muted");
    m_task->setTextFormat(Qt::PlainText);
    m_task->setWordWrap(true);
    m_task->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_closingNote->setProperty("role", "muted");
    m_closingNote->setTextFormat(Qt::PlainText);
    m_closingNote->setWordWrap(true);
    auto* top = new QHBoxLayout;
    top->setSpacing(space::kMedium);
    top->addWidget(m_title, 1);
    top->addWidget(m_state);
    top->addWidget(m_stop);
    layout->addLayout(top);
    layout->addWidget(m_task);
}

LaneView* RunView::makeLane() {
    auto* view = new LaneView(m_application, m_theme);
    connect(view, &LaneView::openRequested, this, &RunView::openRequested);
    return view;
}

void RunView::showRun(const app::AgentRun& run) {
    if (run.id != m_run.id) {
        qDeleteAll(m_lanes);
        m_lanes.clear();
        delete m_closing;
        m_closing = nullptr;
        m_rows->setStretchFactor(m_below, 0);
    }
    m_run = run;
    int column = 0;
    for (const app::AgentLane& lane : run.lanes) {
        if (lane.isClosing) {
            if (m_closing == nullptr) {
                m_closing = makeLane();
                m_below->layout()->addWidget(m_closing);
                m_closing->show(); // now: its room is taken already
                m_rows->setStretchFactor(m_below, 2);
            }
            m_closing->showLane(lane);
            continue;
        }
        if (column == m_lanes.size()) {
            m_lanes.append(makeLane());
            m_columns->addWidget(m_lanes.last(), 1);
            m_columnsArea->updateGeometry();
        }
        m_lanes[column++]->showLane(lane);
    }
    updateHeader();
}

void RunView::updateLane(const app::AgentLane& lane) {
    if (lane.conversation == 0)
        return; // not stored yet: showRun() follows
    for (app::AgentLane& each : m_run.lanes)
        if (each.conversation == lane.conversation)
            each = lane;
    for (LaneView* view : m_lanes + QList<LaneView*>{m_closing})
        if (view != nullptr && view->lane().conversation == lane.conversation)
            view->showLane(lane);
    updateHeader();
}

void RunView::updateHeader() {
    m_title->setText(m_run.title);
    QString task = m_run.task.simplified() == m_run.title ? QString() : m_run.task.simplified();
    if (task.size() > kMostTask)
        task = task.left(kMostTask) + QStringLiteral("…");
    if (!m_run.material.isEmpty())
        task += QLatin1Char('\n') +
                tr("with material of %1 characters").arg(QLocale().toString(m_run.material.size()));
    m_task->setText(task.trimmed());
    m_task->setVisible(!task.isEmpty());
    const auto ended =
        std::count_if(m_run.lanes.begin(), m_run.lanes.end(), [](const app::AgentLane& lane) {
            return lane.state == app::LaneState::Done || lane.state == app::LaneState::Failed ||
                   lane.state == app::LaneState::Stopped;
        });
    m_state->setText(
        tr("%1 of %2 have ended").arg(QString::number(ended), QString::number(m_run.lanes.size())));
    m_stop->setVisible(m_run.isBusy());
    const bool waits = m_run.closing.has_value() && m_closing == nullptr;
    m_below->setVisible(waits || m_closing != nullptr);
    m_closingNote->setVisible(waits);
    m_close->setVisible(waits);
    if (waits)
        m_closingNote->setText(
            tr("%1 answers with all these answers before it.").arg(m_run.closing->name));
}

} // namespace ui
