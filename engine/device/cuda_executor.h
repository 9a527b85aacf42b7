#pragma once
// CudaExecutor: the executor contract on one NVIDIA GPU. submit() puts a step on a stream, and its
// batch on another, and returns; collect() waits for it. Contract, threads and errors:
// engine/device/executor.h. Part of libinglenook_cuda.so.
//
// Number formats: weights as asked; activations f32 with f32 weights, else bf16, or int8
// on Hopper (elsewhere they are computed as bf16, and formats() says so); KV f32, bf16, int8. Pure
// decode steps of one shape become a CUDA graph when the shape comes a second time. An error that
// sticks to the CUDA context makes health() Dead.

#include "engine/device/cuda_device.h"
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_graphs.h"
#include "engine/device/cuda_kv_pool.h"
#include "engine/device/cuda_slots.h"
#include "engine/device/cuda_stage_clock.h"
#include "engine/device/cuda_step_queue.h"
#include "engine/device/cuda_wait.h"
#include "engine/device/cuda_weights.h"
#include "engine/device/executor.h"

#include <array>
#include <memory>
#include <vector>

namespace engine {

struct CudaStepEvents {
    cudaEvent_t begun = nullptr;
    cudaEvent_t done = nullptr;
};

class CudaExecutor final : public Executor {
  public:
    /// Opens device `index`; CudaMissing or DeviceUnavailable as makeExecutor().
    static Result<std::unique_ptr<Executor>> create(int index);
    ~CudaExecutor() override;

    std::string deviceName() const override;
    NumberFormats formats() const override { return m_formats; }
    Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource& source,
                                  const ExecutorPlan& plan) const override;
    Status load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                const ExecutorPlan& plan, const LoadProgress& progress,
                const std::atomic<bool>& stop) override;
    Status setSlot(SlotId slot, const SamplerSpec& spec) override;
    Status setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) override;
    bool runsAhead() const override { return true; }
    std::uint32_t chunkRows() const override { return 2048; }
    std::uint32_t cheapRows() const override;
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
    ComputeLimits measureComputeLimits() override;
    Status timeStages(bool on) override;
    std::vector<StageTiming> stageTimings() const override;
    Result<std::vector<StageError>> checkStages(Batch batch) override;

  private:
    CudaExecutor(int index, OpenedCudaDevice opened);

    std::string shortName() const { return "CUDA " + std::to_string(m_index); }
    Status use() const;
    /// Keeps the first error that sticks.
    Status note(Status status);
    Status loadParts(const TensorSource& source, const ExecutorPlan& plan,
                     const LoadProgress& progress, const std::atomic<bool>& stop);
    CudaStepLimits stepLimits() const;
    Status launch(const CudaInFlight& flight);
    /// By when a step must be done, or the device never answers again.
    CudaDeadline deadlineOf(const CudaInFlight& flight) const;
    /// The same for everything that was submitted.
    CudaDeadline deadlineOfAll() const;
    /// Until everything is done that was submitted.
    Status awaitAll();
    /// What waiting ended with.
    Status waited(cudaError_t answer);
    StepTimings timingsOf(const CudaInFlight& flight, std::int64_t total_ns) const;
    const CudaStepEvents& eventsOf(Ticket ticket) const {
        return m_events[ticket % m_events.size()];
    }
    /// Of a step that is done, by the device's clock.
    void timeOnDevice(Ticket ticket, StepTimings& timings) const;

    int m_index;
    std::shared_ptr<void> m_use; // of the device; goes last
    std::string m_productName;
    kernels::cuda::DeviceLimits m_limits;
    cudaStream_t m_stream = nullptr; // of the steps
    CudaUploads m_uploads;
    bool m_isLate = false; // something was not done by its deadline
    Health m_health;
    ModelConfig m_config;
    NumberFormats m_formats;
    bool m_hasInt8Workspace = false; // planned with int8 activations
    CudaWeights m_weights;
    CudaKvPool m_kv;
    CudaSlots m_slots;
    std::unique_ptr<CudaForward> m_forward; // there once loaded
    CudaStepQueue m_steps;
    std::array<CudaStepEvents, 3> m_events{}; // of two in flight and the one that was read last
    CudaGraphs m_graphs;
    std::unique_ptr<CudaStageClock> m_clock; // while stages are timed
    std::vector<StageTiming> m_timings;      // of the clock that was stopped
};

} // namespace engine
