#pragma once
// ForwardingExecutor: an executor that hands every call on to another one. A stand-in that changes
// little overrides what it changes.

#include "engine/device/executor.h"

#include <memory>
#include <utility>

namespace tests {

class ForwardingExecutor : public engine::Executor {
  public:
    explicit ForwardingExecutor(std::unique_ptr<engine::Executor> below)
        : m_below(std::move(below)) {}

    std::string deviceName() const override { return m_below->deviceName(); }
    engine::NumberFormats formats() const override { return m_below->formats(); }
    engine::Result<engine::MemoryPlan> memoryPlan(const engine::ModelConfig& config,
                                                  const engine::TensorSource& source,
                                                  const engine::ExecutorPlan& plan) const override {
        return m_below->memoryPlan(config, source, plan);
    }
    engine::Status load(const engine::ModelConfig& config,
                        std::shared_ptr<const engine::TensorSource> source,
                        const engine::ExecutorPlan& plan, const engine::LoadProgress& progress,
                        const std::atomic<bool>& stop) override {
        return m_below->load(config, std::move(source), plan, progress, stop);
    }
    engine::Status setSlot(engine::SlotId slot, const engine::SamplerSpec& spec) override {
        return m_below->setSlot(slot, spec);
    }
    engine::Status setSlotMask(engine::SlotId slot,
                               std::span<const std::uint32_t> allowedBits) override {
        return m_below->setSlotMask(slot, allowedBits);
    }
    bool runsAhead() const override { return m_below->runsAhead(); }
    std::uint32_t chunkRows() const override { return m_below->chunkRows(); }
    std::uint32_t cheapRows() const override { return m_below->cheapRows(); }
    engine::Result<engine::Ticket> submit(engine::Batch batch) override {
        return m_below->submit(std::move(batch));
    }
    bool isDone(engine::Ticket ticket) const override { return m_below->isDone(ticket); }
    engine::BatchResult collect(engine::Ticket ticket) override { return m_below->collect(ticket); }
    engine::Status copyPage(engine::PageId from, engine::PageId to) override {
        return m_below->copyPage(from, to);
    }
    engine::Result<std::vector<std::byte>> savePage(engine::PageId page) override {
        return m_below->savePage(page);
    }
    engine::Status restorePage(engine::PageId page, std::span<const std::byte> bytes) override {
        return m_below->restorePage(page, bytes);
    }
    void poison() override { m_below->poison(); }
    engine::Health health() const override { return m_below->health(); }
    double measureReadBandwidth() override { return m_below->measureReadBandwidth(); }
    engine::ComputeLimits measureComputeLimits() override {
        return m_below->measureComputeLimits();
    }
    engine::Status setActivations(engine::ActivationFormat format) override {
        return m_below->setActivations(format);
    }
    std::uint32_t leastActivationRows() const override { return m_below->leastActivationRows(); }
    void useInt8WhereFaster() override { m_below->useInt8WhereFaster(); }
    engine::Status timeStages(bool on) override { return m_below->timeStages(on); }
    std::vector<engine::StageTiming> stageTimings() const override {
        return m_below->stageTimings();
    }
    engine::Result<std::vector<engine::StageError>> checkStages(engine::Batch batch) override {
        return m_below->checkStages(std::move(batch));
    }
    void release() override { m_below->release(); }

  protected:
    engine::Executor& below() { return *m_below; }

  private:
    std::unique_ptr<engine::Executor> m_below;
};

} // namespace tests
