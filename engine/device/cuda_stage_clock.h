#pragma once
// CudaStageClock: times the stages of steps on one GPU by events between them (bench --stages).
// Part of libinglenook_cuda.so.
//
// Decode steps are captured with their events into graphs of their own, so that no launch by the
// host stands between two events; the events keep kernels from starting before the one ahead is
// done, which makes a timed step slower than others. What lies between two events counts for the
// stage that ends there: the times of a step add up to all of it.

#include "engine/device/batch.h"
#include "engine/device/cuda_forward.h"
#include "engine/device/stage_report.h"

#include <array>
#include <map>
#include <set>
#include <vector>

namespace engine {

class CudaStageClock final : public CudaStageObserver {
  public:
    CudaStageClock(const ModelConfig& config, const CudaWeights& weights, const CudaKvPool& kv);
    ~CudaStageClock() override;
    CudaStageClock(const CudaStageClock&) = delete;
    CudaStageClock& operator=(const CudaStageClock&) = delete;

    /// A step in two parts, as CudaRank has it. prepare() makes the graph of a step that `decodes`:
    /// the launches depend on its shape alone. launch() puts the step that was prepared on the
    /// stream instead of CudaForward::run(). `ticket`: 0 or 1, whose step before was taken.
    cudaError_t prepare(CudaForward& forward, const CudaStep& step, bool decodes,
                        std::size_t ticket, cudaStream_t stream);
    cudaError_t launch(CudaForward& forward, const CudaStep& step, float* logits,
                       std::size_t ticket, cudaStream_t stream);
    /// Adds the times of a ticket's step, which is done.
    cudaError_t take(std::size_t ticket, const Batch& batch, const CudaStep& step);
    /// All stages, in the order of a step.
    std::vector<StageTiming> timings() const;

    cudaError_t reached(CudaStage stage, std::uint32_t index, cudaStream_t stream) override;
    bool readsRows() const override { return false; }
    void multiplied(const kernels::cuda::Matrix&, CudaProductForm) override {}

  private:
    struct Mark {
        CudaStage stage;
        std::uint32_t index; // layer, or the pass over the head
    };
    /// The events of one shape of step; events[i] stands before marks[i], the last one behind all.
    struct Record {
        std::vector<cudaEvent_t> events;
        std::vector<Mark> marks;
        cudaGraphExec_t graph = nullptr;
    };
    struct Sum {
        std::int64_t time_ns = 0;
        StageCost cost;
    };

    cudaError_t put(CudaForward& forward, const CudaStep& step, float* logits, Record& record,
                    cudaStream_t stream);
    cudaError_t capture(CudaForward& forward, const CudaStep& step, Record& record,
                        cudaStream_t stream);
    cudaError_t recordEvent(std::size_t index, cudaStream_t stream);
    StageCost costOf(const Mark& mark, const Batch& batch, const CudaStep& step) const;

    const ModelConfig& m_config;
    const CudaWeights& m_weights;
    const CudaKvPool& m_kv;
    std::map<std::array<std::uint64_t, 2>, Record> m_graphs; // by shape, ticket
    std::set<std::uint64_t> m_seen;                          // shapes
    std::array<Record, 2> m_others;                          // by ticket
    std::array<Record*, 2> m_prepared{};                     // by ticket
    std::array<const Record*, 2> m_running{};                // by ticket
    Record* m_recording = nullptr;
    bool m_capturing = false;
    std::array<Sum, kCudaStageCount> m_sums;
};

} // namespace engine
