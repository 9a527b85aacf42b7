#include "engine/device/make_executor.h"

#include "engine/device/cuda_library.h"

#include <charconv>
#include <string>

namespace engine {

namespace {

/// "cuda" or "cuda:" and device numbers between commas.
bool isCudaName(std::string_view device) {
    if (device == "cuda")
        return true;
    if (!device.starts_with("cuda:") || device.size() == 5 || device.back() == ',')
        return false;
    bool digitBefore = false;
    for (const char c : device.substr(5)) {
        const bool digit = c >= '0' && c <= '9';
        if (!digit && !(c == ',' && digitBefore))
            return false;
        digitBefore = digit;
    }
    return true;
}

/// "cuda" is device 0. Several devices are refused in words: nothing splits a model yet.
Result<std::unique_ptr<Executor>> makeNamedCuda(std::string_view device) {
    int index = 0;
    if (device.size() > 5) {
        const std::string_view number = device.substr(5);
        const auto [end, error] = std::from_chars(number.begin(), number.end(), index);
        if (error != std::errc() || end != number.end())
            return Status(Code::DeviceUnavailable,
                          {{"device", std::string(device)},
                           {"reason", "this version computes on one GPU at a time"}});
    }
    return makeCudaExecutor(index);
}

} // namespace

Status checkDeviceName(std::string_view device) {
    if (device == "auto" || device == "cpu" || isCudaName(device))
        return {};
    return Status(Code::OptionInvalid, {{"option", "device"},
                                        {"value", std::string(device)},
                                        {"expected", "auto, cpu, cuda or cuda:0,1"}});
}

Result<std::unique_ptr<Executor>> makeExecutor(std::string_view device,
                                               const CpuExecutorOptions& cpu) {
    INGLENOOK_TRY(checkDeviceName(device));
    if (isCudaName(device))
        return makeNamedCuda(device);
    if (device == "auto")
        if (Result<std::unique_ptr<Executor>> cuda = makeCudaExecutor(0); cuda.ok())
            return cuda;
    return makeCpuExecutor(cpu);
}

} // namespace engine
