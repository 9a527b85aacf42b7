#pragma once
// CudaGroupExecutor: the executor contract on several NVIDIA GPUs that share one model by a tensor
// split (engine/device/parallel_plan.h). Contract, threads and errors: engine/device/executor.h.
// Part of libinglenook_cuda.so.
//
// Every GPU is a rank with a thread of its own and runs the same kernels on its part; sums and
// logits travel by peer access (kernels/cuda_all_reduce.h). All ranks hold all logits and the state
// of every slot, and sample the same tokens; rank 0's are delivered. A GPU that stops answering
// makes health() Dead for the group: no kernel waits for it longer than stepPatience().
// The same device may be named more than once: tests run several ranks on one GPU.

#include "engine/device/cuda_library.h"
#include "engine/device/cuda_rank.h"
#include "engine/device/cuda_stage_clock.h"
#include "engine/device/cuda_step_queue.h"
#include "engine/device/cuda_wait.h"
#include "engine/device/executor.h"
#include "engine/device/rank_threads.h"

#include <chrono>
#include <memory>
#include <span>
#include <vector>

namespace engine {

class CudaStageSums;
class CudaTurn;

class CudaGroupExecutor : public Executor {
  public:
    /// Opens the devices, in the order of the ranks: DeviceUnavailable says why they cannot be used
    /// together. SplitMode::Auto shares every layer, and where GPUs are of different kinds or
    /// cannot reach each other's memory deals the layers out (CudaLayerExecutor).
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
    void useInt8WhereFaster() override;
    std::uint32_t leastActivationRows() const override { return kernels::cuda::kMostDigitRows + 1; }
    Health health() const override { return m_health; }
    void release() override;
    double measureReadBandwidth() override;
    /// Times of rank 0, in which the work of all ranks is done; by layers, of all one after
    /// another.
    Status timeStages(bool on) override;
    std::vector<StageTiming> stageTimings() const override;
    Result<std::vector<StageError>> checkStages(Batch batch) override;
    bool runsAhead() const override { return true; }
    std::uint32_t chunkRows() const override { return 2048; }

  protected:
    using Ranks = std::vector<std::unique_ptr<CudaRank>>;

    CudaGroupExecutor(Ranks ranks, std::vector<std::uint32_t> weights);

    // What differs between ways to divide a model.
    virtual const char* splitName() const { return "tensor split"; }
    virtual bool isByLayers() const { return false; }
    /// Lays all ranks out; what Auto became.
    virtual Result<NumberFormats> planRanks(Ranks& ranks, const ModelConfig& config,
                                            const TensorSource& source,
                                            const ExecutorPlan& plan) const;
    /// Peer access, when the executor is made.
    virtual Status connectPeers();
    virtual Status loadWeights(const TensorSource& source, CpuWorkers& workers,
                               const LoadProgress& progress, const std::atomic<bool>& stop);
    /// When all ranks have allocated.
    virtual Status connectRanks();
    virtual void disconnectRanks() {}
    /// Those that hold the state of slots.
    virtual std::span<const std::unique_ptr<CudaRank>> samplers() const { return m_ranks; }
    /// Whose logits and tokens are delivered: an index of m_ranks.
    virtual std::size_t answeringRank() const { return 0; }
    virtual Status launch(const CudaInFlight& flight);
    /// A rank's part of a step, with its clock where stages are timed: what may wait for the
    /// device, and the launches.
    Status prepare(std::size_t index, const CudaInFlight& flight);
    Status compute(std::size_t index, const CudaInFlight& flight);

    /// Whether each GPU gets layers of its own. OptionInvalid where it must, but may not.
    static Result<bool> dealsLayers(const Ranks& ranks, SplitMode split);
    /// Whether a kernel on one of them may use the other's memory, and a copy go there directly.
    static Result<bool> reach(const CudaRank& from, const CudaRank& to);
    NumberFormats weakestFormats(const Ranks& ranks, const ModelConfig& config,
                                 const TensorSource& source, const ExecutorPlan& plan) const;
    /// The driver's context is out of it already.
    static Result<std::uint64_t> freeBytes(const CudaRank& rank);
    static bool isPlainDecode(const CudaInFlight& flight);
    /// NoModelLoaded; what is wrong with the batch; why the executor is dead.
    Status mayRun(const Batch& batch);
    bool isUneven() const;
    Status note(Status status);
    /// How long a kernel waits for another GPU.
    static std::chrono::milliseconds kernelPatience() { return stepPatience({}); }
    StepTimings timingsOf(const CudaInFlight& flight, std::int64_t total_ns) const;
    /// By when a step must be done, or a GPU never answers again.
    CudaDeadline deadlineOf(const CudaInFlight& flight) const;
    /// The same for everything that was submitted.
    CudaDeadline deadlineOfAll() const;
    /// Until everything is done that was submitted.
    Status awaitAll();
    std::string shortName() const;

    Ranks m_ranks;
    std::vector<std::uint32_t> m_weights; // [ranks] how much each is to hold
    ModelConfig m_config;
    CudaStepQueue m_steps;

  private:
    Status loadParts(const TensorSource& source, const ExecutorPlan& plan,
                     const LoadProgress& progress, const std::atomic<bool>& stop);
    Status use() const;
    /// One rank's part of a step.
    Status launchOn(std::uint32_t index, const CudaInFlight& flight, const CudaTurn& turn);
    /// Why a step was not launched on all ranks; `launched`: why not on the first of them.
    Status firstFailure(Status launched) const;
    /// Why a rank's part of a step under way failed. Then the others' kernels are told to end: they
    /// wait for it.
    Status failureWithin(const CudaInFlight& flight) const;
    Status awaitStep(const CudaInFlight& flight);
    /// What a kernel's lost patience means.
    Status checkFault();

    RankThreads m_threads;
    /// Of a step that is done.
    Status takeTimes(const CudaInFlight& flight);

    std::vector<std::unique_ptr<CudaStageClock>> m_clocks; // [ranks] while stages are timed
    std::vector<StageTiming> m_timings;                    // of the clocks that were stopped
    CudaStageSums* m_stageSums = nullptr;                  // while stages are checked
    bool m_sharesDevice = false;
    Health m_health;
    NumberFormats m_formats;
    bool m_hasInt8Workspace = false;
    // Pinned; kernels that wait end when it is not 0: rank + 1 of the one that gave up waiting, or
    // what LaunchGuard says.
    std::uint32_t* m_fault = nullptr;
    bool m_loaded = false;
};

} // namespace engine
