#pragma once
// TelemetryController: what the dashboard, the requests page and the status strip know of the
// machine and the engine. Owns the sampler; keeps the last hour; stores minute averages. GUI
// thread.

#include "app/telemetry/metric_store.h"

#include <functional>
#include <memory>
#include <QObject>

namespace engine {
class Engine;
}

namespace app {

class History;
class MetricSampler;
struct SamplerOptions;

class TelemetryController : public QObject {
    Q_OBJECT

  public:
    /// `history` may be null: then nothing is stored. start() begins to look.
    explicit TelemetryController(History* history, QObject* parent = nullptr);
    ~TelemetryController() override; ///< stop()

    /// `engine` must live until stop().
    void start(engine::Engine& engine, SamplerOptions options);
    /// Ends the looking and stores what was gathered. Idempotent.
    void stop();

    /// What the clients of requests are called; asked on this thread. Without it the engine's words
    /// stay.
    void setClientNames(std::function<QString(const QString& client)> names) {
        m_clientNames = std::move(names);
    }

    const MetricFrame& latest() const { return m_latest; }
    /// Samples of the last hour; absent ones included.
    ChartPoints recent(const SeriesId& series, qint64 from_ms) const;
    /// Stored averages; the answer is empty when there is no history.
    void readHistory(const QList<SeriesId>& series, qint64 from_ms, qint64 to_ms,
                     qint64 bucketMinutes, QObject* receiver,
                     std::function<void(const SeriesHistory&)> answer);
    /// Marks, oldest first; the last 500, those of earlier sessions too.
    const QList<MetricEvent>& events() const { return m_events; }
    /// Steps of the last two minutes, oldest first.
    const QList<StepSpan>& steps() const { return m_steps; }

    /// One look: as the sampler brings it, or a test.
    void accept(const MetricFrame& frame);
    void addEvent(const MetricEvent& event);

  public slots:
    void stopRequest(quint64 request);
    void setPriority(quint64 request, int priority);

  signals:
    void frameArrived(const app::MetricFrame& frame);
    void eventsChanged();

  private:
    void store(std::vector<MinuteRow> rows, qint64 minute);
    void readEarlierEvents();

    History* m_history;
    engine::Engine* m_engine = nullptr;
    std::unique_ptr<MetricSampler> m_sampler;
    SampleRing m_ring;
    MinuteAverages m_minutes;
    MetricFrame m_latest;
    QList<MetricEvent> m_events;
    QList<StepSpan> m_steps;
    std::function<QString(const QString&)> m_clientNames;
};

} // namespace app
