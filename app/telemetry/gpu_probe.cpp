#include "app/telemetry/gpu_probe.h"

#include <QCoreApplication>
#include <QFile>

namespace app {

namespace {

struct Gpu {
    Q_DECLARE_TR_FUNCTIONS(app::Gpu)
};

/// The figure when the call went well. `scale` turns it into base units.
template<typename Value, typename Call>
std::optional<double> figure(double scale, Call&& call) {
    Value value{};
    return call(value) == NvmlReturn::Success ? std::optional(static_cast<double>(value) * scale)
                                              : std::nullopt;
}

QString processName(quint32 pid) {
    QFile name(QStringLiteral("/proc/%1/comm").arg(pid));
    return name.open(QIODevice::ReadOnly) ? QString::fromUtf8(name.readAll()).trimmed() : QString();
}

} // namespace

QStringList throttleWords(std::uint64_t bits) {
    // nvml.h, nvmlClocksThrottleReason*; idle (1) and chosen clocks (2) are no trouble.
    QStringList words;
    if (bits & 0x4)
        words.append(Gpu::tr("power limit"));
    if (bits & (0x8 | 0x80))
        words.append(Gpu::tr("power brake"));
    if (bits & (0x20 | 0x40))
        words.append(Gpu::tr("temperature"));
    return words;
}

QString nvmlSentence(NvmlReturn status) {
    switch (status) {
    case NvmlReturn::LibraryNotFound:
        return Gpu::tr("There is no NVIDIA driver on this machine, so there are no GPU figures.");
    case NvmlReturn::DriverNotLoaded:
        return Gpu::tr("The NVIDIA driver is installed but not loaded.");
    case NvmlReturn::DriverMismatch:
        return Gpu::tr("The NVIDIA driver was updated; restart the machine to see its figures.");
    case NvmlReturn::NoPermission:
        return Gpu::tr("The NVIDIA driver does not let this user read its figures.");
    case NvmlReturn::GpuIsLost:
        return Gpu::tr("The GPU has fallen off the bus; restart the machine.");
    case NvmlReturn::Success:
        return Gpu::tr("The NVIDIA driver knows of no GPU.");
    default:
        return Gpu::tr("The NVIDIA driver answers with error %1.").arg(static_cast<int>(status));
    }
}

GpuProbe::GpuProbe(std::unique_ptr<NvmlApi> api, quint32 ownPid)
    : m_api(std::move(api)), m_ownPid(ownPid) {}

GpuReading withoutFigures(const std::vector<GpuFrame>& known, const QString& why) {
    GpuReading reading;
    reading.absent = why;
    for (const GpuFrame& gpu : known) {
        GpuFrame bare;
        bare.name = gpu.name;
        bare.uuid = gpu.uuid;
        bare.absent = why;
        reading.gpus.push_back(std::move(bare));
    }
    return reading;
}

/// The driver's word on how many cards there are; a driver that was taken away is sought again.
NvmlReturn GpuProbe::connect(std::uint32_t& count) {
    if (!m_ready) {
        const NvmlReturn status = m_api->init();
        if (status != NvmlReturn::Success)
            return status;
        m_ready = true;
        m_counters.clear(); // they may begin anew
    }
    const NvmlReturn status = m_api->deviceCount(count);
    if (status == NvmlReturn::Uninitialized)
        m_ready = false;
    return status;
}

GpuReading GpuProbe::read(qint64 steady_us) {
    std::uint32_t count = 0;
    const NvmlReturn status = connect(count);
    const double seconds = m_last_us > 0 ? static_cast<double>(steady_us - m_last_us) / 1e6 : 0;
    m_last_us = steady_us;
    if (status != NvmlReturn::Success || count == 0) {
        m_counters.clear();
        GpuReading reading = withoutFigures(m_known, nvmlSentence(status));
        reading.status = status;
        return reading;
    }
    m_counters.resize(count);
    m_known.resize(count);
    GpuReading reading;
    for (std::uint32_t device = 0; device < count; ++device)
        reading.gpus.push_back(readOne(static_cast<int>(device), seconds));
    m_known = reading.gpus;
    return reading;
}

GpuFrame GpuProbe::readOne(int device, double seconds) {
    const GpuFrame& known = m_known[static_cast<std::size_t>(device)];
    GpuFrame gpu;
    gpu.name = known.name;
    gpu.uuid = known.uuid;
    const NvmlReturn status = readBasics(device, gpu);
    if (status != NvmlReturn::Success) {
        // Each further call to a card that is gone can take seconds.
        m_counters[static_cast<std::size_t>(device)] = {};
        return withoutFigures({gpu}, nvmlSentence(status)).gpus.front();
    }
    readClocksAndPower(device, gpu);
    readTraffic(device, seconds, gpu);
    readProcesses(device, gpu);
    return gpu;
}

/// Name, load and memory. Not Success when the card is lost or answers none of the three.
NvmlReturn GpuProbe::readBasics(int device, GpuFrame& gpu) {
    std::string text;
    const NvmlReturn named = m_api->name(device, text);
    if (named == NvmlReturn::GpuIsLost)
        return named;
    if (named == NvmlReturn::Success)
        gpu.name = QString::fromStdString(text);
    if (m_api->uuid(device, text) == NvmlReturn::Success)
        gpu.uuid = QString::fromStdString(text);
    NvmlUtilization utilization;
    const NvmlReturn loaded = m_api->utilization(device, utilization);
    if (loaded == NvmlReturn::Success)
        gpu.values.set(MetricId::GpuUtilization, utilization.gpu / 100.0);
    NvmlMemory memory;
    const NvmlReturn filled = m_api->memory(device, memory);
    if (filled == NvmlReturn::Success) {
        gpu.values.set(MetricId::GpuMemoryUsed, static_cast<double>(memory.used));
        gpu.values.set(MetricId::GpuMemoryTotal, static_cast<double>(memory.total));
    }
    if (loaded == NvmlReturn::GpuIsLost || filled == NvmlReturn::GpuIsLost)
        return NvmlReturn::GpuIsLost;
    const bool answers = named == NvmlReturn::Success || loaded == NvmlReturn::Success ||
                         filled == NvmlReturn::Success;
    return answers ? NvmlReturn::Success : filled;
}

void GpuProbe::readClocksAndPower(int device, GpuFrame& gpu) {
    const auto set = [&](MetricId id, std::optional<double> value) { gpu.values.set(id, value); };
    using U32 = std::uint32_t;
    set(MetricId::GpuPower,
        figure<U32>(1e-3, [&](U32& value) { return m_api->power_mw(device, value); }));
    set(MetricId::GpuPowerLimit,
        figure<U32>(1e-3, [&](U32& value) { return m_api->powerLimit_mw(device, value); }));
    set(MetricId::GpuEnergy, figure<std::uint64_t>(1e-3, [&](std::uint64_t& value) {
            return m_api->energy_mj(device, value);
        }));
    set(MetricId::GpuTemperature,
        figure<U32>(1, [&](U32& value) { return m_api->temperature_c(device, value); }));
    set(MetricId::GpuSmClock, figure<U32>(1e6, [&](U32& value) {
            return m_api->clock_mhz(device, NvmlClock::Sm, value);
        }));
    set(MetricId::GpuMemoryClock, figure<U32>(1e6, [&](U32& value) {
            return m_api->clock_mhz(device, NvmlClock::Memory, value);
        }));
    std::uint64_t bits = 0;
    if (m_api->throttleReasons(device, bits) == NvmlReturn::Success) {
        gpu.throttleReasons = throttleWords(bits);
        set(MetricId::GpuThrottled, gpu.throttleReasons.isEmpty() ? 0.0 : 1.0);
    }
}

void GpuProbe::readTraffic(int device, double seconds, GpuFrame& gpu) {
    using U32 = std::uint32_t;
    gpu.values.set(MetricId::GpuPcieTx, figure<U32>(1e3, [&](U32& value) {
                       return m_api->pcie_kb_s(device, NvmlTraffic::Transmit, value);
                   }));
    gpu.values.set(MetricId::GpuPcieRx, figure<U32>(1e3, [&](U32& value) {
                       return m_api->pcie_kb_s(device, NvmlTraffic::Receive, value);
                   }));
    const auto rate = [&](MetricId id, NvmlTraffic direction, std::optional<std::uint64_t>& last) {
        std::uint64_t moved = 0;
        if (m_api->nvlink_kib(device, direction, moved) != NvmlReturn::Success) {
            last.reset();
            return;
        }
        if (last && moved >= *last && seconds > 0)
            gpu.values.set(id, static_cast<double>(moved - *last) * 1024 / seconds);
        last = moved;
    };
    Counters& counters = m_counters[static_cast<std::size_t>(device)];
    rate(MetricId::GpuNvlinkTx, NvmlTraffic::Transmit, counters.nvlinkTx_kib);
    rate(MetricId::GpuNvlinkRx, NvmlTraffic::Receive, counters.nvlinkRx_kib);
}

void GpuProbe::readProcesses(int device, GpuFrame& gpu) {
    std::vector<NvmlProcess> found;
    if (m_api->processes(device, found) != NvmlReturn::Success)
        return;
    QList<GpuProcess> processes;
    for (const NvmlProcess& process : found) {
        const bool known = process.used_bytes != kNvmlNotAvailable;
        const bool ours = process.pid == m_ownPid;
        processes.append(
            {process.pid, processName(process.pid), known ? process.used_bytes : 0, ours});
        // A card in instances lists a process once for each.
        if (ours && known)
            gpu.values.set(MetricId::GpuMemoryOurs,
                           gpu.values.get(MetricId::GpuMemoryOurs).value_or(0) +
                               static_cast<double>(process.used_bytes));
    }
    gpu.processes = processes;
}

} // namespace app
