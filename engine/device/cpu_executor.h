#pragma once
// CpuExecutor: the executor contract on the CPU. Computes inside submit(), on the calling thread
// and its workers. Contract, threads and errors: engine/device/executor.h.

#include "engine/device/cpu_forward.h"
#include "engine/device/cpu_kv_pool.h"
#include "engine/device/cpu_sampler.h"
#include "engine/device/cpu_stages.h"
#include "engine/device/cpu_weights.h"
#include "engine/device/cpu_workers.h"
#include "engine/device/executor.h"

#include <deque>
#include <memory>
#include <vector>

namespace engine {

class CpuExecutor final : public Executor {
  public:
    explicit CpuExecutor(const CpuExecutorOptions& options);

    std::string deviceName() const override;
    NumberFormats formats() const override { return m_formats; }
    Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource& source,
                                  const ExecutorPlan& plan) const override;
    Status load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                const ExecutorPlan& plan, const LoadProgress& progress,
                const std::atomic<bool>& stop) override;
    Status setSlot(SlotId slot, const SamplerSpec& spec) override;
    Status setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) override;
    Result<Ticket> submit(Batch batch) override;
    BatchResult collect(Ticket ticket) override;
    Status copyPage(PageId from, PageId to) override;
    Result<std::vector<std::byte>> savePage(PageId page) override;
    Status restorePage(PageId page, std::span<const std::byte> bytes) override;
    void poison() override;
    ComputeLimits measureComputeLimits() override;
    Health health() const override { return {}; }
    Status setActivations(ActivationFormat format) override;
    Status timeStages(bool on) override;
    std::vector<StageTiming> stageTimings() const override { return m_clock.timings(); }
    Result<std::vector<StageError>> checkStages(Batch batch) override;
    void release() override;

    /// Bytes held now, for the test that holds them against the memory plan.
    std::uint64_t allocatedBytes() const;

  private:
    std::uint32_t threadCount(const ExecutorPlan& plan) const;
    Status loadParts(const TensorSource& source, const ExecutorPlan& plan,
                     const LoadProgress& progress, const std::atomic<bool>& stop);
    std::uint32_t activationGroup() const;
    Status checkBatch(const Batch& batch) const;
    Result<Ticket> compute(Batch batch, CpuStageObserver* observer);
    Status resolveRows(const Batch& batch);
    Status answerRows(const Batch& batch, std::span<const std::uint32_t> rows, const float* logits,
                      BatchResult& result);
    void answerRow(const Batch& batch, std::span<const float> logits, SamplerScratch& scratch,
                   RowResult& answer);
    StepTimings timingsOf(const Batch& batch, std::int64_t total_ns) const;

    struct Finished {
        Ticket ticket;
        BatchResult result;
    };

    kernels::InstructionSet m_set;
    CpuExecutorOptions m_options;
    std::unique_ptr<CpuWorkers> m_workers;
    ModelConfig m_config;
    NumberFormats m_formats;
    CpuWeights m_weights;
    CpuKvPool m_kv;
    std::unique_ptr<CpuForward> m_forward; // there once loaded
    std::vector<CpuSampler> m_slots;
    std::vector<SamplerScratch> m_samplers; // as many draw at the same time
    std::vector<ForwardRow> m_rows;         // of the batch being computed
    std::deque<Finished> m_finished;
    CpuStageClock m_clock;
    bool m_timesStages = false;
    bool m_hasInt8Workspace = false; // of the plan that was loaded
    Ticket m_nextTicket = 1;
};

} // namespace engine
