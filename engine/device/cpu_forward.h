#pragma once
// CpuForward: the forward pass of one batch on the CPU: rows in, logits out.
//
// Every phase is a loop over independent chunks handed to the workers; rows of a batch go through a
// layer together so that its weights are read once. A row's result does not depend on the rows
// beside it: all kernels sum in an order that only the row's own operands decide.

#include "engine/device/cpu_kv_pool.h"
#include "engine/device/cpu_stages.h"
#include "engine/device/cpu_weights.h"
#include "engine/device/cpu_workers.h"
#include "engine/device/executor.h"
#include "kernels/cpu_kernels.h"

#include <functional>
#include <span>
#include <vector>

namespace engine {

/// Rows of a batch as the forward pass needs them, token ids known.
struct ForwardRow {
    TokenId token = 0;
    std::uint32_t position = 0;
    std::uint32_t table = 0;
    bool wantsLogits = false;
};

/// Takes the logits [rows.size()][vocabularySize] of some rows of the batch, in their order; called
/// on the calling thread.
using LogitsSink = std::function<void(std::span<const std::uint32_t> rows, const float* logits)>;

/// What the stages hand to each other; row r of a batch lies r widths behind.
struct CpuWorkspace {
    float* residual = nullptr; // [maxRows][hidden]
    float* input = nullptr;    // [maxRows][inputStride]: what the next matmul reads
    std::size_t inputStride = 0;
    kernels::Int8Rows input8; // the same rows in int8, when activations may be
    float* query = nullptr;   // [maxRows][queryWidth]
    float* key = nullptr;     // [maxRows][kvWidth]
    float* value = nullptr;   // [maxRows][kvWidth]
    float* gate = nullptr;    // [maxRows][intermediate]
    float* up = nullptr;      // [maxRows][intermediate]
    float* delta = nullptr;   // [maxRows][hidden]: what a block adds to the residual
    float* logits = nullptr;  // [kHeadRows][vocabulary], of headRows()
    float* scratch = nullptr; // [threads][scratchFloats] of attention
    std::size_t scratchFloats = 0;

    float* inputRow(std::uint32_t row) const { return input + std::size_t{row} * inputStride; }
};

class CpuForward {
  public:
    /// `activationGroup`: columns a scale of int8 activations.
    CpuForward(const ModelConfig& config, const NumberFormats& formats,
               const kernels::KernelTable& kernels, std::uint32_t activationGroup,
               const CpuWeights& weights, CpuKvPool& kv, std::uint32_t threads);

    /// Workspace for a plan; call before allocate().
    void plan(std::uint32_t maxRows, std::uint32_t context);
    std::uint64_t plannedBytes();
    /// `workers` has at most the threads of the plan.
    Status allocate(CpuWorkers& workers);
    std::uint64_t allocatedBytes() const { return m_arena.allocatedBytes(); }
    void poison();
    /// Int8 needs a plan that was made with it.
    void setActivations(ActivationFormat format) { m_formats.activations = format; }

    /// rows.size() <= maxRows; positions and pages were checked by the caller. `observer` may be
    /// nullptr.
    void run(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
             const LogitsSink& sink, CpuStageObserver* observer = nullptr);

    std::uint32_t maxRows() const { return m_maxRows; }
    std::uint32_t context() const { return m_context; }
    /// Times the head was read by the last run.
    std::uint32_t headReads() const { return m_headReads; }

    // The single stages, for run() and for the check that computes one of them again. Each reads
    // and writes the workspace only, but for storeKv(). Those that begin with a norm come in two
    // parts: the norm with its rounding, and the products.
    void begin(std::span<const ForwardRow> rows, std::span<const PageTable> tables);
    void embed();
    void qkvInput(std::uint32_t layer);
    void qkv(std::uint32_t layer);
    void storeKv(std::uint32_t layer);
    void attend(std::uint32_t layer);
    void attentionOutput(std::uint32_t layer);
    void gateUpInput(std::uint32_t layer);
    void gateUp(std::uint32_t layer);
    void down(std::uint32_t layer);
    /// For the logits of `wanted` rows, at most kHeadRows.
    void headInput(std::span<const std::uint32_t> wanted);
    void head();
    /// Rounds a row of the input as the activations are; gateUp() has done so for down().
    void prepareInput(std::uint32_t row, std::uint32_t columns);

    const CpuWorkspace& workspace() const { return m_work; }
    /// The rows whose logits the workspace holds.
    std::span<const std::uint32_t> headRows() const { return m_headRows; }

  private:
    struct MatmulJob {
        const kernels::PackedMatrix* weights;
        float* out; // [rows][weights->rows]
    };
    /// Rows of one sequence that attend together.
    struct Segment {
        std::uint32_t firstRow;
        std::uint32_t rows;
    };

    void layOut(CpuArena& arena);
    void fillRopeTables();
    template<typename Task>
    void forRows(std::uint32_t count, const Task& task);
    template<typename Work>
    void observed(CpuStage stage, std::uint32_t layer, const Work& work);
    void inputReady(CpuStage stage, std::uint32_t layer);
    void normalize(std::uint32_t count, const std::uint32_t* from, const float* norm,
                   const float* bias, bool exact);
    StageCost costOf(CpuStage stage, std::uint32_t layer) const;
    void matmul(std::span<const MatmulJob> jobs, std::uint32_t rows, std::uint32_t columns);
    void finishHeads(std::uint32_t layer, std::uint32_t row);
    void storeHeads(std::uint32_t layer, std::uint32_t row);
    void addDelta(const float* bias);
    void outputs(const LogitsSink& sink);
    void findSegments();
    std::uint32_t rowCount() const { return static_cast<std::uint32_t>(m_rows.size()); }
    float* residual(std::uint32_t row) {
        return m_work.residual + std::size_t{row} * m_config.hiddenSize;
    }

    const ModelConfig& m_config;
    NumberFormats m_formats;
    const kernels::KernelTable& m_kernels;
    const CpuWeights& m_weights;
    CpuKvPool& m_kv;
    std::uint32_t m_threads;
    CpuWorkers* m_workers = nullptr; // set by allocate()
    bool m_keyBiasOutside = false;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_context = 0;
    std::uint32_t m_headReads = 0;

    CpuArena m_arena;
    CpuWorkspace m_work;
    float* m_ropeValues = nullptr;
    kernels::RopeTables m_rope;
    std::uint64_t m_poisonFrom = 0; // offset behind the RoPE tables

    // Of the batch being computed.
    std::span<const ForwardRow> m_rows;
    std::span<const PageTable> m_tables;
    CpuStageObserver* m_observer = nullptr;
    std::vector<Segment> m_segments;
    std::vector<std::uint32_t> m_headRows;
};

} // namespace engine
