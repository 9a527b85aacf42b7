#pragma once
// GpuProbe: one look at every GPU through NvmlApi. A call that a card or driver does not know
// leaves its figure absent; a card that was seen once and answers no more stays, without figures
// and with the reason. GPU thread only.

#include "app/telemetry/metric_frame.h"
#include "app/telemetry/nvml_api.h"

#include <memory>

namespace app {

struct GpuReading {
    std::vector<GpuFrame> gpus;
    QString absent; // translated: why there are no figures of any; empty = there are
    NvmlReturn status = NvmlReturn::Success; // `absent` as the driver said it
};

/// The cards of `known` by name alone, each without figures for the reason `why`.
GpuReading withoutFigures(const std::vector<GpuFrame>& known, const QString& why);

class GpuProbe {
  public:
    /// `ownPid` marks this program's entries in the process lists.
    GpuProbe(std::unique_ptr<NvmlApi> api, quint32 ownPid);

    GpuReading read(qint64 steady_us);

  private:
    struct Counters { // of the look before, for rates
        std::optional<std::uint64_t> nvlinkTx_kib, nvlinkRx_kib;
    };
    NvmlReturn connect(std::uint32_t& count);
    GpuFrame readOne(int device, double seconds);
    NvmlReturn readBasics(int device, GpuFrame& gpu);
    void readClocksAndPower(int device, GpuFrame& gpu);
    void readTraffic(int device, double seconds, GpuFrame& gpu);
    void readProcesses(int device, GpuFrame& gpu);

    std::unique_ptr<NvmlApi> m_api;
    quint32 m_ownPid;
    bool m_ready = false;
    std::vector<GpuFrame> m_known; // the look before
    std::vector<Counters> m_counters;
    qint64 m_last_us = 0;
};

/// The words for nvmlClocksThrottleReasons, those that slow a busy card only.
QStringList throttleWords(std::uint64_t bits);
/// Why NVML has no figures, as a sentence.
QString nvmlSentence(NvmlReturn status);

} // namespace app
