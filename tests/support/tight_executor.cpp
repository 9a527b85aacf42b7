#include "tests/support/tight_executor.h"

#include <thread>
#include <utility>

namespace tests {

using namespace engine;

namespace {

class TightExecutor final : public Executor {
  public:
    explicit TightExecutor(std::shared_ptr<TightMemory> memory)
        : m_memory(std::move(memory)), m_cpu(makeCpuExecutor()) {}
    ~TightExecutor() override { giveBack(); }

    std::string deviceName() const override { return m_cpu->deviceName(); }
    NumberFormats formats() const override { return m_cpu->formats(); }
    Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource& source,
                                  const ExecutorPlan& plan) const override {
        Result<MemoryPlan> planned = m_cpu->memoryPlan(config, source, plan);
        if (planned)
            for (DeviceMemory& device : planned->devices)
                device.free_bytes = m_memory->models > 0 ? 1 : device.total() * 4;
        return planned;
    }
    Status load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                const ExecutorPlan& plan, const LoadProgress& progress,
                const std::atomic<bool>& stop) override {
        Status status = m_cpu->load(config, std::move(source), plan, progress, stop);
        if (status.ok() && !std::exchange(m_holds, true))
            ++m_memory->models;
        return status;
    }
    Status setSlot(SlotId slot, const SamplerSpec& spec) override {
        return m_cpu->setSlot(slot, spec);
    }
    Status setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) override {
        return m_cpu->setSlotMask(slot, allowedBits);
    }
    Result<Ticket> submit(Batch batch) override {
        std::this_thread::sleep_for(std::chrono::microseconds(m_memory->stepTime_us));
        return m_cpu->submit(std::move(batch));
    }
    BatchResult collect(Ticket ticket) override { return m_cpu->collect(ticket); }
    Status copyPage(PageId from, PageId to) override { return m_cpu->copyPage(from, to); }
    Result<std::vector<std::byte>> savePage(PageId page) override { return m_cpu->savePage(page); }
    Status restorePage(PageId page, std::span<const std::byte> bytes) override {
        return m_cpu->restorePage(page, bytes);
    }
    void poison() override { m_cpu->poison(); }
    Health health() const override { return m_cpu->health(); }
    Status setActivations(ActivationFormat format) override {
        return m_cpu->setActivations(format);
    }
    void release() override {
        m_cpu->release();
        giveBack();
    }

  private:
    void giveBack() {
        if (std::exchange(m_holds, false))
            --m_memory->models;
    }

    std::shared_ptr<TightMemory> m_memory;
    std::unique_ptr<Executor> m_cpu;
    bool m_holds = false;
};

} // namespace

std::unique_ptr<Executor> makeTightExecutor(std::shared_ptr<TightMemory> memory) {
    return std::make_unique<TightExecutor>(std::move(memory));
}

} // namespace tests
