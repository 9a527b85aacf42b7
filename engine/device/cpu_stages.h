#pragma once
// The fused stages of a step on the CPU, and who may watch them: the clock of bench --stages here,
// the comparison of bench --check in cpu_stage_check.h. A forward pass without an observer pays one
// comparison with nullptr a stage.

#include "engine/device/stage_report.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

namespace engine {

/// In the order of a step. New keys and values are stored at the end of Qkv.
enum class CpuStage : std::uint8_t {
    Embed,
    Qkv,
    Attention,
    AttentionOutput,
    GateUp,
    Down,
    Head,
    Sample
};
constexpr std::size_t kCpuStageCount = 8;
const char* name(CpuStage stage); // as stage_report.h lists them

/// Called by the thread that computes a step, right before and after every stage. `layer` is 0 for
/// the stages outside of layers.
class CpuStageObserver {
  public:
    virtual ~CpuStageObserver() = default;
    virtual void before(CpuStage stage, std::uint32_t layer) = 0;
    /// Within Qkv, GateUp and Head: the norm's result lies rounded in the input rows.
    virtual void inputReady(CpuStage stage, std::uint32_t layer) = 0;
    virtual void after(CpuStage stage, std::uint32_t layer, const StageCost& cost) = 0;
};

/// Adds up times and costs.
class CpuStageClock final : public CpuStageObserver {
  public:
    void before(CpuStage stage, std::uint32_t layer) override;
    void inputReady(CpuStage, std::uint32_t) override {}
    void after(CpuStage stage, std::uint32_t layer, const StageCost& cost) override;
    void reset() { m_sums = {}; }
    std::vector<StageTiming> timings() const;

  private:
    struct Sum {
        std::int64_t time_ns = 0;
        StageCost cost;
    };

    std::chrono::steady_clock::time_point m_begin;
    std::array<Sum, kCpuStageCount> m_sums;
};

} // namespace engine
