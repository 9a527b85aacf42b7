// A stand-in for libnvidia-ml.so.1, built twice: as a driver of today and (STUB_NVML_OLD) as one
// that has only the first form of each function. The types are written down anew from NVIDIA's
// "NVML API Reference Guide", so that a mistake in the program's own does not repeat itself here.
// All figures are composed.
#include <cstddef>
#include <cstring>

namespace {

constexpr int kSuccess = 0;
constexpr int kInvalidArgument = 2;
constexpr int kInsufficientSize = 7;

struct Device {
    const char* name;
};
Device g_devices[] = {{"Stub 0"}, {"Stub 1"}};

struct Memory {
    unsigned long long total, free, used;
};
struct Utilization {
    unsigned gpu, memory;
};

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

#ifdef STUB_NVML_OLD
#define NEWEST(name) name
struct ProcessInfo {
    unsigned pid;
    unsigned long long usedGpuMemory;
};
#define PROCESSES nvmlDeviceGetComputeRunningProcesses
#else
#define NEWEST(name) name##_v2
struct ProcessInfo {
    unsigned pid;
    unsigned long long usedGpuMemory;
    unsigned gpuInstanceId, computeInstanceId;
};
#define PROCESSES nvmlDeviceGetComputeRunningProcesses_v3
#endif

EXPORT int NEWEST(nvmlInit)() {
    return kSuccess;
}
EXPORT int NEWEST(nvmlDeviceGetCount)(unsigned* count) {
    *count = 2;
    return kSuccess;
}
EXPORT int NEWEST(nvmlDeviceGetHandleByIndex)(unsigned index, Device** device) {
    if (index > 1)
        return kInvalidArgument;
    *device = &g_devices[index];
    return kSuccess;
}
EXPORT int nvmlDeviceGetName(Device* device, char* name, unsigned length) {
    std::strncpy(name, device->name, length);
    return kSuccess;
}
EXPORT int nvmlDeviceGetMemoryInfo(Device*, Memory* memory) {
    *memory = {1000, 400, 600};
    return kSuccess;
}
EXPORT int nvmlDeviceGetUtilizationRates(Device* device, Utilization* rates) {
    *rates = {device == &g_devices[1] ? 70U : 30U, 5};
    return kSuccess;
}
/// More of them than anybody makes room for at first.
EXPORT int PROCESSES(Device*, unsigned* count, ProcessInfo* processes) {
    constexpr unsigned kThere = 300;
    if (*count < kThere) {
        *count = kThere;
        return kInsufficientSize;
    }
    for (unsigned i = 0; i < kThere; ++i) {
        processes[i] = {};
        processes[i].pid = 1000 + i;
        processes[i].usedGpuMemory = 10ULL * i;
    }
    *count = kThere;
    return kSuccess;
}

#ifndef STUB_NVML_OLD
EXPORT int nvmlDeviceGetUUID(Device*, char* uuid, unsigned length) {
    std::strncpy(uuid, "GPU-stub", length);
    return kSuccess;
}
EXPORT int nvmlDeviceGetTotalEnergyConsumption(Device*, unsigned long long* energy) {
    *energy = 5'000'000'000'000ULL; // over 32 bits
    return kSuccess;
}
EXPORT int nvmlDeviceGetCurrentClocksEventReasons(Device*, unsigned long long* bits) {
    *bits = 0x44;
    return kSuccess;
}

namespace {
struct FieldValue {
    unsigned fieldId, scopeId;
    long long timestamp, latencyUsec;
    int valueType, nvmlReturn;
    union {
        double dVal;
        unsigned uiVal;
        unsigned long ulVal;
        unsigned long long ullVal;
    } value;
};
} // namespace

EXPORT int nvmlDeviceGetFieldValues(Device* device, int count, FieldValue* values) {
    constexpr int kUnsigned = 1;
    constexpr int kUnsignedLong = 2;
    for (int i = 0; i < count; ++i) {
        const bool isTransmit = values[i].fieldId == 138;
        values[i].nvmlReturn = kSuccess;
        if (device == &g_devices[0]) {
            values[i].valueType = kUnsignedLong;
            values[i].value.ulVal = isTransmit ? 7'000'000'000UL : 8'000'000'000UL;
        } else { // what stands beside 32 bits is no part of them
            values[i].valueType = kUnsigned;
            values[i].value.ullVal = ~0ULL;
            values[i].value.uiVal = isTransmit ? 7 : 8;
        }
    }
    return kSuccess;
}
#endif
