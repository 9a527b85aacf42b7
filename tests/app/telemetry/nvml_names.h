#pragma once
// The names by which fixtures of NVML say what a driver answered instead of a figure, as nvml.h
// spells them without NVML_ERROR_.

#include "app/telemetry/nvml_api.h"

#include <array>
#include <optional>
#include <string_view>

namespace tests {

struct NvmlName {
    app::NvmlReturn status;
    std::string_view name;
};

constexpr std::array<NvmlName, 12> kNvmlNames = {{
    {app::NvmlReturn::Uninitialized, "UNINITIALIZED"},
    {app::NvmlReturn::InvalidArgument, "INVALID_ARGUMENT"},
    {app::NvmlReturn::NotSupported, "NOT_SUPPORTED"},
    {app::NvmlReturn::NoPermission, "NO_PERMISSION"},
    {app::NvmlReturn::InsufficientSize, "INSUFFICIENT_SIZE"},
    {app::NvmlReturn::DriverNotLoaded, "DRIVER_NOT_LOADED"},
    {app::NvmlReturn::Timeout, "TIMEOUT"},
    {app::NvmlReturn::LibraryNotFound, "LIBRARY_NOT_FOUND"},
    {app::NvmlReturn::FunctionNotFound, "FUNCTION_NOT_FOUND"},
    {app::NvmlReturn::GpuIsLost, "GPU_IS_LOST"},
    {app::NvmlReturn::DriverMismatch, "LIB_RM_VERSION_MISMATCH"},
    {app::NvmlReturn::Unknown, "UNKNOWN"},
}};

constexpr std::optional<app::NvmlReturn> nvmlStatus(std::string_view name) {
    for (const NvmlName& each : kNvmlNames)
        if (each.name == name)
            return each.status;
    return std::nullopt;
}

constexpr std::string_view nvmlName(app::NvmlReturn status) {
    for (const NvmlName& each : kNvmlNames)
        if (each.status == status)
            return each.name;
    return "UNKNOWN";
}

} // namespace tests
