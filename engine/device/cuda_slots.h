#pragma once
// CudaSlots: the sampler state of every slot on the device: settings, penalty counts, masks,
// biases, the token sampled last. Part of libinglenook_cuda.so.

#include "engine/device/batch.h"
#include "engine/device/cuda_arena.h"
#include "engine/device/cuda_staging.h"
#include "engine/device/sampler_spec.h"
#include "kernels/cuda_kernels.h"

#include <span>
#include <string>
#include <vector>

namespace engine {

class CudaSlots {
  public:
    CudaSlots() = default;
    ~CudaSlots() { release(); }
    CudaSlots(const CudaSlots&) = delete;
    CudaSlots& operator=(const CudaSlots&) = delete;

    /// `vocabulary` 0: of a GPU that samples nothing and only looks up the tokens sampled last.
    void plan(std::uint32_t slotCount, std::uint32_t vocabulary);
    std::uint64_t plannedBytes();
    Status allocate(const std::string& device);
    void release();

    /// In the order of `stream`, whose work so far is done by `deadline`; the spec was validated.
    /// OptionInvalid for more biases than fit.
    Status set(SlotId slot, const SamplerSpec& spec, cudaStream_t stream, CudaDeadline deadline);
    Status setMask(SlotId slot, std::span<const std::uint32_t> allowedBits, cudaStream_t stream);

    /// Work that set() had to wait for was not done by its deadline.
    bool isLate() const { return m_copies.isLate(); }

    std::uint32_t count() const { return m_count; }
    std::int32_t* lastTokens() const { return m_lastTokens; }
    /// Fills in what sampling reads.
    void describe(kernels::cuda::Sampling& task) const;

  private:
    void layOut(CudaArena& arena);
    Status upload(SlotId slot, cudaStream_t stream);

    std::uint32_t m_count = 0;
    std::uint32_t m_vocabulary = 0;
    std::string m_device;
    kernels::cuda::SlotState* m_host = nullptr; // [count] page-locked
    CudaCopyRing m_copies;                      // of counts
    CudaArena m_arena;
    kernels::cuda::SlotState* m_states = nullptr;
    std::uint32_t* m_counts = nullptr;            // [count][vocabulary]
    std::uint32_t* m_masks = nullptr;             // [count][(vocabulary + 31) / 32]
    kernels::cuda::TokenBias* m_biases = nullptr; // [count][kMostBiases]
    std::int32_t* m_lastTokens = nullptr;
};

} // namespace engine
