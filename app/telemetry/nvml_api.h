#pragma once
// NvmlApi: the calls of NVIDIA's management library that the program makes, with prototypes of its
// own, so that nothing links against the driver. Source of the signatures: NVIDIA's "NVML API
// Reference Guide" (nvml.h). A driver that lacks a call answers FunctionNotFound. GPU thread only.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace app {

/// nvmlReturn_t
enum class NvmlReturn : int {
    Success = 0,
    Uninitialized = 1,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    InsufficientSize = 7,
    DriverNotLoaded = 9,
    Timeout = 10,
    LibraryNotFound = 12,
    FunctionNotFound = 13,
    GpuIsLost = 15,
    DriverMismatch = 18,
    Unknown = 999,
};

struct NvmlMemory { // [bytes]
    std::uint64_t total = 0;
    std::uint64_t free = 0;
    std::uint64_t used = 0;
};
struct NvmlUtilization { // [percent]
    std::uint32_t gpu = 0;
    std::uint32_t memory = 0;
};
struct NvmlProcess {
    std::uint32_t pid = 0;
    std::uint64_t used_bytes = 0; // all ones = not available
};
constexpr std::uint64_t kNvmlNotAvailable = ~std::uint64_t{0};

enum class NvmlClock { Sm = 1, Memory = 2 };
enum class NvmlTraffic { Transmit = 0, Receive = 1 };

class NvmlApi {
  public:
    virtual ~NvmlApi() = default;
    using Device = int; ///< index, 0 .. count - 1

    virtual NvmlReturn init() = 0; ///< also loads the library
    virtual NvmlReturn deviceCount(std::uint32_t& count) = 0;
    virtual NvmlReturn name(Device device, std::string& name) = 0;
    virtual NvmlReturn uuid(Device device, std::string& uuid) = 0;
    virtual NvmlReturn memory(Device device, NvmlMemory& memory) = 0;
    virtual NvmlReturn utilization(Device device, NvmlUtilization& utilization) = 0;
    virtual NvmlReturn power_mw(Device device, std::uint32_t& power) = 0;
    virtual NvmlReturn powerLimit_mw(Device device, std::uint32_t& limit) = 0;
    virtual NvmlReturn energy_mj(Device device, std::uint64_t& energy) = 0;
    virtual NvmlReturn temperature_c(Device device, std::uint32_t& temperature) = 0;
    virtual NvmlReturn clock_mhz(Device device, NvmlClock clock, std::uint32_t& frequency) = 0;
    virtual NvmlReturn throttleReasons(Device device, std::uint64_t& bits) = 0;
    /// Measured by the driver over the last 20 ms.
    virtual NvmlReturn pcie_kb_s(Device device, NvmlTraffic direction, std::uint32_t& rate) = 0;
    /// Data moved over all links since the driver was loaded.
    virtual NvmlReturn nvlink_kib(Device device, NvmlTraffic direction, std::uint64_t& moved) = 0;
    virtual NvmlReturn processes(Device device, std::vector<NvmlProcess>& processes) = 0;
};

/// The driver's own, loaded by init(); LibraryNotFound where there is none. `file`: another library
/// of the same functions.
std::unique_ptr<NvmlApi> makeNvmlLibrary(std::string file = "libnvidia-ml.so.1");

} // namespace app
