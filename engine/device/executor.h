#pragma once
// Executor: the contract between the runtime and a device (CPU, one GPU, many GPUs as one).
//
// Threads: every method is called by the engine thread, load() by the loader thread before the
// engine thread sees the executor. No method throws, no method aborts: faults come back as Status.
// The CPU computes inside submit(); a GPU returns at once. At most two tickets are in flight.

#include "engine/device/batch.h"
#include "engine/device/sampler_spec.h"
#include "engine/device/stage_report.h"
#include "engine/model/memory_plan.h"
#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"
#include "engine/model/weight_options.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace engine {

/// How a model is to be placed; made by the runtime from options and memory_plan.
struct ExecutorPlan {
    NumberFormats formats;       // Auto is resolved by the executor (formats())
    std::uint32_t context = 0;   // longest sequence [tokens], for the RoPE table
    std::uint32_t pageCount = 0; // KV pages including page 0
    std::uint32_t slotCount = 1;
    std::uint32_t maxBatchRows = 512;
    std::uint32_t threads = 0; // CPU: 0 = one a core
};

/// Progress of a load: bytes of weights done of all. Called from the loading thread.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

enum class HealthState { Good, Dead };
struct Health {
    HealthState state = HealthState::Good;
    Status reason; // why it is dead
};

using Ticket = std::uint64_t;

class Executor {
  public:
    virtual ~Executor() = default;

    /// "CPU · AVX-512 VNNI · 2 threads", "CUDA 0 · NVIDIA H100 80GB HBM3": for people.
    virtual std::string deviceName() const = 0;
    /// What load() resolved Auto to.
    virtual NumberFormats formats() const = 0;

    /// Bytes this executor would allocate, exactly, without allocating.
    virtual Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource& source,
                                          const ExecutorPlan& plan) const = 0;

    /// Loads and repacks. `stop` is looked at between tensors: Cancelled leaves nothing allocated.
    virtual Status load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                        const ExecutorPlan& plan, const LoadProgress& progress,
                        const std::atomic<bool>& stop) = 0;

    /// A sequence joins a slot, or its tokens changed by other than sampling: the sampler's state
    /// is reset from the spec. A step in flight keeps what it was submitted with.
    virtual Status setSlot(SlotId slot, const SamplerSpec& spec) = 0;
    /// Optional vocabulary mask of a slot, one bit a token, empty = none.
    virtual Status setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) = 0;

    /// True: submit() returns before the step is computed, so that a second one is worth having in
    /// flight: its rows name tokens that nobody has seen (kLastSampled).
    virtual bool runsAhead() const { return false; }
    /// Rows of prompts that make a step most worth its time; more gain nothing.
    virtual std::uint32_t chunkRows() const { return 512; }
    /// Rows up to which a step costs little more than one row does and above which it leaps; 0 =
    /// there is no such number.
    virtual std::uint32_t cheapRows() const { return 0; }

    virtual Result<Ticket> submit(Batch batch) = 0;
    /// True: collect() of this ticket would return at once. Asks the device without waiting for it.
    virtual bool isDone(Ticket) const { return true; }
    /// Waits for the oldest ticket, which must be this one.
    virtual BatchResult collect(Ticket ticket) = 0;

    /// Page contents, all layers. The byte string is opaque and only for restorePage of an executor
    /// with the same model and formats.
    virtual Status copyPage(PageId from, PageId to) = 0;
    virtual Result<std::vector<std::byte>> savePage(PageId page) = 0;
    virtual Status restorePage(PageId page, std::span<const std::byte> bytes) = 0;
    /// Fills all KV and workspace with NaN (verify, tests). Not for use while tickets are in
    /// flight.
    virtual void poison() = 0;

    virtual Health health() const = 0;
    /// How fast the device reads its own memory [GB/s], measured now; 0 = host memory is the limit.
    /// Not for use while tickets are in flight.
    virtual double measureReadBandwidth() { return 0; }
    /// How fast its units multiply and add, measured now by the instructions of its own products on
    /// operands that lie in registers. Not for use while tickets are in flight.
    virtual ComputeLimits measureComputeLimits() { return {}; }

    /// Switches the activations of the loaded model; weights and KV stay. A load with Auto may
    /// resolve to Int8, which is provisional: the runtime measures what it costs and goes back to
    /// BF16 where that is too much. A GPU decodes in bf16 whatever is chosen: Int8 is its prefill.
    /// Not for use while tickets are in flight.
    virtual Status setActivations(ActivationFormat format);
    /// Rows of one sequence from which on a step computes with the activations chosen; fewer may go
    /// another way, on which int8 makes no difference.
    virtual std::uint32_t leastActivationRows() const { return 1; }
    /// Int8 activations only in steps that they make faster from now on, until the next
    /// setActivations(): for a choice that speed alone has made. Not for use while tickets are in
    /// flight.
    virtual void useInt8WhereFaster() {}

    /// Stage timing, off after load(). Off, it costs nothing; on, steps may be slower. Switching it
    /// on forgets what was measured before. Not for use while tickets are in flight.
    virtual Status timeStages(bool on);
    /// Of the steps since timeStages(true), in the order of a step; steps must be collected.
    virtual std::vector<StageTiming> stageTimings() const { return {}; }
    /// Runs the batch as submit() and collect() would, and runs every fused stage of the first,
    /// middle and last layer (and those outside of layers) once more through its slow twin on the
    /// operands that the fast one had. Of a large batch a few rows spread over it are compared. To
    /// check a step that was timed, hand it in again. Not for use while tickets are in flight.
    virtual Result<std::vector<StageError>> checkStages(Batch batch);

    /// Frees everything; the executor can load() again.
    virtual void release() = 0;
};

struct CpuExecutorOptions {
    enum class Path { Auto, Scalar, Avx2, Avx512Vnni };
    Path path = Path::Auto;
    std::uint32_t threads = 0; // 0 = one a core
};
std::unique_ptr<Executor> makeCpuExecutor(const CpuExecutorOptions& options = {});

} // namespace engine
