#pragma once
// Metric: what a figure is. One table defines every figure of the program; the dashboard, /metrics
// and the stored history read it. Values are in base units (seconds, bytes, ratios of 1); pages
// turn them into what people read. A figure that is not there is absent, never 0.

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <QString>

namespace app {

enum class MetricUnit {
    Count,
    Tokens,
    TokensPerSecond,
    Ratio, // 0 .. 1
    Bytes,
    BytesPerSecond,
    Seconds,
    Watts,
    Joules,
    Celsius,
    Hertz,
};

/// A gauge is a state, a counter only grows while the program runs, a histogram is read from
/// MetricFrame::histograms.
enum class MetricKind { Gauge, Counter, Histogram };

/// Where a figure comes from: once a machine, or once a GPU.
enum class MetricScope { Machine, Gpu };

enum class MetricId {
    // The machine
    CpuUtilization,
    ProcessCpu,
    MemoryUsed,
    MemoryTotal,
    MemoryUsage,
    ProcessMemory,
    DiskFree,
    DiskTotal,
    // Each GPU
    GpuUtilization,
    GpuMemoryUsed,
    GpuMemoryTotal,
    GpuMemoryOurs,
    GpuPower,
    GpuPowerLimit,
    GpuEnergy,
    GpuTemperature,
    GpuSmClock,
    GpuMemoryClock,
    GpuThrottled,
    GpuPcieTx,
    GpuPcieRx,
    GpuNvlinkTx,
    GpuNvlinkRx,
    // The engine
    PromptTokens,
    GeneratedTokens,
    CachedTokens,
    PrefillRate,
    DecodeRate,
    EngineBusy,
    ReadRate,
    RequestsRunning,
    RequestsQueued,
    RequestsFinished,
    RequestsFailed,
    RequestsRefused,
    ErrorRatio,
    BatchSize,
    PromptsPerChunk,
    PromptHold,
    KvTokens,
    KvPagesUsed,
    KvPagesTotal,
    KvUsage,
    KvFragmentation,
    WorkspaceFragmentation,
    CacheHitRatio,
    WeightsMemory,
    KvMemory,
    WorkspaceMemory,
    BreakersOpen,
    TtftP50,
    TtftP95,
    TtftP99,
    ItlP50,
    ItlP95,
    ItlP99,
    QueueWaitP95,
    // Histograms
    QueueWaitHistogram,
    TtftHistogram,
    ItlHistogram,
    EndToEndHistogram,
};
constexpr std::size_t kMetricCount = static_cast<std::size_t>(MetricId::EndToEndHistogram) + 1;

struct MetricDefinition {
    MetricId id;
    const char* key;      ///< stable name in the history: "gpu.utilization"
    const char* exported; ///< Prometheus name
    const char* help;     ///< one English line for /metrics
    const char* title;    ///< English, translated by metricTitle()
    MetricUnit unit;
    MetricKind kind;
    MetricScope scope;
    std::optional<double> highest; ///< end of its range; absent: open (ranges begin at 0)
};

/// In the order of MetricId.
const std::array<MetricDefinition, kMetricCount>& metricTable();
const MetricDefinition& definition(MetricId id);
QString metricTitle(MetricId id); // translated
/// The metric of a key; nullopt for an unknown one.
std::optional<MetricId> metricFromKey(const QString& key);

/// One figure of one source over time. `gpu` is -1 for those of the machine.
struct SeriesId {
    MetricId metric = MetricId::CpuUtilization;
    int gpu = -1;
    auto operator<=>(const SeriesId&) const = default;
};
/// "ttft.p95", "gpu.utilization/0".
QString seriesKey(const SeriesId& series);

/// The values of one source at one time; all absent at first.
class MetricValues {
  public:
    MetricValues() { m_values.fill(std::numeric_limits<double>::quiet_NaN()); }

    std::optional<double> get(MetricId id) const {
        const double value = m_values[static_cast<std::size_t>(id)];
        return std::isnan(value) ? std::nullopt : std::optional(value);
    }
    /// What is not finite is absent.
    void set(MetricId id, std::optional<double> value) {
        m_values[static_cast<std::size_t>(id)] =
            value && std::isfinite(*value) ? *value : std::numeric_limits<double>::quiet_NaN();
    }

  private:
    std::array<double, kMetricCount> m_values; // NaN = absent
};

} // namespace app
