#pragma once
// MetricFrame: one look at everything, twice a second. A value: made by the sampler, read by the
// dashboard, the requests page, /metrics, alerts and the stored history.

#include "app/telemetry/metric.h"

#include <map>
#include <QList>
#include <QMetaType>
#include <QString>
#include <vector>

namespace app {

/// A cumulative histogram as Prometheus wants it.
struct HistogramValue {
    std::vector<double> bounds_s;      ///< upper bounds [s], ascending, without +Inf
    std::vector<quint64> countsAtMost; ///< records at most as long as the bound
    quint64 count = 0;
    double sum_s = 0;
};

struct GpuProcess {
    quint32 pid = 0;
    QString name; // empty = not known
    quint64 bytes = 0;
    bool isOurs = false;
};

/// What the loaded models take of one device [bytes].
struct MemoryShare {
    QString device; // "CPU", "CUDA 0"
    double weights = 0;
    double kv = 0;
    double workspace = 0;
};

/// One GPU: its figures are in `values` under the Gpu* ids.
struct GpuFrame {
    QString name; // "NVIDIA H100 80GB HBM3"
    QString uuid;
    MetricValues values;
    QString absent;              // translated: why the card has no figures; empty = it has
    QStringList throttleReasons; // translated words, empty = none
    std::optional<QList<GpuProcess>> processes;
};

enum class RequestStage { Queued, Prefill, Decode, Finished, Failed, Stopped };

/// One request, running, waiting or of the recent past.
struct RequestRow {
    quint64 id = 0;
    QString client;   // "desktop", "api", or what its key is called
    int priority = 0; // 0 (first) .. 2
    RequestStage stage = RequestStage::Queued;
    int queuePosition = 0;
    int promptTokens = 0;
    int cachedTokens = 0;
    int prefilledTokens = 0;
    int generatedTokens = 0;
    double tokensPerSecond = 0;
    qint64 submitted_us = 0; // steady clock, as the steps'
    qint64 queueWait_us = 0; // so far while it waits
    qint64 ttft_us = 0;      // 0 = no token yet
    qint64 decode_us = 0;
    qint64 estimatedWait_us = -1; // -1 = not known

    bool isLive() const { return stage <= RequestStage::Decode; }
};

/// What one step computed for one request.
struct StepSpan {
    quint64 request = 0;
    qint64 begin_us = 0; // steady clock
    qint32 duration_us = 0;
    qint32 rows = 0;
    bool isPrefill = false;
};

/// Stored as its number: new ones go to the end.
enum class MetricEventKind { ModelLoaded, ModelUnloaded, BreakerOpened, BreakerClosed, Alert };

/// A mark on the charts.
struct MetricEvent {
    qint64 time_ms = 0; // UTC
    MetricEventKind kind = MetricEventKind::ModelLoaded;
    QString what; // the model, the rule
};

struct MetricFrame {
    qint64 time_ms = 0;   // UTC
    qint64 steady_us = 0; // the same moment on the clock of requests and steps
    MetricValues machine;
    std::vector<GpuFrame> gpus;
    QString gpuAbsent; // why there are no GPU figures; known cards stay in `gpus`
    QString device;    // what computes: "CPU · AVX-512 VNNI · 2 threads"; empty = no model
    QString model;
    QList<MemoryShare> shares; // of every device a model is on
    std::map<MetricId, HistogramValue> histograms;
    QList<RequestRow> requests; // running, waiting, then recent ones, newest first
    QList<StepSpan> steps;      // since the frame before
    QList<MetricEvent> events;  // since the frame before

    std::optional<double> value(const SeriesId& series) const {
        if (series.gpu < 0)
            return machine.get(series.metric);
        if (series.gpu >= static_cast<int>(gpus.size()))
            return std::nullopt;
        return gpus[static_cast<std::size_t>(series.gpu)].values.get(series.metric);
    }
};

} // namespace app

Q_DECLARE_METATYPE(app::MetricFrame)
Q_DECLARE_METATYPE(app::MetricEvent)
