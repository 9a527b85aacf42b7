#pragma once
// RecordedNvml: answers as tests/fixtures/nvml/<name>.json says, call by call, card by card and
// look by look (README.md beside the fixtures describes them).

#include "app/telemetry/nvml_api.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <QJsonArray>
#include <QJsonObject>

namespace tests {

/// Where the calls of a driver that hangs wait. Any thread.
class HangGate {
  public:
    void wait();
    void open();           ///< lets them go, and later ones pass
    bool holdsOne() const; ///< a call waits now

  private:
    mutable std::mutex m_mutex; // guards what follows
    std::condition_variable m_changed;
    bool m_open = false;
    int m_waiting = 0;
};

class RecordedNvml : public app::NvmlApi {
  public:
    explicit RecordedNvml(const QString& fixture);

    static QString folder();
    std::shared_ptr<HangGate> gate() const { return m_gate; }

    app::NvmlReturn init() override;
    /// Begins the next look: the changes of the fixture up to it hold from here on.
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

    std::optional<app::NvmlReturn> initResult; ///< instead of the fixture's

  private:
    QJsonValue answer(Device device, const char* call);

    QJsonArray m_inits;   // answers of init(), in turn; the last stays
    QJsonArray m_changes; // by look
    QJsonArray m_devices; // as they answer now
    QJsonValue m_count;   // absent: as many as m_devices
    int m_look = 0;
    std::shared_ptr<HangGate> m_gate = std::make_shared<HangGate>();
};

} // namespace tests
