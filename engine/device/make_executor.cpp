#include "engine/device/make_executor.h"

#include <algorithm>
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
        return Status(Code::CudaMissing, {{"device", std::string(device)}});
    return makeCpuExecutor(cpu);
}

} // namespace engine
