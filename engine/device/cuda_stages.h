#pragma once
// The fused stages of a step on a GPU and who may watch them: the clock of bench --stages
// (cuda_stage_clock.h), the comparison of bench --check (cuda_stage_check.h). A forward pass
// without an observer pays one comparison with nullptr a stage. Part of libinglenook_cuda.so.

#include "kernels/cuda_kernels.h"

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>

namespace engine {

/// In the order of a step. Biases, norms of heads, RoPE and the append to the cache belong to
/// Attention: one kernel does all of it where rows decode.
enum class CudaStage : std::uint8_t {
    Embed,
    Qkv,
    Attention,
    AttentionOutput,
    GateUp,
    Down,
    Head,
    Sample
};
constexpr std::size_t kCudaStageCount = 8;
const char* name(CudaStage stage); // as stage_report.h lists them

/// How rows lie in a buffer between two stages.
enum class CudaRowForm : std::uint8_t {
    F32,
    BF16,          // in plain order
    BF16Prepared,  // in the order of prepareTensorRows()
    Digits,        // kernels::cuda::DigitRows
    HandedBytes,   // one row (kernels/cuda_handed_row.h), in one order
    HandedNibbles, // or the other
};
/// Whether values in such rows were rounded to bf16, not to 16 bits of a group's largest or better.
constexpr bool isBf16(CudaRowForm form) {
    return form == CudaRowForm::BF16 || form == CudaRowForm::BF16Prepared;
}

/// What a product does to its operands before it multiplies them.
struct CudaProductForm {
    enum class Rows : std::uint8_t { Exact, BF16, Int8 }; // Int8: as kernels::cuda::Int8Rows
    Rows rows = Rows::Exact;
    bool roundsWeights = false; // to bf16, scale included
};

/// What attention does to its operands, the weights of values among them.
enum class CudaAttentionForm : std::uint8_t {
    Exact,
    BF16,          // queries, and weights times the scale of an int8 value
    BF16Biased,    // the same but for fp16 queries; a key bias meets exact queries
    Half,          // fp16: queries, weights, keys and values with their scales
    HalfKeysTwice, // keys with their bias as the sum of two fp16: 22 bits
};

/// Called by the thread that puts a step on the stream.
class CudaStageObserver {
  public:
    virtual ~CudaStageObserver() = default;
    /// All of the stage is on the stream. `index`: the layer, or the pass over the head.
    virtual cudaError_t reached(CudaStage stage, std::uint32_t index, cudaStream_t stream) = 0;
    /// Whether it looks at rows. Of several ranks each then keeps the residual of every row, which
    /// some sums else leave to one of them.
    virtual bool readsRows() const = 0;
    /// A product with `matrix` is on the stream.
    virtual void multiplied(const kernels::cuda::Matrix& matrix, CudaProductForm form) = 0;
};

/// Where the stages of a forward pass leave what they hand on; row r lies r strides behind.
struct CudaStageBuffers {
    const float* residual = nullptr; // [rows][hiddenStride]
    const float* query = nullptr;    // [rows][queryStride]: products alone, without their biases
    const float* key = nullptr;      // [rows][kvStride]
    const float* value = nullptr;    // [rows][kvStride]
    /// [rows][queryStride]: what AttentionOutput and Down leave for the next norm to add to the
    /// residual, without the bias; nullptr where they add it themselves.
    const float* delta = nullptr;
    const float* mixed = nullptr;         // [rows][queryStride], in mixedForm
    kernels::cuda::DigitRows mixedDigits; // instead, in that form
    const float* activated = nullptr;     // [rows][innerStride], in activatedForm
    const float* logits = nullptr;        // [rows of the pass][vocabulary]
    const float* rope = nullptr;          // as kernels::cuda::RopeTable and kernels::RopeTables
    std::uint32_t hiddenStride = 0;
    std::uint32_t queryStride = 0;
    std::uint32_t kvStride = 0;
    std::uint32_t innerStride = 0;
    std::uint32_t exactRows = 0; // which attention takes as they are, the rest in attentionForm
    CudaAttentionForm attentionForm = CudaAttentionForm::Exact;
    CudaRowForm mixedForm = CudaRowForm::F32;
    CudaRowForm activatedForm = CudaRowForm::F32;
};

} // namespace engine
