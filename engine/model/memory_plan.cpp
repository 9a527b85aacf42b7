#include "engine/model/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <limits>
#include <optional>

namespace engine {

namespace {

/// First unsigned number in a text, or nothing ("max" in a cgroup file).
std::optional<std::uint64_t> firstNumber(std::string_view text) {
    const std::size_t at = text.find_first_of("0123456789");
    std::uint64_t value = 0;
    if (at == std::string_view::npos ||
        std::from_chars(text.data() + at, text.data() + text.size(), value).ec != std::errc())
        return std::nullopt;
    return value;
}

std::optional<std::uint64_t> numberInFile(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return firstNumber(line);
}

/// What the tightest memory limit of this process's cgroup (v2) and its parents leaves; page cache
/// counts as free, because the kernel gives it back.
std::uint64_t cgroupRoom() {
    std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
    std::ifstream own("/proc/self/cgroup");
    std::string line;
    std::string path;
    while (std::getline(own, line))
        if (line.starts_with("0::"))
            path = line.substr(3);
    while (true) {
        const std::string folder = "/sys/fs/cgroup" + (path == "/" ? std::string() : path);
        const auto limit = numberInFile(folder + "/memory.max");
        const auto used = numberInFile(folder + "/memory.current");
        if (limit && used) {
            std::uint64_t cached = 0;
            std::ifstream stat(folder + "/memory.stat");
            while (std::getline(stat, line))
                if (line.starts_with("inactive_file ") || line.starts_with("active_file "))
                    cached += firstNumber(line).value_or(0);
            const std::uint64_t busy = *used - std::min(*used, cached);
            room = std::min(room, *limit - std::min(*limit, busy));
        }
        if (path.empty() || path == "/")
            return room;
        path.erase(path.rfind('/'));
    }
}

} // namespace

bool MemoryPlan::fits() const {
    return std::all_of(devices.begin(), devices.end(), [](const DeviceMemory& device) {
        return device.free_bytes == 0 || device.total() <= device.free_bytes;
    });
}

Status checkFits(const MemoryPlan& plan) {
    for (const DeviceMemory& device : plan.devices)
        if (device.free_bytes != 0 && device.total() > device.free_bytes)
            return Status(Code::OutOfMemory,
                          {{"need", formatBytes(device.total())},
                           {"free", formatBytes(device.free_bytes) + " on " + device.device}});
    return {};
}

std::uint64_t availableHostMemory() {
    std::ifstream info("/proc/meminfo");
    std::string line;
    std::uint64_t available = 0;
    while (std::getline(info, line))
        if (line.starts_with("MemAvailable:"))
            available = firstNumber(line).value_or(0) * 1024;
    return std::min(available, cgroupRoom());
}

std::string formatBytes(std::uint64_t bytes) {
    static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = static_cast<double>(bytes);
    int unit = 0;
    // 999.5 and more would print as 1000: the next unit says it in three figures.
    while (value >= 999.5 && unit < 6) {
        value /= 1000;
        ++unit;
    }
    const int decimals = unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    char text[32];
    std::snprintf(text, sizeof text, "%.*f %s", decimals, value, kUnits[unit]);
    return text;
}

} // namespace engine
