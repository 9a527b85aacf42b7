#pragma once
// HostProbe: what the kernel says about CPU, memory and disk, and about this process. Reads /proc
// (or a copy of it in tests). What cannot be read is absent. One thread at a time.

#include "app/telemetry/metric.h"

#include <cstdint>

namespace app {

class HostProbe {
  public:
    /// `proc` is "/proc"; `dataDir` lies on the disk to watch.
    HostProbe(QString proc, QString dataDir);

    /// Fills the figures of the machine. Shares of time need two looks: the first has none.
    void read(qint64 steady_us, MetricValues& values);

  private:
    struct CpuTimes {
        std::uint64_t busy = 0; // [ticks]
        std::uint64_t all = 0;
    };
    std::optional<CpuTimes> readCpu() const;
    std::optional<std::uint64_t> readProcessTicks() const;
    void readMemory(MetricValues& values) const;
    void readDisk(MetricValues& values) const;

    QString m_proc;
    QString m_dataDir;
    std::optional<CpuTimes> m_lastCpu;
    std::optional<std::uint64_t> m_lastTicks;
    qint64 m_last_us = 0;
};

} // namespace app
