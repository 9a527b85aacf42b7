#include "engine/device/make_executor.h"

#include "engine/device/cuda_library.h"
#include "engine/phrase.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace engine {

namespace {

constexpr std::string_view kCudaNumbers = "cuda:";

/// The parts of a text between commas.
std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

bool isNumber(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "cuda" or "cuda:" and device numbers between commas, each perhaps with "=" and its share.
bool isCudaName(std::string_view device) {
    if (device == "cuda")
        return true;
    if (!device.starts_with(kCudaNumbers) || device.size() == kCudaNumbers.size() ||
        device.back() == ',')
        return false;
    const auto parts = split(device.substr(kCudaNumbers.size()));
    return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
        const std::size_t equals = part.find('=');
        return isNumber(part.substr(0, equals)) &&
               (equals == std::string_view::npos || isNumber(part.substr(equals + 1)));
    });
}

template<typename Number>
bool parse(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
    return error == std::errc() && end == text.end();
}

/// "cuda" is device 0.
Result<std::unique_ptr<Executor>> makeNamedCuda(std::string_view device, SplitMode mode) {
    constexpr std::uint32_t kMostShare = 1'000'000;
    std::vector<CudaShare> shares;
    if (device.size() <= kCudaNumbers.size())
        return makeCudaExecutor(0);
    for (const std::string_view part : split(device.substr(kCudaNumbers.size()))) {
        CudaShare share;
        const std::size_t equals = part.find('=');
        if (!parse(part.substr(0, equals), share.device))
            return Status(Code::DeviceUnavailable,
                          {{"device", std::string(device)},
                           {"reason", PHRASE("Status", "there is no device of that number")}});
        if (equals != std::string_view::npos && (!parse(part.substr(equals + 1), share.weight) ||
                                                 share.weight == 0 || share.weight > kMostShare))
            return Status(Code::OptionInvalid, {{"option", "device"},
                                                {"value", std::string(device)},
                                                {"expected", "shares from 1 to 1000000"}});
        shares.push_back(share);
    }
    return makeCudaExecutor(shares, mode);
}

} // namespace

Status checkDeviceName(std::string_view device) {
    if (device == "auto" || device == "cpu" || isCudaName(device))
        return {};
    return Status(Code::OptionInvalid,
                  {{"option", "device"},
                   {"value", std::string(device)},
                   {"expected", "auto, cpu, cuda, cuda:0,1 or cuda:0=60,1=40"}});
}

std::vector<std::string> replicaDevices(std::string_view device, SplitMode mode) {
    std::vector<std::string> devices;
    if (mode == SplitMode::Replicas && device.starts_with(kCudaNumbers))
        for (const std::string_view number : split(device.substr(kCudaNumbers.size())))
            devices.push_back(std::string(kCudaNumbers) +
                              std::string(number.substr(0, number.find('='))));
    if (devices.empty())
        devices.emplace_back(device);
    return devices;
}

Result<std::unique_ptr<Executor>> makeExecutor(std::string_view device,
                                               const CpuExecutorOptions& cpu, SplitMode split) {
    INGLENOOK_TRY(checkDeviceName(device));
    if (isCudaName(device))
        return makeNamedCuda(device, split);
    if (device == "auto")
        if (auto cuda = makeCudaExecutor(0); !(cuda.status() == Code::CudaMissing))
            return cuda;
    return makeCpuExecutor(cpu);
}

} // namespace engine
