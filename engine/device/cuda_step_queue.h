#pragma once
// CudaStepQueue: the steps of an executor between submit() and collect(), oldest first, on one GPU
// or on several: what each uploads and brings back, and which slots have sampled. Part of
// libinglenook_cuda.so. Threads: those of its executor.

#include "engine/device/cuda_staging.h"
#include "engine/device/cuda_step.h"
#include "engine/device/executor.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <vector>

namespace engine {

class CudaForward;

struct CudaInFlight {
    Ticket ticket = 0;
    Batch batch;
    DescribedBatch described;
    std::size_t staging = 0; // below kCudaStepsInFlight, in turn
    std::chrono::steady_clock::time_point begin;
    std::chrono::steady_clock::time_point launched;
};

class CudaStepQueue {
  public:
    /// Of a model that is loaded; pinned memory belongs to the current device.
    cudaError_t allocate(const CudaForward& forward, std::uint32_t slots);
    /// No step counts any more.
    void release();

    Status checkSlot(SlotId slot) const;
    /// The slot was set: nothing is sampled yet.
    void reset(SlotId slot) { m_sampled[slot] = false; }
    /// [slots] something was sampled since the slot was set.
    const std::vector<bool>& sampled() const { return m_sampled; }

    /// InternalError when two are in flight.
    Status checkRoom() const;
    /// Describes a batch, which was checked, in pinned memory; logits must grow() yet, and `splits`
    /// of its step is not known.
    CudaInFlight next(Batch batch, const CudaForward& forward);
    cudaError_t grow(const CudaInFlight& flight, std::uint32_t vocabulary);
    const CudaStaging& staging(const CudaInFlight& flight) const {
        return m_staging[flight.staging];
    }
    /// It was launched: its slots have sampled.
    Ticket push(CudaInFlight flight);

    /// In flight, all of them.
    const std::deque<CudaInFlight>& all() const { return m_inFlight; }
    /// The oldest, when it is this one; else nullptr.
    const CudaInFlight* oldest(Ticket ticket) const;
    /// Takes it out. InternalError when it is not the oldest.
    Result<CudaInFlight> pop(Ticket ticket);
    /// Results of a step that is done.
    void answer(const CudaInFlight& flight, std::uint32_t vocabulary, BatchResult& result) const;
    /// How long it took, now that it is done. A step that was submitted beside the one before it
    /// began when that one was done.
    std::chrono::nanoseconds finish(const CudaInFlight& flight);
    /// When the device could begin with it.
    std::chrono::steady_clock::time_point startOf(const CudaInFlight& flight) const {
        return std::max(flight.launched, m_collected);
    }

  private:
    std::vector<bool> m_sampled; // [slots]
    std::array<CudaStaging, kCudaStepsInFlight> m_staging;
    std::deque<CudaInFlight> m_inFlight;
    Ticket m_nextTicket = 1;
    std::chrono::steady_clock::time_point m_collected; // when a step was done last
};

} // namespace engine
