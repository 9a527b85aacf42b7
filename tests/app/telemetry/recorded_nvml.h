#pragma once
// RecordedNvml: answers as a card and a driver once did, read from tests/fixtures/nvml/<name>.json:
// a figure is a number, or {"error": N} for what the driver answered instead.

#include "app/telemetry/nvml_api.h"

#include <QJsonArray>
#include <QJsonObject>

namespace tests {

class RecordedNvml : public app::NvmlApi {
  public:
    explicit RecordedNvml(const QString& fixture);

    app::NvmlReturn init() override { return initResult; }
    app::NvmlReturn deviceCount(std::uint32_t& count) override;
    app::NvmlReturn name(Device device, std::string& name) override;
    app::NvmlReturn uuid(Device device, std::string& uuid) override;
    app::NvmlReturn memory(Device device, app::NvmlMemory& memory) override;
    app::NvmlReturn utilization(Device device, app::NvmlUtilization& utilization) override;
    app::NvmlReturn power_mw(Device device, std::uint32_t& power) override;
    app::NvmlReturn powerLimit_mw(Device device, std::uint32_t& limit) override;
    app::NvmlReturn energy_mj(Device device, std::uint64_t& energy) override;
    app::NvmlReturn temperature_c(Device device, std::uint32_t& temperature) override;
    app::NvmlReturn clock_mhz(Device device, app::NvmlClock clock,
                              std::uint32_t& frequency) override;
    app::NvmlReturn throttleReasons(Device device, std::uint64_t& bits) override;
    app::NvmlReturn pcie_kb_s(Device device, app::NvmlTraffic direction,
                              std::uint32_t& rate) override;
    app::NvmlReturn nvlink_kib(Device device, app::NvmlTraffic direction,
                               std::uint64_t& moved) override;
    app::NvmlReturn processes(Device device, std::vector<app::NvmlProcess>& processes) override;

    app::NvmlReturn initResult = app::NvmlReturn::Success;
    std::uint64_t nvlinkGrowth_kib = 0; ///< added at every reading

  private:
    QJsonValue field(Device device, const char* name) const;

    QJsonArray m_devices;
    std::uint64_t m_nvlinkReads = 0;
};

} // namespace tests
