#pragma once
// GpuWatch: reads the GPUs on a thread of its own, at most twice a second. A driver that hangs
// makes the figures absent after a time limit and holds up nobody: the thread is left behind with
// what it owns. newest() from any thread.

#include "app/telemetry/gpu_probe.h"

#include <chrono>
#include <memory>

namespace app {

class GpuWatch {
  public:
    struct Options {
        std::chrono::milliseconds period{500};
        std::chrono::milliseconds limit{2000};   ///< older figures are absent
        std::chrono::milliseconds patience{100}; ///< how long the destructor waits for the driver
    };

    GpuWatch(std::unique_ptr<NvmlApi> api, Options options);
    explicit GpuWatch(std::unique_ptr<NvmlApi> api);
    /// Waits for the thread a moment, then leaves it to the driver.
    ~GpuWatch();
    GpuWatch(const GpuWatch&) = delete;
    GpuWatch& operator=(const GpuWatch&) = delete;

    /// The last reading; without figures and with the reason where there is no driver, or one that
    /// does not answer.
    GpuReading newest() const;

  private:
    struct Shared;
    static void run(const std::shared_ptr<Shared>& shared);

    std::shared_ptr<Shared> m_shared;
};

} // namespace app
