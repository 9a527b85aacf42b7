#include "ui/dashboard/dashboard_page.h"

#include "app/alerts/alert_controller.h"
#include "app/telemetry/telemetry_controller.h"
#include "ui/dashboard/alert_rules_dialog.h"
#include "ui/dashboard/device_card.h"
#include "ui/theme.h"
#include "ui/widgets/chart_overlay.h"
#include "ui/widgets/time_chart.h"

#include <QComboBox>
#include <QDateTime>
#include <QFileDialog>
#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QSaveFile>
#include <QScrollArea>
#include <QScrollBar>
#include <QToolButton>

namespace ui {

namespace {

struct Range {
    qint64 length_ms;
    qint64 bucketMinutes; // 0: every sample
};
constexpr qint64 kMinute_ms = 60'000;
constexpr std::array<Range, 8> kRanges = {{{kMinute_ms, 0},
                                           {5 * kMinute_ms, 0},
                                           {15 * kMinute_ms, 0},
                                           {60 * kMinute_ms, 0},
                                           {6 * 60 * kMinute_ms, 1},
                                           {24 * 60 * kMinute_ms, 2},
                                           {7 * 24 * 60 * kMinute_ms, 15},
                                           {30 * 24 * 60 * kMinute_ms, 60}}};
constexpr int kFirstRange = 2;
constexpr qint64 kLongestStep_ms = 1800; // between two looks; a longer one is a gap

QStringList rangeNames() {
    return {DashboardPage::tr("1 min"),  DashboardPage::tr("5 min"),  DashboardPage::tr("15 min"),
            DashboardPage::tr("1 h"),    DashboardPage::tr("6 h"),    DashboardPage::tr("24 h"),
            DashboardPage::tr("7 days"), DashboardPage::tr("30 days")};
}

} // namespace

DashboardPage::DashboardPage(app::TelemetryController& telemetry, Theme& theme,
                             app::AlertController* alerts, QWidget* parent)
    : QWidget(parent),
      m_telemetry(telemetry),
      m_theme(theme),
      m_alerts(alerts),
      m_range(new QComboBox),
      m_pause(new QToolButton),
      m_live(new QToolButton),
      m_readout(new QLabel),
      m_scroll(new QScrollArea),
      m_body(new QWidget),
      m_cardRow(new QHBoxLayout),
      m_grid(new QGridLayout) {
    auto* body = new QVBoxLayout(m_body);
    body->setContentsMargins(space::kWide, space::kSmall, space::kWide, space::kWide);
    body->setSpacing(space::kMedium);
    m_cardRow->setSpacing(space::kMedium);
    m_grid->setSpacing(space::kMedium);
    body->addLayout(m_cardRow);
    body->addLayout(m_grid);
    body->addStretch(1);
    m_scroll->setWidget(m_body);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(makeToolBar());
    column->addWidget(m_scroll, 1);
    connect(m_scroll->verticalScrollBar(), &QScrollBar::valueChanged, this, [this] {
        for (TimeChart* chart : m_charts)
            chart->refresh();
    });
    m_range->setCurrentIndex(kFirstRange);
    connect(m_range, &QComboBox::currentIndexChanged, this, [this] {
        m_zoom.reset();
        reload();
    });
}

QWidget* DashboardPage::makeToolBar() {
    auto* bar = new QWidget;
    auto* row = new QHBoxLayout(bar);
    row->setContentsMargins(space::kWide, space::kMedium, space::kWide, space::kSmall);
    auto* title = new QLabel(tr("Dashboard"));
    title->setProperty("role", "display");
    m_range->addItems(rangeNames());
    m_range->setAccessibleName(tr("Range"));
    m_pause->setText(tr("Pause"));
    m_pause->setCheckable(true);
    m_pause->setToolTip(tr("Hold the charts still (Space)"));
    connect(m_pause, &QToolButton::toggled, this, &DashboardPage::setPaused);
    m_live->setText(tr("Whole range"));
    m_live->setToolTip(tr("Leave the zoom (Backspace)"));
    m_live->setVisible(false);
    connect(m_live, &QToolButton::clicked, this, [this] {
        m_zoom.reset();
        reload();
    });
    auto* save = new QToolButton;
    save->setText(tr("Export"));
    save->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(save);
    menu->addAction(tr("Figures as CSV…"), this, &DashboardPage::exportCsv);
    menu->addAction(tr("Picture as PNG…"), this, &DashboardPage::exportPicture);
    if (m_alerts != nullptr)
        menu->addAction(tr("Alert rules for Prometheus…"), this, &DashboardPage::exportRules);
    save->setMenu(menu);
    auto* alerts = new QToolButton;
    alerts->setObjectName(QStringLiteral("alert-rules"));
    alerts->setText(tr("Alerts"));
    alerts->setToolTip(tr("What is watched, and when it is said"));
    alerts->setVisible(m_alerts != nullptr);
    connect(alerts, &QToolButton::clicked, this, [this] {
        auto* dialog = new AlertRulesDialog(*m_alerts, this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    });
    m_readout->setProperty("role", "muted");
    m_readout->setTextFormat(Qt::PlainText);
    setCrosshair({});
    row->addWidget(title);
    row->addSpacing(space::kLarge);
    row->addWidget(m_readout, 1);
    row->addWidget(m_live);
    row->addWidget(m_range);
    row->addWidget(m_pause);
    row->addWidget(alerts);
    row->addWidget(save);
    return bar;
}

void DashboardPage::setRangeIndex(int index) {
    m_range->setCurrentIndex(index);
}

void DashboardPage::setPaused(bool paused) {
    if (m_paused == paused)
        return;
    m_paused = paused;
    m_pause->setChecked(paused);
    if (!paused)
        reload();
}

void DashboardPage::zoomTo(qint64 from_ms, qint64 to_ms) {
    constexpr qint64 kShortest_ms = 2000;
    if (to_ms - from_ms < kShortest_ms)
        to_ms = from_ms + kShortest_ms;
    m_zoom = QPair(from_ms, std::min(to_ms, newest_ms()));
    showWindow();
}

qint64 DashboardPage::newest_ms() const {
    const qint64 latest = m_telemetry.latest().time_ms;
    return latest > 0 ? latest : QDateTime::currentMSecsSinceEpoch();
}

void DashboardPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    m_frames =
        connect(&m_telemetry, &app::TelemetryController::frameArrived, this, &DashboardPage::take);
    const auto showEvents = [this] {
        for (TimeChart* chart : m_charts)
            chart->setEvents(m_telemetry.events());
    };
    m_events = connect(&m_telemetry, &app::TelemetryController::eventsChanged, this, showEvents);
    makeCards(m_telemetry.latest());
    makeCharts();
    showEvents(); // those of the time while it was hidden
    showCards(m_telemetry.latest());
    reload();
}

void DashboardPage::hideEvent(QHideEvent* event) {
    disconnect(m_frames);
    disconnect(m_events);
    QWidget::hideEvent(event);
}

void DashboardPage::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    placeCharts();
}

void DashboardPage::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Space) {
        setPaused(!m_paused);
    } else if (event->key() == Qt::Key_Backspace && m_zoom) {
        m_zoom.reset();
        reload();
    } else {
        QWidget::keyPressEvent(event);
    }
}

void DashboardPage::makeCards(const app::MetricFrame& frame) {
    const qsizetype wanted = frame.gpus.empty() ? 1 : static_cast<qsizetype>(frame.gpus.size());
    while (m_cards.size() > wanted)
        delete m_cards.takeLast();
    while (m_cards.size() < wanted) {
        m_cards.append(new DeviceCard(m_theme));
        m_cardRow->addWidget(m_cards.last(), 1);
    }
}

void DashboardPage::makeCharts() {
    const int gpus = static_cast<int>(m_telemetry.latest().gpus.size());
    if (gpus == m_gpus)
        return;
    m_gpus = gpus;
    qDeleteAll(m_charts);
    m_charts.clear();
    m_specs = chartTable(gpus);
    for (const ChartSpec& spec : m_specs) {
        const app::MetricDefinition& metric = app::definition(spec.series.first().metric);
        auto* chart = new TimeChart(m_theme, spec.title, metric.unit, metric.highest);
        chart->setSeriesNames(spec.names);
        chart->setEmptyReason(spec.emptyReason);
        chart->setEvents(m_telemetry.events());
        connect(chart, &TimeChart::hovered, this, [this](qint64 time) { setCrosshair(time); });
        connect(chart, &TimeChart::hoverEnded, this, [this] { setCrosshair({}); });
        connect(chart, &TimeChart::zoomAsked, this, &DashboardPage::zoomTo);
        m_charts.append(chart);
    }
    placeCharts();
}

void DashboardPage::placeCharts() {
    const int columns = width() < 700 ? 1 : width() < 1500 ? 2 : 3;
    const int last = int(m_charts.size()) - 1;
    for (int i = 0; i <= last; ++i) {
        const int span = i == last ? columns - i % columns : 1; // no hole behind the last one
        m_grid->addWidget(m_charts[i], i / columns, i % columns, 1, span);
    }
    for (int column = 0; column < 3; ++column)
        m_grid->setColumnStretch(column, column < columns ? 1 : 0);
}

void DashboardPage::reload() {
    const Range& range = kRanges[static_cast<std::size_t>(m_range->currentIndex())];
    const qint64 step = range.bucketMinutes * kMinute_ms * 3 / 2;
    for (TimeChart* chart : m_charts)
        chart->setLongestStep(range.bucketMinutes == 0 ? kLongestStep_ms : step);
    m_shownTo_ms = newest_ms();
    if (range.bucketMinutes == 0)
        loadRecent();
    else
        loadStored();
}

void DashboardPage::loadRecent() {
    const qint64 from =
        m_shownTo_ms - kRanges[static_cast<std::size_t>(m_range->currentIndex())].length_ms;
    for (int i = 0; i < m_charts.size(); ++i)
        for (int series = 0; series < m_specs[i].series.size(); ++series)
            m_charts[i]->setPoints(series, m_telemetry.recent(m_specs[i].series[series], from));
    showWindow();
}

void DashboardPage::loadStored() {
    const int index = m_range->currentIndex();
    const Range& range = kRanges[static_cast<std::size_t>(index)];
    m_storedAt_ms = m_shownTo_ms;
    QList<app::SeriesId> all;
    for (const ChartSpec& spec : m_specs)
        all.append(spec.series);
    m_telemetry.readHistory(
        all, m_shownTo_ms - range.length_ms, m_shownTo_ms + kMinute_ms, range.bucketMinutes, this,
        [this, index](const app::SeriesHistory& history) {
            if (index != m_range->currentIndex())
                return; // another range was chosen meanwhile
            for (int i = 0; i < m_charts.size(); ++i)
                for (int series = 0; series < m_specs[i].series.size(); ++series)
                    m_charts[i]->setPoints(
                        series, history.value(app::seriesKey(m_specs[i].series[series])));
            showWindow();
        });
}

void DashboardPage::showWindow() {
    const qint64 length = kRanges[static_cast<std::size_t>(m_range->currentIndex())].length_ms;
    const qint64 to = m_zoom ? m_zoom->second : m_shownTo_ms;
    const qint64 from = m_zoom ? m_zoom->first : to - length;
    m_live->setVisible(m_zoom.has_value());
    for (TimeChart* chart : m_charts) {
        chart->setRange(from, to);
        chart->refresh();
    }
}

void DashboardPage::take(const app::MetricFrame& frame) {
    if (static_cast<int>(frame.gpus.size()) != m_gpus) {
        makeCards(frame);
        makeCharts();
        reload();
    }
    showCards(frame);
    if (m_paused)
        return;
    const Range& range = kRanges[static_cast<std::size_t>(m_range->currentIndex())];
    if (range.bucketMinutes > 0) {
        if (!m_zoom && frame.time_ms - m_storedAt_ms >= range.bucketMinutes * kMinute_ms)
            reload();
        return;
    }
    m_shownTo_ms = frame.time_ms;
    const qint64 oldest =
        std::min(frame.time_ms - range.length_ms, m_zoom ? m_zoom->first : frame.time_ms) -
        kLongestStep_ms;
    for (int i = 0; i < m_charts.size(); ++i)
        for (int series = 0; series < m_specs[i].series.size(); ++series)
            m_charts[i]->append(series, {frame.time_ms, frame.value(m_specs[i].series[series])},
                                oldest);
    if (!m_zoom)
        showWindow();
}

void DashboardPage::showCards(const app::MetricFrame& frame) {
    if (frame.gpus.empty()) {
        m_cards.first()->showCpu(frame);
        return;
    }
    for (int gpu = 0; gpu < m_cards.size(); ++gpu)
        m_cards[gpu]->showGpu(frame, gpu);
}

void DashboardPage::setCrosshair(std::optional<qint64> time_ms) {
    for (TimeChart* chart : m_charts)
        chart->setCrosshair(time_ms);
    QString text = tr("Marks: ○ model loaded  ✕ breaker or alert");
    if (time_ms) {
        text = QLocale().toString(QDateTime::fromMSecsSinceEpoch(*time_ms),
                                  QStringLiteral("yyyy-MM-dd HH:mm:ss"));
        const qint64 near =
            kRanges[static_cast<std::size_t>(m_range->currentIndex())].length_ms / 60;
        for (const app::MetricEvent& event : m_telemetry.events())
            if (std::abs(event.time_ms - *time_ms) < near)
                text += QStringLiteral(" · ") + eventText(event);
    }
    m_readout->setText(text);
}

QByteArray DashboardPage::csv() const {
    QByteArray text = "time";
    std::map<qint64, QMap<int, double>> rows;
    int column = 0;
    for (int i = 0; i < m_charts.size(); ++i)
        for (int series = 0; series < m_specs[i].series.size(); ++series, ++column) {
            text += ',' + app::seriesKey(m_specs[i].series[series]).toUtf8();
            for (const app::ChartPoint& point : m_charts[i]->points(series)) {
                QMap<int, double>& row = rows[point.time_ms];
                if (point.value)
                    row.insert(column, *point.value);
            }
        }
    text += '\n';
    for (const auto& [time, row] : rows) {
        text += QDateTime::fromMSecsSinceEpoch(time).toUTC().toString(Qt::ISODateWithMs).toUtf8();
        for (int i = 0; i < column; ++i) {
            text += ',';
            if (row.contains(i))
                text += QByteArray::number(row.value(i), 'g', 10);
        }
        text += '\n';
    }
    return text;
}

QPixmap DashboardPage::picture() const {
    return m_body->grab();
}

void DashboardPage::write(const QString& name, const QByteArray& contents) {
    QSaveFile file(name);
    if (name.isEmpty())
        return;
    if (!file.open(QIODevice::WriteOnly) || file.write(contents) < 0 || !file.commit())
        m_readout->setText(tr("%1 could not be written: %2.").arg(name, file.errorString()));
}

void DashboardPage::exportCsv() {
    write(QFileDialog::getSaveFileName(this, tr("Save the figures"),
                                       QStringLiteral("inglenook.csv"),
                                       QStringLiteral("CSV (*.csv)")),
          csv());
}

void DashboardPage::exportRules() {
    write(QFileDialog::getSaveFileName(this, tr("Save the alert rules"),
                                       QStringLiteral("inglenook-rules.yml"),
                                       QStringLiteral("YAML (*.yml)")),
          app::prometheusRules(m_alerts->rules()));
}

void DashboardPage::exportPicture() {
    const QString name =
        QFileDialog::getSaveFileName(this, tr("Save the picture"), QStringLiteral("inglenook.png"),
                                     QStringLiteral("PNG (*.png)"));
    if (!name.isEmpty() && !picture().save(name))
        m_readout->setText(tr("%1 could not be written.").arg(name));
}

} // namespace ui
