#include "ui/dashboard/requests_page.h"

#include "app/telemetry/telemetry_controller.h"
#include "ui/dashboard/lanes_view.h"
#include "ui/dashboard/request_table_model.h"
#include "ui/dashboard/waterfall_view.h"
#include "ui/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QTableView>

namespace ui {

RequestsPage::RequestsPage(app::TelemetryController& telemetry, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_telemetry(telemetry),
      m_theme(theme),
      m_model(new RequestTableModel(this)),
      m_table(new QTableView),
      m_summary(new QLabel),
      m_stop(new QPushButton(tr("Stop"))),
      m_priority(new QComboBox),
      m_lanes(new LanesView(theme)),
      m_waterfall(new WaterfallView(theme)) {
    m_table->setModel(m_model);
    m_table->setAccessibleName(tr("Requests"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    for (const int column : {RequestTableModel::Number, RequestTableModel::Tokens})
        m_table->horizontalHeader()->setSectionResizeMode(column, QHeaderView::ResizeToContents);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &RequestsPage::chooseFromTable);
    connect(m_lanes, &LanesView::chosen, this, &RequestsPage::select);

    auto* scroll = new QScrollArea;
    scroll->setWidget(m_lanes);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    auto* below = new QHBoxLayout;
    below->setSpacing(space::kWide);
    below->addWidget(scroll, 1);
    below->addWidget(m_waterfall);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kMedium, space::kWide, space::kWide);
    column->setSpacing(space::kMedium);
    column->addWidget(makeToolBar());
    column->addWidget(m_table, 3);
    column->addLayout(below, 2);
    updateSelection();
}

QWidget* RequestsPage::makeToolBar() {
    auto* bar = new QWidget;
    auto* row = new QHBoxLayout(bar);
    row->setContentsMargins(0, 0, 0, 0);
    auto* title = new QLabel(tr("Requests"));
    title->setProperty("role", "display");
    m_summary->setProperty("role", "muted");
    for (int priority = 0; priority < 3; ++priority)
        m_priority->addItem(priorityText(priority));
    m_priority->setAccessibleName(tr("Priority of the chosen request"));
    m_stop->setAccessibleName(tr("Stop the chosen request"));
    connect(m_priority, &QComboBox::activated, this,
            [this](int priority) { m_telemetry.setPriority(m_selected, priority); });
    connect(m_stop, &QPushButton::clicked, this, [this] { m_telemetry.stopRequest(m_selected); });
    row->addWidget(title);
    row->addSpacing(space::kLarge);
    row->addWidget(m_summary, 1);
    row->addWidget(m_priority);
    row->addWidget(m_stop);
    return bar;
}

void RequestsPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    m_frames =
        connect(&m_telemetry, &app::TelemetryController::frameArrived, this, &RequestsPage::take);
    take(m_telemetry.latest());
}

void RequestsPage::hideEvent(QHideEvent* event) {
    disconnect(m_frames);
    QWidget::hideEvent(event);
}

void RequestsPage::take(const app::MetricFrame& frame) {
    m_restoring = true;
    const int scrolled = m_table->verticalScrollBar()->value();
    m_model->setRows(frame.requests);
    const int row = m_model->rowOf(m_selected);
    if (row >= 0 && m_table->currentIndex().row() != row)
        m_table->selectRow(row);
    m_table->verticalScrollBar()->setValue(scrolled); // new rows do not move what one reads
    m_restoring = false;
    m_lanes->setContent(frame.requests, m_telemetry.steps(), frame.steady_us);
    const auto figure = [&](app::MetricId id) { return int(frame.machine.get(id).value_or(0)); };
    m_summary->setText(tr("%1 running, %2 waiting")
                           .arg(figure(app::MetricId::RequestsRunning))
                           .arg(figure(app::MetricId::RequestsQueued)));
    updateSelection();
}

void RequestsPage::chooseFromTable() {
    const QModelIndexList rows = m_table->selectionModel()->selectedRows();
    if (!m_restoring && !rows.isEmpty())
        select(m_model->rows()[rows.first().row()].id);
}

void RequestsPage::select(quint64 request) {
    m_selected = request;
    m_lanes->setSelected(request);
    if (const int row = m_model->rowOf(request); row >= 0) {
        m_restoring = true;
        m_table->selectRow(row);
        m_restoring = false;
    }
    updateSelection();
}

void RequestsPage::updateSelection() {
    const int row = m_model->rowOf(m_selected);
    const bool isLive = row >= 0 && m_model->rows()[row].isLive();
    m_stop->setEnabled(isLive);
    m_priority->setEnabled(isLive);
    if (row >= 0 && !m_priority->view()->isVisible())
        m_priority->setCurrentIndex(m_model->rows()[row].priority);
    m_waterfall->showRequest(row >= 0 ? std::optional(m_model->rows()[row]) : std::nullopt);
}

} // namespace ui
