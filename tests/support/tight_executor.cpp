#include "tests/support/tight_executor.h"

#include "tests/support/forwarding_executor.h"

#include <thread>
#include <utility>

namespace tests {

using namespace engine;

namespace {

class TightExecutor final : public ForwardingExecutor {
  public:
    explicit TightExecutor(std::shared_ptr<TightMemory> memory)
        : ForwardingExecutor(makeCpuExecutor()), m_memory(std::move(memory)) {}
    ~TightExecutor() override { giveBack(); }

    Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource& source,
                                  const ExecutorPlan& plan) const override {
        Result<MemoryPlan> planned = ForwardingExecutor::memoryPlan(config, source, plan);
        if (planned)
            for (DeviceMemory& device : planned->devices)
                device.free_bytes = m_memory->models > 0 ? 1 : device.total() * 4;
        return planned;
    }
    Status load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                const ExecutorPlan& plan, const LoadProgress& progress,
                const std::atomic<bool>& stop) override {
        Status status = ForwardingExecutor::load(config, std::move(source), plan, progress, stop);
        if (status.ok() && !std::exchange(m_holds, true))
            ++m_memory->models;
        return status;
    }
    Result<Ticket> submit(Batch batch) override {
        std::this_thread::sleep_for(std::chrono::microseconds(m_memory->stepTime_us));
        return ForwardingExecutor::submit(std::move(batch));
    }
    void release() override {
        ForwardingExecutor::release();
        giveBack();
    }

  private:
    void giveBack() {
        if (std::exchange(m_holds, false))
            --m_memory->models;
    }

    std::shared_ptr<TightMemory> m_memory;
    bool m_holds = false;
};

} // namespace

std::unique_ptr<Executor> makeTightExecutor(std::shared_ptr<TightMemory> memory) {
    return std::make_unique<TightExecutor>(std::move(memory));
}

} // namespace tests
