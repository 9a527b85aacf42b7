// Records what NVML answers on this machine as a fixture of RecordedNvml (tests/fixtures/nvml).
//
//     record_nvml > tests/fixtures/nvml/<card>.json

#include "app/telemetry/nvml_api.h"

#include <cstdio>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

namespace {

using app::NvmlReturn;

QJsonValue answer(NvmlReturn status, const QJsonValue& value) {
    if (status == NvmlReturn::Success)
        return value;
    return QJsonObject{{QStringLiteral("error"), static_cast<int>(status)}};
}

template<typename Value, typename Call>
QJsonValue figure(Call&& call) {
    Value value{};
    const NvmlReturn status = call(value);
    return answer(status, static_cast<double>(value));
}

QJsonObject recordDevice(app::NvmlApi& api, int device) {
    using U32 = std::uint32_t;
    using U64 = std::uint64_t;
    QJsonObject record;
    std::string text;
    const NvmlReturn named = api.name(device, text);
    record[QStringLiteral("name")] = answer(named, QString::fromStdString(text));
    // Whose card it was is nobody's business.
    record[QStringLiteral("uuid")] = QStringLiteral("GPU-00000000-0000-4000-8000-000000000000");
    app::NvmlMemory memory;
    api.memory(device, memory);
    record[QStringLiteral("memory")] =
        QJsonArray{double(memory.total), double(memory.free), double(memory.used)};
    app::NvmlUtilization utilization;
    api.utilization(device, utilization);
    record[QStringLiteral("utilization")] =
        QJsonArray{int(utilization.gpu), int(utilization.memory)};
    const auto u32 = [&](const char* name, auto&& call) {
        record[QLatin1String(name)] = figure<U32>(call);
    };
    u32("power_mw", [&](U32& value) { return api.power_mw(device, value); });
    u32("powerLimit_mw", [&](U32& value) { return api.powerLimit_mw(device, value); });
    u32("temperature_c", [&](U32& value) { return api.temperature_c(device, value); });
    u32("sm_mhz", [&](U32& value) { return api.clock_mhz(device, app::NvmlClock::Sm, value); });
    u32("memory_mhz",
        [&](U32& value) { return api.clock_mhz(device, app::NvmlClock::Memory, value); });
    record[QStringLiteral("energy_mj")] =
        figure<U64>([&](U64& value) { return api.energy_mj(device, value); });
    record[QStringLiteral("throttle")] =
        figure<U64>([&](U64& value) { return api.throttleReasons(device, value); });
    QJsonArray pcie;
    QJsonArray nvlink;
    for (const auto direction : {app::NvmlTraffic::Transmit, app::NvmlTraffic::Receive}) {
        pcie.append(figure<U32>([&](U32& v) { return api.pcie_kb_s(device, direction, v); }));
        nvlink.append(figure<U64>([&](U64& v) { return api.nvlink_kib(device, direction, v); }));
    }
    record[QStringLiteral("pcie_kb_s")] = pcie;
    record[QStringLiteral("nvlink_kib")] = nvlink;
    std::vector<app::NvmlProcess> processes;
    const NvmlReturn listed = api.processes(device, processes);
    QJsonArray list;
    for (const app::NvmlProcess& process : processes)
        list.append(QJsonArray{double(process.pid), double(process.used_bytes)});
    record[QStringLiteral("processes")] = answer(listed, list);
    return record;
}

} // namespace

int main() {
    const std::unique_ptr<app::NvmlApi> api = app::makeNvmlLibrary();
    std::uint32_t count = 0;
    if (api->init() != NvmlReturn::Success || api->deviceCount(count) != NvmlReturn::Success) {
        std::fprintf(stderr, "record_nvml: there is no NVIDIA driver that answers\n");
        return 1;
    }
    QJsonArray devices;
    for (std::uint32_t device = 0; device < count; ++device)
        devices.append(recordDevice(*api, static_cast<int>(device)));
    const QJsonObject all{{QStringLiteral("devices"), devices}};
    std::printf("%s", QJsonDocument(all).toJson().constData());
    return 0;
}
