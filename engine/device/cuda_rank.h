#pragma once
// CudaRank: one GPU of several that compute one model together: its part of weights and KV, its
// stream and its graphs. Part of libinglenook_cuda.so.
//
// Threads: one at a time; every method makes the device the thread's current one first.

#include "engine/device/cuda_device.h"
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_graphs.h"
#include "engine/device/cuda_kv_pool.h"
#include "engine/device/cuda_slots.h"
#include "engine/device/cuda_staging.h"
#include "engine/device/cuda_wait.h"
#include "engine/device/cuda_weights.h"
#include "engine/device/executor.h"

#include <array>
#include <memory>
#include <string>

namespace engine {

class CudaRank {
  public:
    CudaRank(int device, OpenedCudaDevice opened);
    ~CudaRank();
    CudaRank(const CudaRank&) = delete;
    CudaRank& operator=(const CudaRank&) = delete;

    /// The streams. DeviceUnavailable.
    Status open();
    Status use() const;
    int device() const { return m_device; }
    std::string name() const { return "CUDA " + std::to_string(m_device); }
    const std::string& productName() const { return m_productName; }
    const kernels::cuda::DeviceLimits& limits() const { return m_limits; }
    cudaStream_t stream() const { return m_stream; }

    /// Lays everything out; nothing is allocated.
    Status plan(const ModelConfig& whole, const TensorSource& source, const ExecutorPlan& plan,
                const NumberFormats& formats, const RankShare& share, std::uint32_t rank,
                std::uint32_t ranks);
    /// The same for a stretch of the layers; see CudaForward::holdStretch().
    Status plan(const ModelConfig& whole, const TensorSource& source, const ExecutorPlan& plan,
                const NumberFormats& formats, const LayerShare& share, bool hasInbox);
    DeviceMemory memory();
    /// Everything but weights.
    Status allocate();
    void release();

    /// The model as this GPU computes it.
    const ModelConfig& config() const { return m_config; }
    /// The step that prepare() was given last.
    const CudaStep& step() const { return m_step; }
    CudaWeights& weights() { return m_weights; }
    CudaKvPool& kv() { return m_kv; }
    CudaSlots& slots() { return m_slots; }
    CudaForward& forward() { return *m_forward; }

    /// A step in four parts. prepare() may wait for the device, the others never do: nobody
    /// captures a graph while another rank's kernels wait for this one's.
    /// `tokens`, `logits`: pinned, nullptr on ranks whose results are not looked at.
    Status prepare(const DescribedBatch& batch, std::int32_t* tokens, bool decodes);
    Status begin(const DescribedBatch& batch, const std::byte* pinned);
    Status run(float* logits);
    Status end(std::size_t ticket);
    /// What is put on this stream from now on begins when `other` has done all of that ticket.
    Status waitFor(const CudaRank& other, std::size_t ticket);
    Status await(std::size_t ticket, CudaDeadline deadline);
    /// Everything that was submitted.
    Status awaitAll(CudaDeadline deadline);
    /// The same of a device that counts as hung when it is late.
    void awaitOrGiveUp(CudaDeadline deadline);
    bool isDone(std::size_t ticket) const;
    /// What went wrong with a ticket's step so far; does not wait.
    Status failure(std::size_t ticket) const;
    cudaEvent_t doneEvent(std::size_t ticket) const { return m_done[ticket]; }
    /// Something was not done by its deadline.
    bool isLate() const { return m_isLate || m_slots.isLate(); }
    void dropGraphs() { m_graphs.drop(); }

  private:
    /// What waiting ended with.
    Status waited(cudaError_t answer);

    int m_device;
    std::shared_ptr<void> m_use; // of the device; goes last
    std::string m_productName;
    kernels::cuda::DeviceLimits m_limits;
    cudaStream_t m_stream = nullptr; // of the steps
    CudaUploads m_uploads;
    bool m_isLate = false;
    std::array<cudaEvent_t, 2> m_done = {}; // of the tickets in flight
    ModelConfig m_config;                   // this rank's
    CudaWeights m_weights;
    CudaKvPool m_kv;
    CudaSlots m_slots;
    std::unique_ptr<CudaForward> m_forward;
    CudaStep m_step;                   // prepared
    cudaGraphExec_t m_graph = nullptr; // prepared; nullptr: kernel by kernel
    CudaGraphs m_graphs;
};

} // namespace engine
