#include "ui/dashboard/chart_table.h"

#include "ui/widgets/time_chart.h"

#include <QCoreApplication>

namespace ui {

namespace {

using app::MetricId;

struct Charts {
    Q_DECLARE_TR_FUNCTIONS(ui::Charts)
};

ChartSpec chart(const char* key, const QString& title,
                std::initializer_list<std::pair<MetricId, QString>> series,
                const QString& emptyReason) {
    ChartSpec spec{QString::fromLatin1(key), title, {}, {}, emptyReason};
    for (const auto& [metric, name] : series) {
        spec.series.append({metric});
        spec.names.append(name);
    }
    return spec;
}

/// The same figure of every GPU, in as many charts as that takes.
QList<ChartSpec> gpuCharts(const char* key, const QString& title, MetricId metric, int gpus,
                           const QString& emptyReason) {
    QList<ChartSpec> specs;
    for (int first = 0; first == 0 || first < gpus; first += TimeChart::kMostSeries) {
        QString name = QString::fromLatin1(key);
        if (first > 0)
            name += QStringLiteral(".%1").arg(first);
        ChartSpec spec{name, title, {}, {}, emptyReason};
        for (int gpu = first; gpu < std::min(gpus, first + TimeChart::kMostSeries); ++gpu) {
            spec.series.append({metric, gpu});
            spec.names.append(Charts::tr("GPU %1").arg(gpu));
        }
        if (gpus == 0) {
            spec.series.append({metric, 0});
            spec.names.append(Charts::tr("GPU"));
        }
        specs.append(spec);
    }
    return specs;
}

} // namespace

QList<ChartSpec> chartTable(int gpus) {
    const QString noGpu = Charts::tr("Absent: this machine has no GPU that tells it.");
    const QString noRequest = Charts::tr("Nothing yet: this comes with the first answer.");
    const QString noModel = Charts::tr("Nothing yet: no model is loaded.");
    const QString p50 = QStringLiteral("P50");
    const QString p95 = QStringLiteral("P95");
    const QString p99 = QStringLiteral("P99");
    QList<ChartSpec> table;
    if (gpus > 0) {
        table.append(gpuCharts("utilization", Charts::tr("Utilization"), MetricId::GpuUtilization,
                               gpus, noGpu));
        table.append(
            gpuCharts("memory", Charts::tr("Memory"), MetricId::GpuMemoryUsed, gpus, noGpu));
    } else {
        table.append(chart("utilization", Charts::tr("Utilization"),
                           {{MetricId::CpuUtilization, Charts::tr("CPU")},
                            {MetricId::EngineBusy, Charts::tr("engine")}},
                           Charts::tr("Nothing measured yet.")));
        table.append(chart("memory", Charts::tr("Memory"),
                           {{MetricId::MemoryUsed, Charts::tr("all")},
                            {MetricId::ProcessMemory, Charts::tr("Inglenook")}},
                           Charts::tr("Nothing measured yet.")));
    }
    table.append(chart("throughput", Charts::tr("Throughput"),
                       {{MetricId::PrefillRate, Charts::tr("prefill")},
                        {MetricId::DecodeRate, Charts::tr("decode")}},
                       noRequest));
    table.append(gpuCharts("power", Charts::tr("Power"), MetricId::GpuPower, gpus, noGpu));
    table.append(chart(
        "ttft", Charts::tr("Time to the first token"),
        {{MetricId::TtftP50, p50}, {MetricId::TtftP95, p95}, {MetricId::TtftP99, p99}}, noRequest));
    table.append(chart("itl", Charts::tr("Time between tokens"),
                       {{MetricId::ItlP50, p50}, {MetricId::ItlP95, p95}, {MetricId::ItlP99, p99}},
                       noRequest));
    table.append(chart("queue", Charts::tr("Requests"),
                       {{MetricId::RequestsRunning, Charts::tr("running")},
                        {MetricId::RequestsQueued, Charts::tr("queued")}},
                       noModel));
    table.append(chart("batch", Charts::tr("Batch size"),
                       {{MetricId::BatchSize, Charts::tr("rows a step")},
                        {MetricId::PromptsPerChunk, Charts::tr("prompts a chunk")}},
                       noRequest));
    table.append(chart("waits", Charts::tr("Waiting time"),
                       {{MetricId::QueueWaitP95, Charts::tr("queue P95")},
                        {MetricId::PromptHold, Charts::tr("held for a batch")}},
                       noRequest));
    table.append(chart("kv", Charts::tr("KV pages"),
                       {{MetricId::KvUsage, Charts::tr("in use")},
                        {MetricId::KvFragmentation, Charts::tr("fragmented")},
                        {MetricId::WorkspaceFragmentation, Charts::tr("workspace unused")}},
                       noModel));
    table.append(chart("cache", Charts::tr("Cache hits"),
                       {{MetricId::CacheHitRatio, Charts::tr("of prompt tokens")}}, noRequest));
    table.append(chart("read", Charts::tr("Memory read"),
                       {{MetricId::ReadRate, Charts::tr("while computing")}}, noRequest));
    table.append(chart("errors", Charts::tr("Errors"),
                       {{MetricId::ErrorRatio, Charts::tr("of the last 5 minutes")}}, noRequest));
    return table;
}

} // namespace ui
