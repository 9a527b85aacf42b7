#pragma once
// CpuForward: the forward pass of one batch on the CPU: rows in, logits out.
//
// Every phase is a loop over independent chunks handed to the workers; rows of a batch go through a
// layer together so that its weights are read once. A row's result does not depend on the rows
// beside it: all kernels sum in an order that only the row's own operands decide.

#include "engine/device/cpu_kv_pool.h"
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

/// Takes one row's logits [vocabularySize]; called in the order of rows, on the calling thread.
using LogitsSink = std::function<void(std::uint32_t row, std::span<const float> logits)>;

class CpuForward {
  public:
    CpuForward(const ModelConfig& config, const NumberFormats& formats,
               const kernels::KernelTable& kernels, kernels::InstructionSet set,
               const CpuWeights& weights, CpuKvPool& kv, std::uint32_t threads);

    /// Workspace for a plan; call before allocate().
    void plan(std::uint32_t maxRows, std::uint32_t context);
    std::uint64_t plannedBytes();
    /// `workers` has at most the threads of the plan.
    Status allocate(CpuWorkers& workers);
    std::uint64_t allocatedBytes() const { return m_arena.allocatedBytes(); }
    void poison();

    /// rows.size() <= maxRows; positions and pages were checked by the caller.
    void run(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
             const LogitsSink& sink);

    std::uint32_t maxRows() const { return m_maxRows; }
    std::uint32_t context() const { return m_context; }
    /// Times the head was read by the last run.
    std::uint32_t headReads() const { return m_headReads; }

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
    void matmul(std::span<const MatmulJob> jobs, std::uint32_t rows, std::uint32_t columns);
    void prepareInput(std::uint32_t row, std::uint32_t columns);
    void embed(std::span<const ForwardRow> rows);
    void attentionBlock(std::uint32_t layer, std::span<const ForwardRow> rows,
                        std::span<const PageTable> tables);
    void finishHeads(std::uint32_t layer, std::uint32_t row, const ForwardRow& input,
                     const PageTable& table);
    void attend(std::uint32_t layer, std::span<const ForwardRow> rows,
                std::span<const PageTable> tables);
    void feedForwardBlock(std::uint32_t layer, std::uint32_t rows);
    void outputs(std::span<const ForwardRow> rows, const LogitsSink& sink);
    void findSegments(std::span<const ForwardRow> rows);
    float* input(std::uint32_t row) { return m_input + std::size_t{row} * m_inputStride; }

    const ModelConfig& m_config;
    NumberFormats m_formats;
    const kernels::KernelTable& m_kernels;
    const CpuWeights& m_weights;
    CpuKvPool& m_kv;
    std::uint32_t m_threads;
    CpuWorkers* m_workers = nullptr; // set by allocate()
    std::uint32_t m_activationGroup = 32;
    bool m_keyBiasOutside = false;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_context = 0;
    std::uint32_t m_headReads = 0;

    CpuArena m_arena;
    float* m_residual = nullptr; // [maxRows][hidden]
    float* m_input = nullptr;    // [maxRows][inputStride]: what the next matmul reads
    std::size_t m_inputStride = 0;
    kernels::Int8Rows m_input8; // the same rows in int8, when activations are
    float* m_query = nullptr;   // [maxRows][queryWidth]
    float* m_key = nullptr;     // [maxRows][kvWidth]
    float* m_value = nullptr;   // [maxRows][kvWidth]
    float* m_gate = nullptr;    // [maxRows][intermediate]
    float* m_up = nullptr;      // [maxRows][intermediate]
    float* m_delta = nullptr;   // [maxRows][hidden]: what a block adds to the residual
    float* m_logits = nullptr;  // [kHeadRows][vocabulary]
    float* m_scratch = nullptr; // [threads][scratchFloats]
    std::size_t m_scratchFloats = 0;
    float* m_ropeValues = nullptr;
    kernels::RopeTables m_rope;
    std::uint64_t m_poisonFrom = 0; // offset behind the RoPE tables
    std::vector<Segment> m_segments;
};

} // namespace engine
