#pragma once
// CudaForward: the forward pass of one batch on one GPU: rows in, logits and sampled tokens out,
// all of it put on a stream. Part of libinglenook_cuda.so.
//
// What changes from step to step lies in one block (CudaBatch) that is copied to a fixed place on
// the device, by turns to one of as many as steps may be in flight, so that a captured graph of the
// same Step serves again.

#include "engine/device/cuda_kv_pool.h"
#include "engine/device/cuda_slots.h"
#include "engine/device/cuda_stages.h"
#include "engine/device/cuda_step.h"
#include "engine/device/cuda_weights.h"
#include "engine/device/executor.h"
#include "engine/device/parallel_plan.h"
#include "kernels/cuda_all_reduce.h"
#include "kernels/cuda_kernels.h"
#include "kernels/cuda_layernorm.h"

#include <array>
#include <span>
#include <vector>

namespace engine {

class CudaUploads;

/// From so many rows on, tensor cores; below, weights are read once per few rows anyway.
constexpr std::uint32_t kCudaGemmRows = kernels::cuda::kGemvRows + 1;
/// From so many rows on, tensor cores that take int8 weights as they are (gemm_digits.cuh).
constexpr std::uint32_t kCudaDigitRows = 3;

class CudaForward {
  public:
    CudaForward(const ModelConfig& config, const NumberFormats& formats, const CudaWeights& weights,
                CudaKvPool& kv, CudaSlots& slots, const kernels::cuda::DeviceLimits& limits,
                std::string device);

    void plan(std::uint32_t maxRows, std::uint32_t context, std::uint32_t slotCount);
    std::uint64_t plannedBytes();
    Status allocate();
    cudaError_t poison(cudaStream_t stream);

    /// Bytes of a CudaBatch with `pages` pages; lays `memory` out as one.
    std::uint64_t batchBytes(std::uint64_t pages) const;
    CudaBatch batchAt(std::byte* memory) const;

    /// Only a format that the memory was planned for: bf16 always, int8 when it was.
    void setActivations(ActivationFormat format) {
        m_formats.activations = format;
        m_int8WhereFaster = false;
    }
    /// See Executor.
    void useInt8WhereFaster() { m_int8WhereFaster = true; }

    /// How many blocks share a row's positions: of the rows alone in their sequences, of all where
    /// there are none. Of the former the number depends on nothing else, so that one graph serves
    /// for every length.
    std::uint32_t splitsFor(const CudaStep& step, std::uint32_t longest) const;

    /// The batch of a step that is put on `steps` behind this. Its buffer is free: the last step
    /// that had it was collected before this one could be submitted (CudaStepQueue::checkRoom).
    cudaError_t upload(const DescribedBatch& batch, const std::byte* pinned, CudaUploads& uploads,
                       cudaStream_t steps);
    /// All layers, head and sampling. Raw logits that the host asked for go to `logits`
    /// [count][vocabulary] (pinned), in the order of the passes. Logits and tokens are the host's
    /// to read when an event behind this is done: what a kernel wrote to the host is there then.
    cudaError_t run(const CudaStep& step, float* logits, cudaStream_t stream);

    // One of several GPUs that share a model (cuda_forward_shared.cpp). The config is then the
    // rank's (rankConfig), and every product over heads or inner columns is followed by a sum.
    /// Before plan().
    void shareWith(const RankShare& share, std::uint32_t rank, std::uint32_t ranks);
    /// When all have allocated, in the order of the ranks: makes the window ready and learns whose
    /// memory to write to. `common` holds what no rank owns: fault, limit, sharesDevice.
    cudaError_t connect(std::span<CudaForward* const> all, const kernels::cuda::RankLinks& common,
                        cudaStream_t stream);
    /// Steps of many shapes, by this GPU alone: loads every kernel that steps may take, so that
    /// none is loaded at its first launch. That would wait for all that runs on the device: for a
    /// step under way, and among ranks for kernels that wait for another rank. Behind connect();
    /// writes to page 0 and slot 0.
    cudaError_t warmUp(cudaStream_t stream);

    // One of several GPUs that each hold a stretch of the layers (cuda_forward_stretch.cpp).
    /// Before plan(); the config is then the stretch's. `hasInbox`: keeps room on the device for
    /// the rows of the GPU before it, of two steps in flight.
    void holdStretch(const LayerShare& share, bool hasInbox);
    /// Bytes of the hidden states of so many rows, and where those of a step arrive (nullptr
    /// without an inbox).
    std::uint64_t hiddenBytes(std::uint32_t rows) const;
    std::byte* inbox(std::size_t parity) const;
    /// Before and behind run(): the rows' hidden states from, or to, memory of any device or
    /// pinned.
    cudaError_t receive(const std::byte* from, std::uint32_t rows, cudaStream_t stream);
    cudaError_t send(std::byte* to, std::uint32_t rows, cudaStream_t stream) const;

    /// Watches the steps that run() puts on a stream from now on; nullptr: nobody does.
    void observe(CudaStageObserver* observer) { m_observer = observer; }
    bool isObserved() const { return m_observer != nullptr; }
    /// As the last stage that was reached left them.
    CudaStageBuffers stageBuffers() const;

    std::uint32_t maxRows() const { return m_maxRows; }
    /// See Executor: where every layer takes its rows as digits.
    std::uint32_t cheapRows() const;
    std::uint32_t context() const { return m_context; }
    std::uint64_t pageCapacity() const { return m_pageCapacity; }

  private:
    /// A block of products with equal inputs: norm, rounding, matrices, outputs.
    struct Product {
        const float* x;
        std::uint32_t xStride;
        const float* norm;
        bool exactInput;                        // keep fp32 (see attentionInput)
        const std::uint16_t* rounded = nullptr; // bf16 rows instead of x
        const std::byte* handed = nullptr;      // or one row of digits (kernels/cuda_handed_row.h)
    };
    struct Part {
        const kernels::cuda::Matrix* matrix;
        float* out;
        std::uint32_t stride;
        std::uint16_t* roundedOut = nullptr; // bf16 rows instead of out
        std::byte* handedOut = nullptr;      // or one row of digits
    };

    /// Behind the last launch of every stage.
    cudaError_t reached(CudaStage stage, std::uint32_t index, cudaStream_t stream) {
        return m_observer == nullptr ? cudaSuccess : m_observer->reached(stage, index, stream);
    }
    /// Behind every product, with what it does to its operands.
    void multiplied(const kernels::cuda::Matrix& matrix, CudaProductForm form) {
        if (m_observer != nullptr)
            m_observer->multiplied(matrix, form);
    }
    void multiplied(const kernels::cuda::TensorProduct& product, CudaProductForm form) {
        for (std::uint32_t i = 0; i < product.matrixCount; ++i)
            multiplied(product.matrices[i], form);
    }

    const CudaBatch& batchOf(const CudaStep& step) const { return m_batches[step.buffer]; }
    void layOut(CudaArena& arena);
    void layOutRoom(CudaArena& arena);
    void planWindow();
    cudaError_t fillRopeTables();
    cudaError_t fillTurns(const RopeTable& table);
    static std::uint32_t paddedColumns(std::uint32_t columns) {
        return (columns + kernels::cuda::kColumnPadding - 1) / kernels::cuda::kColumnPadding *
               kernels::cuda::kColumnPadding;
    }
    /// Its rows as the kernels take them.
    kernels::cuda::RowSource sourceOf(const Product& product, std::uint32_t rows,
                                      const std::uint32_t* rowMap, std::uint32_t columns) const;
    /// Matrices alike, side by side; what is stored is not changed.
    static kernels::cuda::TensorProduct productOf(std::span<const Part> parts, std::uint32_t rows);
    /// Tensor cores from kCudaGemmRows rows on, where there is a kernel for the formats.
    cudaError_t multiply(const Product& product, std::span<const Part> parts,
                         kernels::cuda::Epilogue epilogue, std::uint32_t rows,
                         const std::uint32_t* rowMap, cudaStream_t stream);
    /// One to eight rows at a time, fused.
    cudaError_t multiplyRows(const Product& product, std::span<const Part> parts,
                             kernels::cuda::Epilogue epilogue, std::uint32_t rows,
                             const std::uint32_t* rowMap, cudaStream_t stream);
    kernels::cuda::Gemv gemvOf(const Product& product, kernels::cuda::Epilogue epilogue,
                               std::uint32_t rows, const std::uint32_t* rowMap) const;
    /// Says to the observer what the task does to its matrix.
    void multiplied(const kernels::cuda::Gemv& task, const kernels::cuda::Matrix& matrix) {
        const bool rounds =
            (task.roundInput || task.rounded != nullptr) && !kernels::cuda::gemvTakesDigits(task);
        using Rows = CudaProductForm::Rows;
        multiplied(matrix, {rounds ? Rows::BF16 : Rows::Exact, false});
    }
    cudaError_t prepareFor(kernels::cuda::Gemv& task, cudaStream_t stream);
    /// multiplyRows() of any number of rows, as many at a time as the fast kernels take.
    cudaError_t multiplySlices(const Product& product, std::span<const Part> parts,
                               kernels::cuda::Epilogue epilogue, std::uint32_t rows,
                               cudaStream_t stream);
    /// Whether many rows too go through the products of few, which multiply by the weights as they
    /// are. Tensor products round a weight with a minimum twice to bf16, with a zero point once; a
    /// key bias of norm 300 makes that 1.3 to 1.7 % of the logits, exact weights 1 %. Int8 keys
    /// lose 9 % there, and are what int4 weights get unasked, so that speed comes first behind
    /// them.
    bool keepsWeights(const CudaLayer& layer) const;
    /// One layer: fused for few rows (cuda_forward_decode.cpp), through the tensor cores for many
    /// (cuda_forward_prefill.cpp).
    cudaError_t decodeLayer(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t decodeMlp(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t prefillLayer(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    /// prefillLayer on Hopper; false where the weights have no such kernel.
    bool takesTensorProducts(const CudaLayer& layer) const;
    /// Prefill with int8 activations, where the step is mostly prefill.
    bool usesInt8(const CudaStep& step) const;
    bool usesInt8(const CudaStep& step, const kernels::cuda::TensorProduct& product) const;
    /// Few rows against int8 weights: rows as digits, weights as they are.
    bool takesDigits(const kernels::cuda::TensorProduct& product) const;
    bool takesDigits(const CudaLayer& layer, std::uint32_t rows) const;
    cudaError_t multiplyDigits(const kernels::cuda::RowSource& source,
                               const kernels::cuda::TensorProduct& product, cudaStream_t stream);
    /// Any number of rows that must not be rounded to 8 bits (see attentionInput), in slices of as
    /// many as takesDigits().
    cudaError_t multiplyDigitSlices(const kernels::cuda::RowSource& source,
                                    const kernels::cuda::TensorProduct& product,
                                    cudaStream_t stream);
    cudaError_t multiplyTensor(const kernels::cuda::RowSource& source,
                               const kernels::cuda::TensorProduct& product, const CudaStep& step,
                               cudaStream_t stream);
    /// Bf16 rows, with room for the sums of divided tiles.
    cudaError_t multiplyPrepared(kernels::cuda::TensorProduct product,
                                 const kernels::cuda::PreparedRows& rows, cudaStream_t stream);
    cudaError_t tensorLayer(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t tensorQkv(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    /// And the product behind it, each with its rows in the form that the next one takes.
    cudaError_t tensorAttention(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t tensorMlp(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    /// What is added to the residual.
    kernels::cuda::TensorProduct residualProduct(const kernels::cuda::Matrix& matrix,
                                                 std::uint32_t rows);

    // Attention of prompts (cuda_forward_attention.cpp).
    /// Rows from `first` on.
    cudaError_t attentionRows(std::uint32_t layer, const CudaStep& step, std::uint32_t first,
                              cudaStream_t stream);
    /// See CudaStageBuffers.
    CudaAttentionForm attentionForm(const CudaStep& step) const;
    static void skipRows(std::uint32_t rows, kernels::cuda::QkvFinish& finish);
    /// Leaves out the leading rows that are alone in their sequences.
    static void skipSingles(const CudaStep& step, kernels::cuda::Attention& task);
    /// Whether pages are widened once for all rows of prompts.
    bool widens(const CudaStep& step) const;
    /// Lends m_up to attention for that.
    void offerWidening(const CudaStep& step, kernels::cuda::Attention& task) const;
    /// Whether attention writes what the product behind it takes; then attendPrepared() does what
    /// attend() does, to m_high.
    bool attendsPrepared(const CudaStep& step, const kernels::cuda::TensorProduct& next) const;
    cudaError_t attendPrepared(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    // With LayerNorm and a plain MLP (cuda_forward_layernorm.cpp).
    /// A norm, and what is added to the residual before it: a product and its bias, or nullptr.
    struct LayerNorm {
        const float* added; // [rows][queryStride]
        const float* addedBias;
        const float* weight;
        const float* bias;
    };
    CudaRowForm formFor(std::span<const Part> parts, std::uint32_t rows) const;
    static kernels::cuda::RowTarget targetOf(CudaRowForm form, std::uint32_t columns, float* values,
                                             std::uint32_t stride, std::uint16_t* rounded);
    /// Products of rows that are in the form they ask for.
    cudaError_t multiplyReady(const kernels::cuda::RowTarget& x, std::span<const Part> parts,
                              std::uint32_t rows, cudaStream_t stream);
    cudaError_t normRows(const LayerNorm& norm, std::uint32_t rows, const std::uint32_t* rowMap,
                         const kernels::cuda::RowTarget& out, cudaStream_t stream);
    cudaError_t layerNormLayer(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t plainMlp(std::uint32_t layer, std::uint32_t rows, cudaStream_t stream);
    /// `wanted`: the rows of the pass.
    cudaError_t layerNormHead(const CudaHeadPass& pass, const std::uint32_t* wanted,
                              std::span<const Part> head, cudaStream_t stream);
    cudaError_t embedRows(const CudaStep& step, cudaStream_t stream);
    cudaError_t layerOf(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    kernels::cuda::QkvFinish finishOf(std::uint32_t layer, const CudaStep& step);
    kernels::cuda::Attention attentionOf(std::uint32_t layer, const CudaStep& step);
    /// Where attention of single rows goes when not as fp32 rows to m_mixed.
    struct AttentionTarget {
        std::uint16_t* rounded = nullptr; // bf16 rows
        std::byte* handed = nullptr;      // one row of digits (kernels/cuda_handed_row.h)
        bool digits = false;              // m_digits; only where attendsRows()
        bool prepared = false;            // m_high in prepared order; only where attendsRows()
    };
    /// Rows alone in their sequences: finished, appended and attended by one kernel.
    bool attendsFused(std::uint32_t singles) const;
    /// By the one for many rows, or few rows of long contexts.
    bool attendsRows(const CudaStep& step) const;
    bool attendsRows(std::uint32_t singles, bool longContext) const;
    /// Row and KV head each, up to 8 query heads.
    std::uint32_t attentionBlocks(std::uint32_t singles) const;
    /// Rows of prompts too are attended one by one, once all keys and values are in their pages:
    /// where attention of tiles of rows is slow and the rows are few.
    bool attendsOneByOne(const CudaStep& step) const;
    cudaError_t attendOneByOne(std::uint32_t layer, const CudaStep& step, cudaStream_t stream);
    cudaError_t attendSingles(std::uint32_t layer, const CudaStep& step, const AttentionTarget& to,
                              cudaStream_t stream);
    /// Finishes queries, keys and values, appends and attends; `to` when every row is single.
    cudaError_t attend(std::uint32_t layer, const CudaStep& step, const AttentionTarget& to,
                       cudaStream_t stream);
    /// Whether a product of `matrix` takes bf16 rows (numbers are rounded there anyway).
    bool takesRounded(const kernels::cuda::Matrix& matrix) const;
    /// Whether it takes a single row of digits from the kernel before it.
    bool takesHanded(const kernels::cuda::Matrix& matrix) const;
    /// Whether attention, or gate and up, hand such a row to the product behind them.
    bool handsMixed(const CudaLayer& layer, const CudaStep& step) const;
    bool handsActivated(const CudaLayer& layer, const CudaStep& step) const;
    /// One row's product with gate and up; without outputs.
    kernels::cuda::Gemv gateUpOf(const CudaLayer& layer) const;
    /// What L2 may be asked for while the step's one row attends.
    kernels::cuda::Ahead aheadOf(const CudaLayer& layer, const CudaStep& step) const;
    /// A key bias of norm 300 multiplies what rounding does to the query: bf16 would cost 1.7 % of
    /// the logits there, so that this one product takes fp32 (or both halves of it).
    Product attentionInput(const CudaLayer& layer) const {
        return m_normed == Normed::Plain
                   ? normedInput()
                   : Product{m_residual, m_hiddenStride, layer.attentionNorm, m_keyBiasOutside};
    }
    Product ffnInput(const CudaLayer& layer) const {
        return m_normed == Normed::Plain
                   ? normedInput()
                   : Product{m_residual, m_hiddenStride, layer.ffnNorm, false};
    }
    /// Products over heads and inner columns: added to the residual, or, where other GPUs have
    /// parts of them, kept for joinParts().
    Part residualPart(const kernels::cuda::Matrix& matrix) const {
        return {&matrix, shared() ? m_part : m_residual, m_hiddenStride};
    }
    kernels::cuda::Epilogue residualEpilogue() const {
        return shared() ? kernels::cuda::Epilogue::Store : kernels::cuda::Epilogue::Add;
    }

    /// What the last sum left for the next product: bf16 rows in m_high, or m_digits.
    enum class Normed : std::uint8_t { No, Plain, Prepared, Digits };
    enum class After : std::uint8_t { Attention, Mlp };
    bool shared() const { return m_links.layout.ranks > 1 || m_part != nullptr; }
    Product normedInput() const { return {nullptr, m_hiddenStride, nullptr, false, m_high}; }
    Normed normedFor(std::uint32_t layer, After after, const CudaStep& step) const;
    /// Residual += all ranks' parts, and the norm of what comes next. Nothing on one GPU.
    cudaError_t joinParts(std::uint32_t layer, After after, const CudaStep& step,
                          cudaStream_t stream);
    /// Residual += a product over heads or inner columns of few rows, all ranks' parts of it.
    cudaError_t addToResidual(std::uint32_t layer, After after, const Product& product,
                              const kernels::cuda::Matrix& matrix, const CudaStep& step,
                              cudaStream_t stream);
    /// The same of a single row, by the product itself; cudaErrorNotSupported and nothing done
    /// where there is no such kernel.
    cudaError_t sumWithin(After after, const Product& product, const kernels::cuda::Matrix& matrix,
                          cudaStream_t stream);
    /// Everybody's rows of the head for everybody. Nothing on one GPU.
    cudaError_t gatherLogits(const CudaHeadPass& pass, cudaStream_t stream);
    /// All shapes of warmUp(); of one row, every way to attend it.
    cudaError_t warmUpAlone(cudaStream_t stream);
    cudaError_t warmUpOne(cudaStream_t stream);
    /// Whether a layer launches other kernels than the one before it.
    bool isUnlikeBefore(std::uint32_t layer) const;
    cudaError_t runUnlike(const CudaStep& step, cudaStream_t stream);
    /// `splits` of the context; 0: as many as such a step takes.
    cudaError_t warmUpWith(std::uint32_t rows, std::uint32_t singles, std::uint32_t splits,
                           cudaStream_t stream);
    cudaError_t outputs(const CudaStep& step, std::uint32_t pass, float*& logits,
                        cudaStream_t stream);

    const ModelConfig& m_config;
    NumberFormats m_formats;
    bool m_int8WhereFaster = false; // see useInt8WhereFaster()
    const CudaWeights& m_weights;
    CudaKvPool& m_kv;
    CudaSlots& m_slots;
    kernels::cuda::DeviceLimits m_limits;
    std::string m_device;
    bool m_keyBiasOutside = false;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_context = 0;
    std::uint32_t m_slotCount = 0;
    std::uint64_t m_pageCapacity = 0;

    CudaArena m_arena;
    // By CudaStep::buffer, so that the next step's batch arrives while a step reads its own.
    std::array<std::byte*, kCudaStepsInFlight> m_batchMemory{}; // [batchBytes(pageCapacity)]
    std::array<CudaBatch, kCudaStepsInFlight> m_batches;        // in m_batchMemory
    float* m_ropeValues = nullptr;
    kernels::cuda::RopeTable m_rope;
    float* m_turns = nullptr;            // [16][pairs][2], see Attention::turns
    std::uint32_t* m_arrivals = nullptr; // [maxRows][heads], zero between launches
    std::int32_t* m_tokens = nullptr;    // [maxRows] sampled, where nobody looks at them
    std::uint64_t m_poisonFrom = 0;      // offset of what poison() may overwrite
    float* m_residual = nullptr;         // [maxRows][hiddenStride]
    float* m_query = nullptr;            // [maxRows][queryStride]
    float* m_mixed = nullptr;            // [maxRows][queryStride]: what attention gives
    float* m_key = nullptr;              // [maxRows][kvStride]
    float* m_value = nullptr;            // [maxRows][kvStride]
    float* m_gate = nullptr;             // [maxRows][innerStride]
    float* m_up = nullptr;               // [maxRows][innerStride]
    std::uint16_t* m_high = nullptr;     // [maxRows][widest stride]: bf16 rows for the tensor cores
    std::uint16_t* m_low = nullptr;      // [maxRows][hiddenStride], with a key bias outside
    kernels::cuda::Int8Rows m_int8;      // [maxRows][widest stride]
    kernels::cuda::DigitRows m_digits;   // [2][up to kMostDigitRows][widest stride]
    // Or [2][m_slicedRows][hidden]; a multiple of kMostDigitRows, 0 where nothing asks for slices.
    std::uint32_t m_slicedRows = 0;
    float* m_partials = nullptr;    // of split attention
    kernels::cuda::TileRoom m_room; // of divided tiles; without it where rows are few
    float* m_logits = nullptr;      // [headRows][vocabulary]
    kernels::cuda::Candidate* m_candidates = nullptr; // [headRows][vocabulary]
    // Of one of several GPUs that each hold a stretch of the layers:
    LayerShare m_stretch;
    bool m_hasInbox = false;
    std::byte* m_inbox = nullptr; // [2][maxRows][hiddenStride] fp32
    // Of one of several GPUs that share every layer:
    RankShare m_share;
    kernels::cuda::RankLinks m_links;
    std::byte* m_window = nullptr;
    float* m_part = nullptr;                             // [maxRows][hiddenStride]
    std::uint16_t* m_normedOf[kernels::kMostRanks] = {}; // everybody's m_high
    float* m_residualOf[kernels::kMostRanks] = {};       // everybody's m_residual
    float* m_logitsOf[kernels::kMostRanks] = {};         // everybody's m_logits
    Normed m_normed = Normed::No;
    bool m_sumsWithin = true;    // see sumWithin()
    std::uint32_t m_gathers = 0; // of the running step
    CudaStageObserver* m_observer = nullptr;
    std::uint32_t m_exactRows = 0; // see CudaStageBuffers
    CudaAttentionForm m_attentionForm = CudaAttentionForm::Exact;
    CudaRowForm m_mixedForm = CudaRowForm::F32;     // of what lies in m_mixed
    CudaRowForm m_activatedForm = CudaRowForm::F32; // of what lies in m_gate
    std::uint32_t m_hiddenStride = 0;
    std::uint32_t m_queryStride = 0;
    std::uint32_t m_kvStride = 0;
    std::uint32_t m_innerStride = 0;
};

} // namespace engine
