#include "app/telemetry/telemetry_controller.h"

#include "app/history/history.h"
#include "app/telemetry/metric_sampler.h"
#include "engine/runtime/engine.h"

#include <QDateTime>

namespace app {

namespace {

constexpr qsizetype kMostEvents = 500;
constexpr qint64 kStepsKept_us = 120'000'000;
constexpr qsizetype kMostSteps = 60'000;

} // namespace

TelemetryController::TelemetryController(History* history, QObject* parent)
    : QObject(parent), m_history(history) {}

TelemetryController::~TelemetryController() {
    stop();
}

void TelemetryController::start(engine::Engine& engine, SamplerOptions options) {
    m_engine = &engine;
    readEarlierEvents();
    m_sampler = std::make_unique<MetricSampler>(
        engine, std::move(options), [this](const MetricFrame& frame) {
            QMetaObject::invokeMethod(
                this, [this, frame] { accept(frame); }, Qt::QueuedConnection);
        });
}

void TelemetryController::stop() {
    if (m_sampler == nullptr)
        return;
    m_sampler.reset();
    m_engine = nullptr;
    store(m_minutes.flush(), m_latest.time_ms / 60'000);
}

void TelemetryController::accept(const MetricFrame& frame) {
    m_latest = frame;
    m_latest.steps.clear();
    m_latest.events.clear();
    if (m_clientNames)
        for (RequestRow& row : m_latest.requests)
            row.client = m_clientNames(row.client);
    m_ring.push(frame);
    for (const MetricEvent& event : frame.events)
        addEvent(event);
    m_steps.append(frame.steps);
    qsizetype old = std::max<qsizetype>(0, m_steps.size() - kMostSteps);
    while (old < m_steps.size() && m_steps[old].begin_us < frame.steady_us - kStepsKept_us)
        ++old;
    m_steps.remove(0, old);
    if (std::vector<MinuteRow> rows = m_minutes.push(frame); !rows.empty())
        store(std::move(rows), frame.time_ms / 60'000);
    emit frameArrived(m_latest);
}

void TelemetryController::addEvent(const MetricEvent& event) {
    m_events.append(event);
    if (m_events.size() > kMostEvents)
        m_events.removeFirst();
    if (m_history != nullptr)
        m_history->changeMetrics(
            [event](SQLite::Database& database) { storeEvent(database, event); });
    emit eventsChanged();
}

void TelemetryController::readEarlierEvents() {
    if (m_history == nullptr)
        return;
    auto found = std::make_shared<QList<MetricEvent>>();
    const qint64 now_ms = QDateTime::currentMSecsSinceEpoch(); // later ones come by addEvent()
    m_history->readMetrics(
        [found, now_ms](SQLite::Database& database) {
            *found = readEvents(database, now_ms, int(kMostEvents));
        },
        this,
        [this, found](const engine::Status&) {
            m_events = *found + m_events;
            m_events.remove(0, std::max<qsizetype>(0, m_events.size() - kMostEvents));
            emit eventsChanged();
        });
}

void TelemetryController::store(std::vector<MinuteRow> rows, qint64 minute) {
    if (m_history == nullptr || rows.empty())
        return;
    m_history->changeMetrics([rows = std::move(rows), minute](SQLite::Database& database) {
        storeMinutes(database, rows, minute);
    });
}

ChartPoints TelemetryController::recent(const SeriesId& series, qint64 from_ms) const {
    return m_ring.series(series, from_ms);
}

void TelemetryController::readHistory(const QList<SeriesId>& series, qint64 from_ms, qint64 to_ms,
                                      qint64 bucketMinutes, QObject* receiver,
                                      std::function<void(const SeriesHistory&)> answer) {
    if (m_history == nullptr)
        return;
    QStringList keys;
    for (const SeriesId& each : series)
        keys.append(seriesKey(each));
    auto found = std::make_shared<SeriesHistory>();
    m_history->readMetrics(
        [=](SQLite::Database& database) {
            *found = readAverages(database, keys, from_ms / 60'000, to_ms / 60'000, bucketMinutes);
        },
        receiver, [found, answer](const engine::Status&) { answer(*found); });
}

void TelemetryController::stopRequest(quint64 request) {
    if (m_engine != nullptr)
        m_engine->cancel(request);
}

void TelemetryController::setPriority(quint64 request, int priority) {
    if (m_engine != nullptr && priority >= 0 && priority < static_cast<int>(engine::kPriorityCount))
        m_engine->setPriority(request, static_cast<engine::Priority>(priority));
}

} // namespace app
