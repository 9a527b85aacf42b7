#pragma once
// CpuStageCheck: watches one step and computes every stage of the first, middle and last layer once
// more with the scalar kernels, on the operands that the step itself had (bench --check). Of a
// large batch a few rows, spread over it, are compared: the scalar kernels are slow. Where a norm's
// result is rounded to int8 or bf16 it is compared before, and the slow product goes on with the
// rounded values of the fast one: a value that fell on the other side of a half is no error.

#include "engine/device/cpu_forward.h"

#include <array>
#include <span>
#include <vector>

namespace engine {

class CpuStageCheck final : public CpuStageObserver {
  public:
    /// Everything outlives the check. `fast` is the forward pass that will be observed; `formats`
    /// and `activationGroup` are its own.
    CpuStageCheck(const ModelConfig& config, const NumberFormats& formats,
                  std::uint32_t activationGroup, const CpuWeights& weights, CpuKvPool& kv,
                  const CpuForward& fast, std::uint32_t threads);
    /// Chooses the rows that are compared. The batch outlives the step.
    Status prepare(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
                   CpuWorkers& workers);

    void before(CpuStage stage, std::uint32_t layer) override;
    void inputReady(CpuStage stage, std::uint32_t layer) override;
    void after(CpuStage stage, std::uint32_t layer, const StageCost& cost) override;

    /// Of the stages that ran, in the order of a step.
    std::vector<StageError> errors() const;

  private:
    using Buffer = float* CpuWorkspace::*;
    /// The same row of the batch in both workspaces.
    struct RowPair {
        std::uint32_t fast = 0;
        std::uint32_t slow = 0;
    };

    bool isChecked(CpuStage stage, std::uint32_t layer) const;
    bool roundsFloatInput() const;
    std::size_t stride(Buffer buffer, std::size_t width) const;
    void fetch(Buffer buffer, std::size_t width);
    void fetchRoundedInput();
    void compare(CpuStage stage, Buffer buffer, std::size_t width);
    void compareRow(CpuStage stage, const float* fast, const float* slow, std::size_t width);
    void compareStored(std::uint32_t layer);
    void findHeadRows();

    const ModelConfig& m_config;
    NumberFormats m_formats;
    const CpuWeights& m_weights;
    CpuKvPool& m_kv;
    const CpuForward& m_fast;
    CpuForward m_slow;
    std::span<const PageTable> m_tables;
    std::vector<RowPair> m_chosen;  // fast: row of the batch, slow: 0, 1, ...
    std::vector<ForwardRow> m_rows; // those rows
    std::vector<RowPair> m_pairs;   // what compare() looks at: m_chosen, or those in the head
    std::vector<std::byte> m_page;  // one layer of one page, for the slow storing
    std::array<double, kCpuStageCount> m_worst{};
    std::array<bool, kCpuStageCount> m_seen{};
};

} // namespace engine
