#include "engine/device/make_executor.h"

#include "engine/device/cuda_library.h"
#include "engine/phrase.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

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

/// "cuda" is device 0.
Result<std::unique_ptr<Executor>> makeNamedCuda(std::string_view device, SplitMode split) {
    std::vector<int> devices;
    if (device.size() <= 5)
        return makeCudaExecutor(0);
    for (std::string_view rest = device.substr(5); !rest.empty();) {
        const std::string_view number = rest.substr(0, rest.find(','));
        int index = 0;
        const auto [end, error] = std::from_chars(number.begin(), number.end(), index);
        if (error != std::errc() || end != number.end())
            return Status(Code::DeviceUnavailable,
                          {{"device", std::string(device)},
                           {"reason", PHRASE("Status", "there is no device of that number")}});
        devices.push_back(index);
        rest.remove_prefix(std::min(rest.size(), number.size() + 1));
    }
    return makeCudaExecutor(devices, split);
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
                                               const CpuExecutorOptions& cpu, SplitMode split) {
    INGLENOOK_TRY(checkDeviceName(device));
    if (isCudaName(device))
        return makeNamedCuda(device, split);
    if (device == "auto")
        if (Result<std::unique_ptr<Executor>> cuda = makeCudaExecutor(0); cuda.ok())
            return cuda;
    return makeCpuExecutor(cpu);
}

} // namespace engine
