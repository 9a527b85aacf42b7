#pragma once
// CudaLayerExecutor: several NVIDIA GPUs that each hold a stretch of the layers, with the KV of
// these layers (LayerShare in engine/device/parallel_plan.h). For GPUs that have no way to each
// other's memory, or memories of different size. Part of libinglenook_cuda.so.
//
// A step goes from GPU to GPU: the hidden states of its rows are copied to the inbox of the next
// one, or to pinned host memory where there is no direct way. One answer is computed by one GPU
// after another, as fast as by one of them; of two steps in flight that do not wait for each
// other's tokens (chunks of prompts), each GPU works on its own. Only the last one samples; the
// first one gets the tokens by pinned host memory.

#include "engine/device/cuda_group_executor.h"

namespace engine {

class CudaLayerExecutor final : public CudaGroupExecutor {
  public:
    CudaLayerExecutor(Ranks ranks, std::vector<std::uint32_t> weights);
    ~CudaLayerExecutor() override;

    /// Nearly as good as twice as many, and two of them in flight are on two GPUs.
    std::uint32_t chunkRows() const override { return 1024; }
    /// Of all GPUs one after another, as a token meets them.
    double measureReadBandwidth() override;
    /// Of the first, middle and last layer of every GPU.
    Result<std::vector<StageError>> checkStages(Batch batch) override;

  private:
    const char* splitName() const override { return "layer split"; }
    bool isByLayers() const override { return true; }
    Result<NumberFormats> planRanks(Ranks& ranks, const ModelConfig& config,
                                    const TensorSource& source,
                                    const ExecutorPlan& plan) const override;
    Status connectPeers() override;
    Status loadWeights(const TensorSource& source, CpuWorkers& workers,
                       const LoadProgress& progress, const std::atomic<bool>& stop) override;
    Status connectRanks() override;
    void disconnectRanks() override;
    std::span<const std::unique_ptr<CudaRank>> samplers() const override;
    std::size_t answeringRank() const override { return m_ranks.size() - 1; }
    Status launch(const CudaInFlight& flight) override;

    /// Free bytes of each GPU, or the shares that were asked for.
    Result<std::vector<std::uint64_t>> roomOf(const Ranks& ranks) const;
    /// What the rank puts on its stream before a step of its own, and behind it.
    Status receive(std::size_t index, const CudaInFlight& flight);
    Status send(std::size_t index, const CudaInFlight& flight);
    Status takeTokens();
    Result<std::vector<StageError>> checkStagesOf(Batch batch);
    /// Where a rank finds the hidden states of a ticket.
    std::byte* inbox(std::size_t index, std::size_t ticket) const;

    std::vector<bool> m_direct;        // [ranks] the GPU before it reaches its memory
    std::vector<std::byte*> m_inboxes; // [ranks] pinned, of two tickets, where it does not
    std::int32_t* m_tokens = nullptr;  // [slots] pinned: sampled last
};

} // namespace engine
