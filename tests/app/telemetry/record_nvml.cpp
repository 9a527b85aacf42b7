// Records what NVML answers on this machine as a fixture of RecordedNvml (tests/fixtures/nvml):
// the first look whole, of each further one, half a second later, what is different.
//
//     record_nvml DATE DRIVER [LOOKS] > tests/fixtures/nvml/<card>.json
//
// It needs neither Qt nor the rest of the program: on a machine without them
//     g++ -std=c++20 -I. tests/app/telemetry/record_nvml.cpp app/telemetry/nvml_library.cpp -ldl
// makes it.
#include "app/telemetry/nvml_api.h"
#include "tests/app/telemetry/nvml_names.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

namespace {

using app::NvmlReturn;
using Json = nlohmann::ordered_json;

Json answer(NvmlReturn status, const Json& value) {
    if (status == NvmlReturn::Success)
        return value;
    return {{"error", tests::nvmlName(status)}};
}

template<typename Value, typename Call>
Json figure(Call&& call) {
    Value value{};
    const NvmlReturn status = call(value);
    return answer(status, value);
}

Json recordProcesses(app::NvmlApi& api, int device) {
    std::vector<app::NvmlProcess> processes;
    const NvmlReturn status = api.processes(device, processes);
    Json list = Json::array();
    for (const app::NvmlProcess& process : processes) {
        const bool known = process.used_bytes != app::kNvmlNotAvailable;
        list.push_back(Json::array({process.pid, known ? Json(process.used_bytes) : Json()}));
    }
    return answer(status, list);
}

Json recordDevice(app::NvmlApi& api, int device) {
    using U32 = std::uint32_t;
    using U64 = std::uint64_t;
    Json record;
    record["name"] = figure<std::string>([&](std::string& text) { return api.name(device, text); });
    // Whose card it was is nobody's business.
    char uuid[48];
    std::snprintf(uuid, sizeof uuid, "GPU-00000000-0000-4000-8000-%012d", device + 1);
    record["uuid"] = uuid;
    app::NvmlMemory memory;
    const NvmlReturn filled = api.memory(device, memory);
    record["memory"] = answer(filled, Json::array({memory.total, memory.free, memory.used}));
    app::NvmlUtilization utilization;
    const NvmlReturn loaded = api.utilization(device, utilization);
    record["utilization"] = answer(loaded, Json::array({utilization.gpu, utilization.memory}));
    const auto u32 = [&](const char* name, auto&& call) { record[name] = figure<U32>(call); };
    u32("power_mw", [&](U32& value) { return api.power_mw(device, value); });
    u32("powerLimit_mw", [&](U32& value) { return api.powerLimit_mw(device, value); });
    record["energy_mj"] = figure<U64>([&](U64& value) { return api.energy_mj(device, value); });
    u32("temperature_c", [&](U32& value) { return api.temperature_c(device, value); });
    u32("sm_mhz", [&](U32& value) { return api.clock_mhz(device, app::NvmlClock::Sm, value); });
    u32("memory_mhz",
        [&](U32& value) { return api.clock_mhz(device, app::NvmlClock::Memory, value); });
    record["throttle"] =
        figure<U64>([&](U64& value) { return api.throttleReasons(device, value); });
    record["pcie_kb_s"] = Json::array();
    record["nvlink_kib"] = Json::array();
    for (const auto direction : {app::NvmlTraffic::Transmit, app::NvmlTraffic::Receive}) {
        record["pcie_kb_s"].push_back(
            figure<U32>([&](U32& value) { return api.pcie_kb_s(device, direction, value); }));
        record["nvlink_kib"].push_back(
            figure<U64>([&](U64& value) { return api.nvlink_kib(device, direction, value); }));
    }
    record["processes"] = recordProcesses(api, device);
    return record;
}

/// What `now` says that `before` did not.
Json difference(const Json& before, const Json& now) {
    Json changed = Json::object();
    for (const auto& [call, value] : now.items())
        if (before.at(call) != value)
            changed[call] = value;
    return changed;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: record_nvml DATE DRIVER [LOOKS]\n");
        return 2;
    }
    const int looks = argc > 3 ? std::atoi(argv[3]) : 1;
    const std::unique_ptr<app::NvmlApi> api = app::makeNvmlLibrary();
    std::uint32_t count = 0;
    if (api->init() != NvmlReturn::Success || api->deviceCount(count) != NvmlReturn::Success) {
        std::fprintf(stderr, "record_nvml: there is no NVIDIA driver that answers\n");
        return 1;
    }
    Json all{{"origin", "recorded"}, {"date", argv[1]}, {"driver", argv[2]}};
    all["source"] = "Recorded by record_nvml on the cards named below.";
    all["devices"] = Json::array();
    all["changes"] = Json::array();
    std::vector<Json> newest;
    for (int look = 1; look <= looks; ++look) {
        for (std::uint32_t device = 0; device < count; ++device) {
            Json record = recordDevice(*api, static_cast<int>(device));
            if (look == 1) {
                all["devices"].push_back(record);
                newest.push_back(std::move(record));
                continue;
            }
            const Json changed = difference(newest[device], record);
            if (!changed.empty())
                all["changes"].push_back(
                    {{"look", look}, {"device", device}, {"answers", changed}});
            newest[device] = std::move(record);
        }
        if (look < looks)
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    std::printf("%s\n", all.dump(2).c_str());
    return 0;
}
