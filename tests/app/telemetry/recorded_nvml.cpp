#include "tests/app/telemetry/recorded_nvml.h"

#include <QFile>
#include <QJsonDocument>

namespace tests {

using app::NvmlReturn;

namespace {

template<typename Number>
NvmlReturn take(const QJsonValue& value, Number& number) {
    if (value.isObject())
        return static_cast<NvmlReturn>(value.toObject().value(QStringLiteral("error")).toInt());
    if (!value.isDouble())
        return NvmlReturn::Unknown;
    // 64 bits do not fit a double: the largest stands for "not available".
    const double figure = value.toDouble();
    number =
        figure >= 1.8e19 ? static_cast<Number>(~std::uint64_t{0}) : static_cast<Number>(figure);
    return NvmlReturn::Success;
}

NvmlReturn takeText(const QJsonValue& value, std::string& text) {
    if (value.isObject())
        return static_cast<NvmlReturn>(value.toObject().value(QStringLiteral("error")).toInt());
    text = value.toString().toStdString();
    return NvmlReturn::Success;
}

} // namespace

RecordedNvml::RecordedNvml(const QString& fixture) {
    QFile file(QStringLiteral(INGLENOOK_SOURCE_DIR "/tests/fixtures/nvml/%1.json").arg(fixture));
    if (file.open(QIODevice::ReadOnly))
        m_devices = QJsonDocument::fromJson(file.readAll())
                        .object()
                        .value(QStringLiteral("devices"))
                        .toArray();
}

QJsonValue RecordedNvml::field(Device device, const char* name) const {
    return m_devices.at(device).toObject().value(QLatin1String(name));
}

NvmlReturn RecordedNvml::deviceCount(std::uint32_t& count) {
    count = static_cast<std::uint32_t>(m_devices.size());
    return NvmlReturn::Success;
}
NvmlReturn RecordedNvml::name(Device device, std::string& name) {
    return takeText(field(device, "name"), name);
}
NvmlReturn RecordedNvml::uuid(Device device, std::string& uuid) {
    return takeText(field(device, "uuid"), uuid);
}
NvmlReturn RecordedNvml::memory(Device device, app::NvmlMemory& memory) {
    const QJsonArray figures = field(device, "memory").toArray();
    take(figures.at(0), memory.total);
    take(figures.at(1), memory.free);
    return take(figures.at(2), memory.used);
}
NvmlReturn RecordedNvml::utilization(Device device, app::NvmlUtilization& utilization) {
    const QJsonArray figures = field(device, "utilization").toArray();
    take(figures.at(1), utilization.memory);
    return take(figures.at(0), utilization.gpu);
}
NvmlReturn RecordedNvml::power_mw(Device device, std::uint32_t& power) {
    return take(field(device, "power_mw"), power);
}
NvmlReturn RecordedNvml::powerLimit_mw(Device device, std::uint32_t& limit) {
    return take(field(device, "powerLimit_mw"), limit);
}
NvmlReturn RecordedNvml::energy_mj(Device device, std::uint64_t& energy) {
    return take(field(device, "energy_mj"), energy);
}
NvmlReturn RecordedNvml::temperature_c(Device device, std::uint32_t& temperature) {
    return take(field(device, "temperature_c"), temperature);
}
NvmlReturn RecordedNvml::clock_mhz(Device device, app::NvmlClock clock, std::uint32_t& frequency) {
    return take(field(device, clock == app::NvmlClock::Sm ? "sm_mhz" : "memory_mhz"), frequency);
}
NvmlReturn RecordedNvml::throttleReasons(Device device, std::uint64_t& bits) {
    return take(field(device, "throttle"), bits);
}
NvmlReturn RecordedNvml::pcie_kb_s(Device device, app::NvmlTraffic direction, std::uint32_t& rate) {
    return take(field(device, "pcie_kb_s").toArray().at(static_cast<int>(direction)), rate);
}
NvmlReturn RecordedNvml::nvlink_kib(Device device, app::NvmlTraffic direction,
                                    std::uint64_t& moved) {
    const NvmlReturn status =
        take(field(device, "nvlink_kib").toArray().at(static_cast<int>(direction)), moved);
    moved += nvlinkGrowth_kib * (m_nvlinkReads++ / 2);
    return status;
}
NvmlReturn RecordedNvml::processes(Device device, std::vector<app::NvmlProcess>& processes) {
    const QJsonValue list = field(device, "processes");
    if (list.isObject())
        return static_cast<NvmlReturn>(list.toObject().value(QStringLiteral("error")).toInt());
    for (const QJsonValue& entry : list.toArray()) {
        app::NvmlProcess process;
        take(entry.toArray().at(0), process.pid);
        take(entry.toArray().at(1), process.used_bytes);
        processes.push_back(process);
    }
    return NvmlReturn::Success;
}

} // namespace tests
