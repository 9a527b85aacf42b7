#include "ui/widgets/time_chart.h"

#include "ui/dashboard/figure_text.h"
#include "ui/theme.h"
#include "ui/widgets/chart_graph.h"
#include "ui/widgets/chart_header.h"
#include "ui/widgets/chart_overlay.h"

#include <cmath>
#include <qcustomplot.h>
#include <QDateTime>
#include <QEvent>
#include <QKeyEvent>
#include <QLabel>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr std::array kDashes = {Qt::SolidLine, Qt::DashLine, Qt::DotLine};
constexpr std::array kDashWords = {"━━", "╍╍", "┅┅"}; // beside the names, as the lines are drawn
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

/// Clock times; days when the range is longer than two.
class TimeTicker final : public QCPAxisTickerDateTime {
  protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int) override {
        const QDateTime time = QDateTime::fromMSecsSinceEpoch(static_cast<qint64>(tick * 1000));
        if (mTickStep >= 86'400)
            return QLocale().toString(time.date(), QStringLiteral("MM-dd"));
        return time.toString(mTickStep < 60 ? QStringLiteral("HH:mm:ss") : QStringLiteral("HH:mm"));
    }
    double getTickStep(const QCPRange& range) override {
        return mTickStep = QCPAxisTickerDateTime::getTickStep(range);
    }

  private:
    double mTickStep = 1;
};

/// Things that are counted have no halves.
class WholeTicker final : public QCPAxisTicker {
  protected:
    double getTickStep(const QCPRange& range) override {
        return std::max(1.0, std::round(QCPAxisTicker::getTickStep(range)));
    }
};

} // namespace

TimeChart::TimeChart(Theme& theme, const QString& title, app::MetricUnit unit,
                     std::optional<double> highest, QWidget* parent)
    : QFrame(parent),
      m_theme(theme),
      m_title(title),
      m_unit(unit),
      m_highest(highest),
      m_header(new ChartHeader(theme)),
      m_empty(new QLabel),
      m_plot(new QCustomPlot),
      m_overlay(new ChartOverlay(theme, m_plot)) {
    setProperty("role", "card");
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(title);
    m_header->setTitle(title);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kMedium, space::kSmall, space::kSmall, space::kHair);
    column->setSpacing(space::kHair);
    column->addWidget(m_header);
    column->addWidget(m_plot, 1);
    m_plot->setMinimumHeight(130);
    m_plot->setFocusPolicy(Qt::NoFocus);
    m_plot->setNoAntialiasingOnDrag(true);
    m_plot->setNotAntialiasedElements(QCP::aeAll);
    m_plot->setPlottingHints(QCP::phFastPolylines | QCP::phCacheLabels);
    m_plot->xAxis->setTicker(QSharedPointer<TimeTicker>::create());
    m_plot->xAxis->ticker()->setTickCount(4);
    if (m_unit == app::MetricUnit::Count || m_unit == app::MetricUnit::Tokens)
        m_plot->yAxis->setTicker(QSharedPointer<WholeTicker>::create());
    m_plot->yAxis->ticker()->setTickCount(3);
    m_plot->xAxis->setSubTicks(false);
    m_plot->yAxis->setSubTicks(false);
    m_plot->axisRect()->setAutoMargins(QCP::msNone);
    m_plot->installEventFilter(this);
    m_plot->setMouseTracking(true);
    m_empty->setParent(m_plot);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setProperty("role", "muted");
    m_empty->setAttribute(Qt::WA_TransparentForMouseEvents);
    connect(&m_theme, &Theme::changed, this, [this] {
        applyColors();
        refresh();
    });
    applyColors();
}

void TimeChart::applyColors() {
    m_isStale = true;
    const Palette& colors = m_theme.palette();
    m_plot->setBackground(colors.surface);
    m_header->updateGeometry();
    m_header->update();
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(colors.border));
        axis->setTickPen(QPen(colors.border));
        axis->setTickLabelColor(colors.muted);
        axis->setTickLabelFont(m_theme.font(TextSize::Small));
        axis->setTickLength(0, 3);
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    m_plot->xAxis->grid()->setVisible(false);
    m_plot->yAxis->grid()->setPen(QPen(colors.border, 1));
    const QFontMetrics small(m_theme.font(TextSize::Small));
    const int left = small.horizontalAdvance(QStringLiteral("0000.0")) + 10;
    const int top = small.height() / 2 + 2; // the label of the highest line is cut off by nothing
    m_plot->axisRect()->setMargins(QMargins(left, top, 6, small.height() + 6));
    for (int series = 0; series < kMostSeries; ++series) {
        const auto at = static_cast<std::size_t>(series);
        if (m_graphs[at] == nullptr || m_lone[at] == nullptr)
            continue;
        const QColor color = colors.series[at];
        m_graphs[at]->setPen(
            QPen(color, 1.0, kDashes[at])); // a wider one costs three times as much
        m_lone[at]->setPen(QPen(color, 1));
        QColor fill = color;
        fill.setAlpha(34);
        m_graphs[at]->setBrush(series == 0 ? QBrush(fill) : QBrush(Qt::NoBrush));
    }
}

void TimeChart::setSeriesNames(const QStringList& names) {
    m_names = names.mid(0, kMostSeries);
    for (int series = 0; series < m_names.size(); ++series)
        addGraph(series);
    for (int series = 0; series < m_names.size(); ++series) {
        QCPGraph*& lone = m_lone[static_cast<std::size_t>(series)];
        if (lone == nullptr) {
            lone = m_plot->addGraph();
            lone->setLineStyle(QCPGraph::lsNone);
            lone->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssSquare, 3));
        }
    }
    applyColors();
    updateHeader();
}

void TimeChart::addGraph(int series) {
    QCPGraph*& graph = m_graphs[static_cast<std::size_t>(series)];
    if (graph != nullptr)
        return;
    graph = new ChartGraph(m_plot->xAxis, m_plot->yAxis); // the plot owns it
    graph->setAdaptiveSampling(true);
}

void TimeChart::setPoints(int series, const app::ChartPoints& points) {
    m_points[static_cast<std::size_t>(series)] = points;
    loadGraph(series);
}

void TimeChart::loadGraph(int series) {
    m_isStale = true;
    const auto at = static_cast<std::size_t>(series);
    if (m_graphs[at] == nullptr)
        return;
    QVector<QCPGraphData> drawn;
    drawn.reserve(static_cast<qsizetype>(m_points[at].size()));
    qint64 before = 0;
    for (const app::ChartPoint& point : m_points[at]) {
        if (!drawn.isEmpty() && point.time_ms - before > m_longestStep_ms)
            drawn.append({static_cast<double>(before + 1) / 1e3, kNothing});
        drawn.append({static_cast<double>(point.time_ms) / 1e3,
                      point.value ? *point.value / m_divisor : kNothing});
        before = point.time_ms;
    }
    m_graphs[at]->data()->set(drawn, true);
    m_lone[at]->data()->clear();
    for (std::size_t index = 0; index + 1 < m_points[at].size(); ++index)
        addLonePoint(series, index);
}

/// A line needs two neighbours: a point between two gaps becomes a dot.
void TimeChart::addLonePoint(int series, std::size_t index) {
    const auto at = static_cast<std::size_t>(series);
    const app::ChartPoints& points = m_points[at];
    const auto isJoined = [&](std::size_t a, std::size_t b) {
        return b < points.size() && points[a].value && points[b].value &&
               points[b].time_ms - points[a].time_ms <= m_longestStep_ms;
    };
    if (points[index].value && !isJoined(index, index + 1) &&
        (index == 0 || !isJoined(index - 1, index)))
        m_lone[at]->addData(static_cast<double>(points[index].time_ms) / 1e3,
                            *points[index].value / m_divisor);
}

void TimeChart::append(int series, const app::ChartPoint& point, qint64 oldest_ms) {
    const auto at = static_cast<std::size_t>(series);
    app::ChartPoints& points = m_points[at];
    const bool isGap = !points.empty() && point.time_ms - points.back().time_ms > m_longestStep_ms;
    if (m_graphs[at] != nullptr) {
        if (isGap)
            m_graphs[at]->addData(static_cast<double>(points.back().time_ms + 1) / 1e3, kNothing);
        m_graphs[at]->addData(static_cast<double>(point.time_ms) / 1e3,
                              point.value ? *point.value / m_divisor : kNothing);
        m_graphs[at]->data()->removeBefore(static_cast<double>(oldest_ms) / 1e3);
    }
    points.push_back(point);
    m_hasGrown = true;
    if (m_lone[at] != nullptr && points.size() > 1) {
        addLonePoint(series, points.size() - 2);
        m_lone[at]->data()->removeBefore(static_cast<double>(oldest_ms) / 1e3);
    }
    auto keep = points.begin();
    while (keep != points.end() && keep->time_ms < oldest_ms)
        ++keep;
    points.erase(points.begin(), keep);
}

void TimeChart::setRange(qint64 from_ms, qint64 to_ms) {
    m_from_ms = from_ms;
    m_to_ms = std::max(to_ms, from_ms + 1);
    m_plot->xAxis->setRange(static_cast<double>(m_from_ms) / 1e3,
                            static_cast<double>(m_to_ms) / 1e3);
}

void TimeChart::setEvents(const QList<app::MetricEvent>& events) {
    m_overlay->setEvents(events);
}

void TimeChart::setCrosshair(std::optional<qint64> time_ms) {
    if (m_crosshair_ms == time_ms)
        return;
    m_crosshair_ms = time_ms;
    m_overlay->setCrosshair(time_ms);
    updateHeader();
}

void TimeChart::setEmptyReason(const QString& reason) {
    m_empty->setText(reason);
}

/// The axis ends at the metric's own end, else a little above the highest point in sight.
void TimeChart::fitValueAxis() {
    double highest = 0;
    bool isEmpty = true;
    for (const app::ChartPoints& points : m_points)
        for (auto at = points.rbegin(); at != points.rend() && at->time_ms >= m_from_ms; ++at)
            if (at->value && at->time_ms <= m_to_ms) {
                highest = std::max(highest, *at->value);
                isEmpty = false;
            }
    m_empty->setVisible(isEmpty);
    m_isStale |= m_plot->yAxis->visible() == isEmpty;
    m_plot->yAxis->setVisible(!isEmpty); // no line strikes the reason through
    m_overlay->setVisible(!isEmpty);
    const double top = m_highest.value_or(highest > 0 ? highest * 1.15 : 1);
    const AxisUnit unit = axisUnit(m_unit, top);
    if (unit.divisor != m_divisor) {
        m_divisor = unit.divisor;
        for (int series = 0; series < m_names.size(); ++series)
            loadGraph(series);
    }
    const QCPRange before = m_plot->yAxis->range();
    m_plot->yAxis->setRange(0, top / m_divisor);
    m_isStale |= m_plot->yAxis->range() != before;
    m_header->setTitle(unit.name.isEmpty() ? m_title
                                           : QStringLiteral("%1 · %2").arg(m_title, unit.name));
}

/// Whether drawing would show nothing new, or what has moved by less than a pixel.
bool TimeChart::looksTheSame() const {
    if (m_isStale || m_to_ms - m_from_ms != m_drawnTo_ms - m_drawnFrom_ms)
        return false;
    if (m_from_ms == m_drawnFrom_ms)
        return !m_hasGrown;
    const double pixels = m_plot->axisRect()->width() * devicePixelRatioF();
    const auto moved = static_cast<double>(std::abs(m_from_ms - m_drawnFrom_ms));
    return moved * pixels < static_cast<double>(m_to_ms - m_from_ms);
}

void TimeChart::refresh() {
    fitValueAxis();
    updateHeader();
    if (visibleRegion().isEmpty()) {
        m_isStale = true; // one that is scrolled away is drawn when it comes back
    } else if (!looksTheSame()) {
        m_plot->replot(QCustomPlot::rpQueuedReplot);
        m_isStale = false;
        m_hasGrown = false;
        m_drawnFrom_ms = m_from_ms;
        m_drawnTo_ms = m_to_ms;
    }
    m_overlay->setGeometry(m_plot->rect());
    m_empty->setGeometry(m_plot->rect().adjusted(24, 8, -24, -24));
    m_overlay->setArea(m_plot->axisRect()->rect(), m_from_ms, m_to_ms);
}

const app::ChartPoints& TimeChart::points(int series) const {
    return m_points[static_cast<std::size_t>(series)];
}

std::optional<double> TimeChart::valueAt(int series, qint64 time_ms) const {
    const app::ChartPoints& points = m_points[static_cast<std::size_t>(series)];
    const auto after = std::lower_bound(
        points.begin(), points.end(), time_ms,
        [](const app::ChartPoint& point, qint64 time) { return point.time_ms < time; });
    const app::ChartPoint* nearest = nullptr;
    if (after != points.end())
        nearest = &*after;
    if (after != points.begin()) {
        const app::ChartPoint& before = *std::prev(after);
        if (nearest == nullptr || time_ms - before.time_ms <= nearest->time_ms - time_ms)
            nearest = &before;
    }
    if (nearest == nullptr || std::abs(nearest->time_ms - time_ms) > m_longestStep_ms)
        return std::nullopt;
    return nearest->value;
}

QString TimeChart::readout() const {
    return readoutParts().join(QStringLiteral("   "));
}

QStringList TimeChart::readoutParts() const {
    QStringList parts;
    for (int series = 0; series < m_names.size(); ++series) {
        const app::ChartPoints& points = m_points[static_cast<std::size_t>(series)];
        std::optional<double> value;
        if (m_crosshair_ms)
            value = valueAt(series, *m_crosshair_ms);
        else if (!points.empty())
            value = points.back().value;
        parts.append(QStringLiteral("%1 %2").arg(m_names[series], figureText(m_unit, value)));
    }
    return parts;
}

void TimeChart::updateHeader() {
    const QStringList parts = readoutParts();
    QList<ChartHeader::Entry> entries;
    for (qsizetype series = 0; series < parts.size(); ++series) {
        const auto at = static_cast<std::size_t>(series);
        entries.append(
            {QString::fromUtf8(kDashWords[at]), m_theme.palette().series[at], parts[series]});
    }
    m_header->setEntries(entries);
    setAccessibleDescription(parts.join(QStringLiteral("   ")));
}

double TimeChart::timeAt(int x) const {
    return m_plot->xAxis->pixelToCoord(x);
}

void TimeChart::zoomAround(double time_s, double factor) {
    const auto around = static_cast<qint64>(time_s * 1000);
    const auto stretch = [&](qint64 time) {
        return around + static_cast<qint64>(static_cast<double>(time - around) * factor);
    };
    emit zoomAsked(stretch(m_from_ms), stretch(m_to_ms));
}

bool TimeChart::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_plot)
        return QFrame::eventFilter(watched, event);
    const auto x = [&] {
        return static_cast<int>(static_cast<QMouseEvent*>(event)->position().x());
    };
    switch (event->type()) {
    case QEvent::MouseMove:
        emit hovered(static_cast<qint64>(timeAt(x()) * 1000));
        if (m_dragFrom)
            m_overlay->setSpan(QPair(*m_dragFrom, x()));
        break;
    case QEvent::Leave:
        emit hoverEnded();
        break;
    case QEvent::MouseButtonPress:
        m_dragFrom = x();
        setFocus(Qt::MouseFocusReason);
        break;
    case QEvent::MouseButtonRelease:
        if (m_dragFrom && std::abs(x() - *m_dragFrom) > 8)
            emit zoomAsked(static_cast<qint64>(timeAt(std::min(x(), *m_dragFrom)) * 1000),
                           static_cast<qint64>(timeAt(std::max(x(), *m_dragFrom)) * 1000));
        m_dragFrom.reset();
        m_overlay->setSpan({});
        break;
    case QEvent::Wheel: {
        auto* wheel = static_cast<QWheelEvent*>(event);
        if (!(wheel->modifiers() & Qt::ControlModifier))
            return false; // the page scrolls
        zoomAround(timeAt(static_cast<int>(wheel->position().x())),
                   wheel->angleDelta().y() > 0 ? 0.8 : 1.25);
        return true;
    }
    case QEvent::Resize:
        QMetaObject::invokeMethod(this, &TimeChart::refresh, Qt::QueuedConnection);
        break;
    default:
        break;
    }
    return false;
}

void TimeChart::keyPressEvent(QKeyEvent* event) {
    const qint64 step = std::max<qint64>(1, (m_to_ms - m_from_ms) / 60);
    const qint64 at = m_crosshair_ms.value_or(m_to_ms);
    switch (event->key()) {
    case Qt::Key_Left:
        emit hovered(std::max(m_from_ms, at - step));
        return;
    case Qt::Key_Right:
        emit hovered(std::min(m_to_ms, at + step));
        return;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomAround(static_cast<double>(at) / 1e3, 0.8);
        return;
    case Qt::Key_Minus:
        zoomAround(static_cast<double>(at) / 1e3, 1.25);
        return;
    default:
        QFrame::keyPressEvent(event);
    }
}

} // namespace ui
