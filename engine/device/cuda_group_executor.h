#pragma once
// CudaGroupExecutor: the executor contract on several NVIDIA GPUs that share one model by a tensor
// split (engine/device/parallel_plan.h). Contract, threads and errors: engine/device/executor.h.
// Part of libinglenook_cuda.so.
//
// Every GPU is a rank with a thread of its own and runs the same kernels on its part; sums and
// logits travel by peer access (kernels/cuda_all_reduce.h). All ranks hold all logits and the state
// of every slot, and sample the same tokens; rank 0's are delivered. A GPU that stops answering
// makes health() Dead for the group: no kernel waits for it longer than kPatience.
// The same device may be named more than once: tests run several ranks on one GPU.

#include "engine/device/cuda_library.h"
#include "engine/device/cuda_rank.h"
#include "engine/device/cuda_staging.h"
#include "engine/device/executor.h"
#include "engine/device/rank_threads.h"

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace engine {

class CudaGroupExecutor final : public Executor {
  public:
    /// Opens the devices, in the order of the ranks: DeviceUnavailable says why they cannot be used
    /// together.
    static Result<std::unique_ptr<Executor>> create(std::span<const CudaShare> devices,
                                                    SplitMode split);
    ~CudaGroupExecutor() override;

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
    bool isDone(Ticket ticket) const override;
    BatchResult collect(Ticket ticket) override;
    Status copyPage(PageId from, PageId to) override;
    Result<std::vector<std::byte>> savePage(PageId page) override;
    Status restorePage(PageId page, std::span<const std::byte> bytes) override;
    void poison() override;
    Status setActivations(ActivationFormat format) override;
    Health health() const override { return m_health; }
    void release() override;
    double measureReadBandwidth() override;
    bool runsAhead() const override { return true; }
    std::uint32_t chunkRows() const override { return 2048; }

  private:
    using Ranks = std::vector<std::unique_ptr<CudaRank>>;
    struct InFlight {
        Ticket ticket = 0;
        Batch batch;
        DescribedBatch described;
        std::size_t staging = 0;
        std::chrono::steady_clock::time_point begin;
    };

    CudaGroupExecutor(Ranks ranks, std::vector<std::uint32_t> weights);
    /// Lays all ranks out; what Auto became.
    Result<NumberFormats> planRanks(Ranks& ranks, const ModelConfig& config,
                                    const TensorSource& source, const ExecutorPlan& plan) const;
    Status connectPeers();
    Status loadParts(const TensorSource& source, const ExecutorPlan& plan,
                     const LoadProgress& progress, const std::atomic<bool>& stop);
    Status connectRanks();
    Status allocateStaging();
    Status use() const;
    Status note(Status status);
    Status checkSlot(SlotId slot) const;
    /// What a kernel's lost patience means.
    Status checkFault();
    Status launch(const InFlight& flight);
    std::string shortName() const;

    Ranks m_ranks;
    std::vector<std::uint32_t> m_weights; // [ranks] how much each is to hold
    RankThreads m_threads;
    bool m_sharesDevice = false;
    Health m_health;
    ModelConfig m_config;
    NumberFormats m_formats;
    bool m_hasInt8Workspace = false;
    std::uint32_t* m_fault = nullptr; // pinned: rank + 1 of the one that gave up waiting
    std::vector<bool> m_sampled;      // [slots] something was sampled since setSlot
    std::array<CudaStaging, 2> m_staging;
    std::deque<InFlight> m_inFlight;
    Ticket m_nextTicket = 1;
    std::chrono::steady_clock::time_point m_collected; // when a step was done last
    bool m_loaded = false;
};

} // namespace engine
