// The real NVML behind NvmlApi: libnvidia-ml.so.1 opened at run time. Newer symbols fall back to
// older ones, because a driver lives longer than a program.
#include "app/telemetry/nvml_api.h"

#include <algorithm>
#include <array>
#include <dlfcn.h>
#include <initializer_list>
#include <type_traits>
#include <utility>

namespace app {

namespace {

using Handle = void*;

// As in nvml.h; sizes are checked below.
struct ProcessV1 {
    unsigned pid;
    unsigned long long usedGpuMemory;
};
struct ProcessV2 {
    unsigned pid;
    unsigned long long usedGpuMemory;
    unsigned gpuInstanceId;
    unsigned computeInstanceId;
};
struct FieldValue {
    unsigned fieldId;
    unsigned scopeId;
    long long timestamp;
    long long latencyUsec;
    int valueType; // nvmlValueType_t
    int status;    // nvmlReturn_t
    union {
        double asDouble;
        unsigned asUnsigned;
        unsigned long long asUnsigned64;
    } value;
};
static_assert(sizeof(ProcessV1) == 16 && sizeof(ProcessV2) == 24 && sizeof(FieldValue) == 40);

constexpr unsigned kNvlinkThroughputTx = 138; // NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX [KiB]
constexpr unsigned kNvlinkThroughputRx = 139; // NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX
constexpr unsigned kAllLinks = ~0U;
constexpr int kValueUnsigned = 1; // NVML_VALUE_TYPE_UNSIGNED_INT; counters have 64 bits else
constexpr unsigned kUsualProcesses = 64;

NvmlReturn result(int code) {
    return static_cast<NvmlReturn>(code);
}

class NvmlLibrary final : public NvmlApi {
  public:
    explicit NvmlLibrary(std::string file) : m_file(std::move(file)) {}

    // The library stays open: closing it under a call that hangs would pull the code away.
    NvmlReturn init() override {
        if (m_library == nullptr)
            m_library = dlopen(m_file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (m_library == nullptr)
            return NvmlReturn::LibraryNotFound;
        return call<int()>({"nvmlInit_v2", "nvmlInit"});
    }

    NvmlReturn deviceCount(std::uint32_t& count) override {
        return call<int(unsigned*)>({"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}, &count);
    }

    NvmlReturn name(Device device, std::string& name) override {
        return text("nvmlDeviceGetName", device, name);
    }
    NvmlReturn uuid(Device device, std::string& uuid) override {
        return text("nvmlDeviceGetUUID", device, uuid);
    }
    NvmlReturn memory(Device device, NvmlMemory& memory) override {
        static_assert(sizeof(NvmlMemory) == 24);
        return ofDevice<NvmlMemory*>({"nvmlDeviceGetMemoryInfo"}, device, &memory);
    }
    NvmlReturn utilization(Device device, NvmlUtilization& utilization) override {
        static_assert(sizeof(NvmlUtilization) == 8);
        return ofDevice<NvmlUtilization*>({"nvmlDeviceGetUtilizationRates"}, device, &utilization);
    }
    NvmlReturn power_mw(Device device, std::uint32_t& power) override {
        return ofDevice<unsigned*>({"nvmlDeviceGetPowerUsage"}, device, &power);
    }
    NvmlReturn powerLimit_mw(Device device, std::uint32_t& limit) override {
        return ofDevice<unsigned*>({"nvmlDeviceGetEnforcedPowerLimit"}, device, &limit);
    }
    NvmlReturn energy_mj(Device device, std::uint64_t& energy) override {
        unsigned long long value = 0;
        const NvmlReturn status =
            ofDevice<unsigned long long*>({"nvmlDeviceGetTotalEnergyConsumption"}, device, &value);
        energy = value;
        return status;
    }
    NvmlReturn temperature_c(Device device, std::uint32_t& temperature) override {
        constexpr int kGpuSensor = 0;
        return ofDevice<int, unsigned*>({"nvmlDeviceGetTemperature"}, device, kGpuSensor,
                                        &temperature);
    }
    NvmlReturn clock_mhz(Device device, NvmlClock clock, std::uint32_t& frequency) override {
        return ofDevice<int, unsigned*>({"nvmlDeviceGetClockInfo"}, device, static_cast<int>(clock),
                                        &frequency);
    }
    NvmlReturn throttleReasons(Device device, std::uint64_t& bits) override {
        unsigned long long value = 0;
        const NvmlReturn status = ofDevice<unsigned long long*>(
            {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"},
            device, &value);
        bits = value;
        return status;
    }
    NvmlReturn pcie_kb_s(Device device, NvmlTraffic direction, std::uint32_t& rate) override {
        return ofDevice<int, unsigned*>({"nvmlDeviceGetPcieThroughput"}, device,
                                        static_cast<int>(direction), &rate);
    }

    NvmlReturn nvlink_kib(Device device, NvmlTraffic direction, std::uint64_t& moved) override {
        FieldValue field{};
        field.fieldId =
            direction == NvmlTraffic::Transmit ? kNvlinkThroughputTx : kNvlinkThroughputRx;
        field.scopeId = kAllLinks;
        const NvmlReturn status =
            ofDevice<int, FieldValue*>({"nvmlDeviceGetFieldValues"}, device, 1, &field);
        if (status != NvmlReturn::Success)
            return status;
        moved =
            field.valueType == kValueUnsigned ? field.value.asUnsigned : field.value.asUnsigned64;
        return result(field.status);
    }

    NvmlReturn processes(Device device, std::vector<NvmlProcess>& processes) override {
        constexpr const char* kNewest = "nvmlDeviceGetComputeRunningProcesses_v3";
        constexpr const char* kNewer = "nvmlDeviceGetComputeRunningProcesses_v2";
        for (const char* symbol : {kNewest, kNewer})
            if (dlsym(m_library, symbol) != nullptr)
                return listProcesses<ProcessV2>(symbol, device, processes);
        return listProcesses<ProcessV1>("nvmlDeviceGetComputeRunningProcesses", device, processes);
    }

  private:
    template<typename Signature, typename... Arguments>
    NvmlReturn call(std::initializer_list<const char*> symbols, Arguments... arguments) {
        if (m_library == nullptr)
            return NvmlReturn::Uninitialized;
        for (const char* symbol : symbols)
            if (void* address = dlsym(m_library, symbol))
                return result(reinterpret_cast<Signature*>(address)(arguments...));
        return NvmlReturn::FunctionNotFound;
    }

    template<typename... Arguments>
    NvmlReturn ofDevice(std::initializer_list<const char*> symbols, Device device,
                        std::type_identity_t<Arguments>... arguments) {
        Handle handle = nullptr;
        const NvmlReturn status = call<int(unsigned, Handle*)>(
            {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"},
            static_cast<unsigned>(device), &handle);
        if (status != NvmlReturn::Success)
            return status;
        return call<int(Handle, Arguments...)>(symbols, handle, arguments...);
    }

    NvmlReturn text(const char* symbol, Device device, std::string& text) {
        std::array<char, 128> buffer{};
        const NvmlReturn status = ofDevice<char*, unsigned>({symbol}, device, buffer.data(),
                                                            static_cast<unsigned>(buffer.size()));
        buffer.back() = '\0';
        text = buffer.data();
        return status;
    }

    template<typename Process>
    NvmlReturn listProcesses(const char* symbol, Device device,
                             std::vector<NvmlProcess>& processes) {
        std::vector<Process> entries(kUsualProcesses);
        NvmlReturn status = NvmlReturn::InsufficientSize;
        unsigned count = 0;
        // A list that does not fit says how long it is; it may have grown until the next call.
        for (int round = 0; round < 3 && status == NvmlReturn::InsufficientSize; ++round) {
            entries.resize(std::max<std::size_t>(entries.size(), 2 * std::size_t{count}));
            count = static_cast<unsigned>(entries.size());
            status = ofDevice<unsigned*, Process*>({symbol}, device, &count, entries.data());
        }
        if (status != NvmlReturn::Success)
            return status;
        for (std::size_t i = 0; i < count && i < entries.size(); ++i)
            processes.push_back({entries[i].pid, entries[i].usedGpuMemory});
        return status;
    }

    std::string m_file;
    void* m_library = nullptr;
};

} // namespace

std::unique_ptr<NvmlApi> makeNvmlLibrary(std::string file) {
    return std::make_unique<NvmlLibrary>(std::move(file));
}

} // namespace app
