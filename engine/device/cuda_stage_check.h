#pragma once
// CudaStageCheck: watches one step on one GPU and computes every stage of the first, middle and
// last layer once more on the operands that the step itself had (bench --check). Products go
// through kernels/cuda/reference.cu, everything else through the scalar kernels of the CPU. Of a
// large batch a few rows, spread over it, are compared.
//
// What a fast kernel rounds on its way to the tensor cores the slow twin rounds too, by itself: a
// value that falls on the other side of a half then is far below the limits. Part of
// libinglenook_cuda.so.

#include "engine/device/batch.h"
#include "engine/device/cpu_workers.h"
#include "engine/device/cuda_arena.h"
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_stage_pages.h"
#include "engine/device/cuda_stage_rows.h"
#include "engine/device/cuda_stage_sums.h"
#include "engine/device/stage_report.h"
#include "kernels/cpu_kernels.h"
#include "kernels/cuda_reference.h"

#include <array>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace engine {

class CudaStageCheck final : public CudaStageObserver {
  public:
    /// Everything outlives the check. `sums`: where `fast` is one of several ranks, whose config
    /// and weights are its own part.
    CudaStageCheck(const ModelConfig& config, const NumberFormats& formats,
                   const CudaWeights& weights, CudaKvPool& kv, const CudaForward& fast,
                   CpuWorkers& workers, std::string device, CudaStageSums* sums = nullptr);
    /// Chooses the rows that are compared. `lastTokens`: of every slot, on the device.
    Status prepare(const Batch& batch, const std::int32_t* lastTokens, cudaStream_t stream);

    cudaError_t reached(CudaStage stage, std::uint32_t index, cudaStream_t stream) override;
    bool readsRows() const override { return true; }
    void multiplied(const kernels::cuda::Matrix& matrix, CudaProductForm form) override;

    /// Of the stages that ran, in the order of a step.
    std::vector<StageError> errors() const;

  private:
    using Values = std::vector<float>; // [rows][width]
    struct ChosenRow {
        std::uint32_t row = 0; // of the batch
        std::uint32_t position = 0;
        std::vector<PageId> pages;
    };
    struct Worst {
        bool seen = false;
        double error = 0;
    };

    bool isChecked(CudaStage stage, std::uint32_t index) const;
    CudaRowsOnDevice residualRows() const;
    CudaRowsOnDevice mixedRows() const;
    CudaRowsOnDevice activatedRows() const;
    kernels::RopeTables ropeTables() const;
    cudaError_t copyToHost(const float* from, Values& to) const {
        return fetchFloats(from, m_stream, to);
    }
    cudaError_t fetch(const CudaRowsOnDevice& from, std::span<const std::uint32_t> rows,
                      Values& to) const {
        return fetchRows(from, rows, m_stream, to);
    }
    /// RMSNorm, or LayerNorm where there is a bias.
    cudaError_t normalize(Values& x, const float* deviceNorm, const float* deviceBias,
                          std::uint32_t width);
    /// The slow product of rows as the fast one saw them.
    cudaError_t product(const kernels::cuda::Matrix& matrix, Values x, Values& out);
    CudaProductForm formOf(const kernels::cuda::Matrix& matrix) const;
    void roundInput(float* x, std::uint32_t width, CudaProductForm::Rows form) const;

    cudaError_t checkEmbed();
    cudaError_t checkQkv(std::uint32_t layer);
    cudaError_t checkAttention(std::uint32_t layer);
    cudaError_t checkAdded(CudaStage stage, const kernels::cuda::Matrix& matrix,
                           const float* deviceBias, Values x);
    cudaError_t checkAttentionOutput(std::uint32_t layer);
    cudaError_t checkGateUp(std::uint32_t layer);
    cudaError_t checkDown(std::uint32_t layer);
    cudaError_t checkHead(std::uint32_t pass);
    cudaError_t finishHeads(std::uint32_t layer);
    void compareStored(const CudaStagePages& pages);
    cudaError_t attendSlowly(std::uint32_t layer, const CudaStagePages& pages, Values& out);

    static void compare(Worst& worst, const Values& fast, const Values& slow, std::size_t width);
    Worst& worstOf(CudaStage stage) { return m_worst[static_cast<std::size_t>(stage)]; }

    const ModelConfig& m_config;
    NumberFormats m_formats;
    const CudaWeights& m_weights;
    CudaKvPool& m_kv;
    const CudaForward& m_fast;
    CpuWorkers& m_workers;
    std::string m_device;
    CudaStageSums* m_sums;
    const kernels::KernelTable& m_slow;
    cudaStream_t m_stream = nullptr;

    CudaArena m_arena;
    float* m_in = nullptr;  // [kMostRows][widest input], on the device
    float* m_out = nullptr; // [kMostRows][widest output], on the device
    Values m_rope;          // up to the longest position, as the device has it
    std::vector<ChosenRow> m_chosen;
    std::vector<std::uint32_t> m_rows;                   // theirs in the batch
    std::vector<std::int32_t> m_tokens;                  // theirs
    std::vector<std::uint32_t> m_wanted;                 // rows of the batch that want output
    std::map<const std::byte*, CudaProductForm> m_forms; // by a matrix's values
    Values m_residual;                                   // before the stage that adds to it
    Values m_query;                                      // products, then finished
    Values m_key;
    Values m_value;
    Values m_mixed; // what attention left: a sum over GPUs may end with other rows in its place
    std::array<Worst, kCudaStageCount> m_worst;
    Worst m_stored; // what the cache holds
};

} // namespace engine
