#include "app/telemetry/metric.h"

#include <QCoreApplication>

namespace app {

namespace {

using enum MetricUnit;
using enum MetricKind;
using enum MetricScope;
using Id = MetricId;
constexpr std::nullopt_t kOpen = std::nullopt;

// clang-format off
constexpr std::array<MetricDefinition, kMetricCount> kTable = {{
    {Id::CpuUtilization, "cpu.utilization", "inglenook_cpu_utilization_ratio", "Share of all cores that is busy.", QT_TRANSLATE_NOOP("Metric", "CPU utilization"), Ratio, Gauge, Machine, 1.0},
    {Id::ProcessCpu, "process.cpu", "inglenook_process_cpu_cores", "Cores that this program keeps busy.", QT_TRANSLATE_NOOP("Metric", "CPU cores of Inglenook"), Count, Gauge, Machine, kOpen},
    {Id::MemoryUsed, "memory.used", "inglenook_memory_used_bytes", "Host memory that is not available.", QT_TRANSLATE_NOOP("Metric", "Memory used"), Bytes, Gauge, Machine, kOpen},
    {Id::MemoryTotal, "memory.total", "inglenook_memory_size_bytes", "Host memory.", QT_TRANSLATE_NOOP("Metric", "Memory"), Bytes, Gauge, Machine, kOpen},
    {Id::MemoryUsage, "memory.usage", "inglenook_memory_usage_ratio", "Share of the host memory that is not available.", QT_TRANSLATE_NOOP("Metric", "Memory in use"), Ratio, Gauge, Machine, 1.0},
    {Id::ProcessMemory, "process.memory", "inglenook_process_resident_memory_bytes", "Resident memory of this program.", QT_TRANSLATE_NOOP("Metric", "Memory of Inglenook"), Bytes, Gauge, Machine, kOpen},
    {Id::DiskFree, "disk.free", "inglenook_disk_free_bytes", "Free bytes where the data folder lies.", QT_TRANSLATE_NOOP("Metric", "Free disk space"), Bytes, Gauge, Machine, kOpen},
    {Id::DiskTotal, "disk.total", "inglenook_disk_size_bytes", "Size of the disk that holds the data folder.", QT_TRANSLATE_NOOP("Metric", "Disk size"), Bytes, Gauge, Machine, kOpen},

    {Id::GpuUtilization, "gpu.utilization", "inglenook_gpu_utilization_ratio", "Share of time in which a kernel ran.", QT_TRANSLATE_NOOP("Metric", "GPU utilization"), Ratio, Gauge, Gpu, 1.0},
    {Id::GpuMemoryUsed, "gpu.memory.used", "inglenook_gpu_memory_used_bytes", "GPU memory in use by all programs.", QT_TRANSLATE_NOOP("Metric", "GPU memory used"), Bytes, Gauge, Gpu, kOpen},
    {Id::GpuMemoryTotal, "gpu.memory.total", "inglenook_gpu_memory_size_bytes", "GPU memory.", QT_TRANSLATE_NOOP("Metric", "GPU memory"), Bytes, Gauge, Gpu, kOpen},
    {Id::GpuMemoryOurs, "gpu.memory.ours", "inglenook_gpu_process_memory_bytes", "GPU memory of this program, as the driver counts it.", QT_TRANSLATE_NOOP("Metric", "GPU memory of Inglenook"), Bytes, Gauge, Gpu, kOpen},
    {Id::GpuPower, "gpu.power", "inglenook_gpu_power_watts", "Power drawn by the board.", QT_TRANSLATE_NOOP("Metric", "GPU power"), Watts, Gauge, Gpu, kOpen},
    {Id::GpuPowerLimit, "gpu.power.limit", "inglenook_gpu_power_limit_watts", "Power limit in force.", QT_TRANSLATE_NOOP("Metric", "GPU power limit"), Watts, Gauge, Gpu, kOpen},
    {Id::GpuEnergy, "gpu.energy", "inglenook_gpu_energy_joules_total", "Energy since the driver was loaded.", QT_TRANSLATE_NOOP("Metric", "GPU energy"), Joules, Counter, Gpu, kOpen},
    {Id::GpuTemperature, "gpu.temperature", "inglenook_gpu_temperature_celsius", "Temperature of the GPU.", QT_TRANSLATE_NOOP("Metric", "GPU temperature"), Celsius, Gauge, Gpu, kOpen},
    {Id::GpuSmClock, "gpu.clock.sm", "inglenook_gpu_sm_clock_hertz", "Clock of the multiprocessors.", QT_TRANSLATE_NOOP("Metric", "GPU clock"), Hertz, Gauge, Gpu, kOpen},
    {Id::GpuMemoryClock, "gpu.clock.memory", "inglenook_gpu_memory_clock_hertz", "Clock of the GPU memory.", QT_TRANSLATE_NOOP("Metric", "GPU memory clock"), Hertz, Gauge, Gpu, kOpen},
    {Id::GpuThrottled, "gpu.throttled", "inglenook_gpu_throttled", "1 while heat or power slows the clocks down.", QT_TRANSLATE_NOOP("Metric", "GPU throttled"), Count, Gauge, Gpu, 1.0},
    {Id::GpuPcieTx, "gpu.pcie.tx", "inglenook_gpu_pcie_transmit_bytes_per_second", "PCIe traffic from the GPU.", QT_TRANSLATE_NOOP("Metric", "PCIe out"), BytesPerSecond, Gauge, Gpu, kOpen},
    {Id::GpuPcieRx, "gpu.pcie.rx", "inglenook_gpu_pcie_receive_bytes_per_second", "PCIe traffic to the GPU.", QT_TRANSLATE_NOOP("Metric", "PCIe in"), BytesPerSecond, Gauge, Gpu, kOpen},
    {Id::GpuNvlinkTx, "gpu.nvlink.tx", "inglenook_gpu_nvlink_transmit_bytes_per_second", "NVLink traffic from the GPU.", QT_TRANSLATE_NOOP("Metric", "NVLink out"), BytesPerSecond, Gauge, Gpu, kOpen},
    {Id::GpuNvlinkRx, "gpu.nvlink.rx", "inglenook_gpu_nvlink_receive_bytes_per_second", "NVLink traffic to the GPU.", QT_TRANSLATE_NOOP("Metric", "NVLink in"), BytesPerSecond, Gauge, Gpu, kOpen},

    {Id::PromptTokens, "tokens.prompt", "prompt_tokens_total", "Prompt tokens computed.", QT_TRANSLATE_NOOP("Metric", "Prompt tokens"), Tokens, Counter, Machine, kOpen},
    {Id::GeneratedTokens, "tokens.generated", "tokens_predicted_total", "Tokens generated.", QT_TRANSLATE_NOOP("Metric", "Generated tokens"), Tokens, Counter, Machine, kOpen},
    {Id::CachedTokens, "tokens.cached", "inglenook_cached_tokens_total", "Prompt tokens taken from the prefix cache.", QT_TRANSLATE_NOOP("Metric", "Cached tokens"), Tokens, Counter, Machine, kOpen},
    {Id::PrefillRate, "rate.prefill", "prompt_tokens_seconds", "Prompt tokens per second since the last look.", QT_TRANSLATE_NOOP("Metric", "Prefill"), TokensPerSecond, Gauge, Machine, kOpen},
    {Id::DecodeRate, "rate.decode", "predicted_tokens_seconds", "Generated tokens per second since the last look.", QT_TRANSLATE_NOOP("Metric", "Decode"), TokensPerSecond, Gauge, Machine, kOpen},
    {Id::EngineBusy, "engine.busy", "inglenook_engine_busy_ratio", "Share of time in which the engine computed.", QT_TRANSLATE_NOOP("Metric", "Engine busy"), Ratio, Gauge, Machine, 1.0},
    {Id::ReadRate, "engine.read", "inglenook_engine_read_bytes_per_second", "Weights and KV cache read while computing.", QT_TRANSLATE_NOOP("Metric", "Memory read"), BytesPerSecond, Gauge, Machine, kOpen},
    {Id::RequestsRunning, "requests.running", "requests_processing", "Requests being computed.", QT_TRANSLATE_NOOP("Metric", "Running"), Count, Gauge, Machine, kOpen},
    {Id::RequestsQueued, "requests.queued", "requests_deferred", "Requests that wait.", QT_TRANSLATE_NOOP("Metric", "Queued"), Count, Gauge, Machine, kOpen},
    {Id::RequestsFinished, "requests.finished", "inglenook_requests_finished_total", "Requests that ended well.", QT_TRANSLATE_NOOP("Metric", "Finished requests"), Count, Counter, Machine, kOpen},
    {Id::RequestsFailed, "requests.failed", "inglenook_requests_failed_total", "Requests that failed.", QT_TRANSLATE_NOOP("Metric", "Failed requests"), Count, Counter, Machine, kOpen},
    {Id::RequestsRefused, "requests.refused", "inglenook_requests_refused_total", "Requests refused by limits, full queue or breaker.", QT_TRANSLATE_NOOP("Metric", "Refused requests"), Count, Counter, Machine, kOpen},
    {Id::ErrorRatio, "requests.errors", "inglenook_request_error_ratio", "Failed requests of those that ended in the last 5 minutes.", QT_TRANSLATE_NOOP("Metric", "Errors"), Ratio, Gauge, Machine, 1.0},
    {Id::BatchSize, "batch.rows", "inglenook_batch_rows", "Rows per step since the last look.", QT_TRANSLATE_NOOP("Metric", "Batch size"), Count, Gauge, Machine, kOpen},
    {Id::PromptsPerChunk, "batch.prompts", "inglenook_batch_prompts", "Prompts per prefill chunk since the last look.", QT_TRANSLATE_NOOP("Metric", "Prompts per chunk"), Count, Gauge, Machine, kOpen},
    {Id::PromptHold, "batch.hold", "inglenook_batch_hold_seconds", "Time a prompt was held to be read with others, since the last look.", QT_TRANSLATE_NOOP("Metric", "Time held for batching"), Seconds, Gauge, Machine, kOpen},
    {Id::KvTokens, "kv.tokens", "kv_cache_tokens", "Tokens held in the KV cache.", QT_TRANSLATE_NOOP("Metric", "Tokens in the KV cache"), Tokens, Gauge, Machine, kOpen},
    {Id::KvPagesUsed, "kv.pages.used", "inglenook_kv_pages_used", "KV pages in use.", QT_TRANSLATE_NOOP("Metric", "KV pages used"), Count, Gauge, Machine, kOpen},
    {Id::KvPagesTotal, "kv.pages.total", "inglenook_kv_pages", "KV pages there are.", QT_TRANSLATE_NOOP("Metric", "KV pages"), Count, Gauge, Machine, kOpen},
    {Id::KvUsage, "kv.usage", "kv_cache_usage_ratio", "Share of the KV pages in use.", QT_TRANSLATE_NOOP("Metric", "KV cache in use"), Ratio, Gauge, Machine, 1.0},
    {Id::KvFragmentation, "kv.fragmentation", "inglenook_kv_fragmentation_ratio", "Share of the allocated KV tokens that hold nothing.", QT_TRANSLATE_NOOP("Metric", "KV fragmentation"), Ratio, Gauge, Machine, 1.0},
    {Id::WorkspaceFragmentation, "workspace.fragmentation", "inglenook_workspace_fragmentation_ratio", "Share of the workspace rows that no step of the last minute used.", QT_TRANSLATE_NOOP("Metric", "Workspace fragmentation"), Ratio, Gauge, Machine, 1.0},
    {Id::CacheHitRatio, "cache.hits", "inglenook_prefix_cache_hit_ratio", "Prompt tokens of the last minute that came from the prefix cache.", QT_TRANSLATE_NOOP("Metric", "Cache hits"), Ratio, Gauge, Machine, 1.0},
    {Id::WeightsMemory, "model.weights", "inglenook_model_weights_bytes", "Bytes of all loaded weights.", QT_TRANSLATE_NOOP("Metric", "Weights"), Bytes, Gauge, Machine, kOpen},
    {Id::KvMemory, "model.kv", "inglenook_model_kv_bytes", "Bytes of all KV pools.", QT_TRANSLATE_NOOP("Metric", "KV cache"), Bytes, Gauge, Machine, kOpen},
    {Id::WorkspaceMemory, "model.workspace", "inglenook_model_workspace_bytes", "Bytes of all workspaces.", QT_TRANSLATE_NOOP("Metric", "Workspace"), Bytes, Gauge, Machine, kOpen},
    {Id::BreakersOpen, "breakers.open", "inglenook_breakers_open", "Circuit breakers that are open.", QT_TRANSLATE_NOOP("Metric", "Open breakers"), Count, Gauge, Machine, kOpen},
    {Id::TtftP50, "ttft.p50", "inglenook_ttft_p50_seconds", "Median time to the first token, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "TTFT P50"), Seconds, Gauge, Machine, kOpen},
    {Id::TtftP95, "ttft.p95", "inglenook_ttft_p95_seconds", "95 % of the times to the first token are below, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "TTFT P95"), Seconds, Gauge, Machine, kOpen},
    {Id::TtftP99, "ttft.p99", "inglenook_ttft_p99_seconds", "99 % of the times to the first token are below, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "TTFT P99"), Seconds, Gauge, Machine, kOpen},
    {Id::ItlP50, "itl.p50", "inglenook_itl_p50_seconds", "Median time between two tokens, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "ITL P50"), Seconds, Gauge, Machine, kOpen},
    {Id::ItlP95, "itl.p95", "inglenook_itl_p95_seconds", "95 % of the times between two tokens are below, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "ITL P95"), Seconds, Gauge, Machine, kOpen},
    {Id::ItlP99, "itl.p99", "inglenook_itl_p99_seconds", "99 % of the times between two tokens are below, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "ITL P99"), Seconds, Gauge, Machine, kOpen},
    {Id::QueueWaitP95, "queue_wait.p95", "inglenook_queue_wait_p95_seconds", "95 % of the waits are below, last 30 seconds.", QT_TRANSLATE_NOOP("Metric", "Queue wait P95"), Seconds, Gauge, Machine, kOpen},

    {Id::QueueWaitHistogram, "queue_wait", "inglenook_queue_wait_seconds", "From submitting a request to its joining.", QT_TRANSLATE_NOOP("Metric", "Queue wait"), Seconds, Histogram, Machine, kOpen},
    {Id::TtftHistogram, "ttft", "inglenook_ttft_seconds", "From submitting a request to its first token.", QT_TRANSLATE_NOOP("Metric", "Time to the first token"), Seconds, Histogram, Machine, kOpen},
    {Id::ItlHistogram, "itl", "inglenook_itl_seconds", "Between two tokens of one answer.", QT_TRANSLATE_NOOP("Metric", "Time between tokens"), Seconds, Histogram, Machine, kOpen},
    {Id::EndToEndHistogram, "e2e", "inglenook_e2e_seconds", "From submitting a request to its end.", QT_TRANSLATE_NOOP("Metric", "Time of a request"), Seconds, Histogram, Machine, kOpen},
}};
// clang-format on

constexpr bool isInOrder() {
    for (std::size_t i = 0; i < kMetricCount; ++i)
        if (static_cast<std::size_t>(kTable[i].id) != i)
            return false;
    return true;
}
static_assert(isInOrder(), "a row stands at the place of its id");

} // namespace

const std::array<MetricDefinition, kMetricCount>& metricTable() {
    return kTable;
}

const MetricDefinition& definition(MetricId id) {
    return kTable[static_cast<std::size_t>(id)];
}

QString metricTitle(MetricId id) {
    return QCoreApplication::translate("Metric", definition(id).title);
}

std::optional<MetricId> metricFromKey(const QString& key) {
    for (const MetricDefinition& row : kTable)
        if (key == QLatin1String(row.key))
            return row.id;
    return std::nullopt;
}

QString seriesKey(const SeriesId& series) {
    const QString key = QString::fromLatin1(definition(series.metric).key);
    return series.gpu < 0 ? key : QStringLiteral("%1/%2").arg(key).arg(series.gpu);
}

} // namespace app
