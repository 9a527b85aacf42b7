#pragma once
// CUDA kernels: numbers in, numbers out. With cuda_all_reduce.h all of kernels/cuda that the engine
// includes.
//
// Every launcher puts its work on `stream` and returns the CUDA error of the launch; nothing
// waits. Pointers are device pointers unless said otherwise. Activations between kernels are fp32
// rows whose stride is a multiple of 4; values behind the last column may be anything, NaN too.

#include "kernels/all_reduce_layout.h"
#include "kernels/cuda_ahead.h"
#include "kernels/cuda_handed_row.h"

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <vector_types.h>

namespace kernels::cuda {

// ---- weights -----------------------------------------------------------------------------------

/// Formats of engine/model/quantize.h. Int8 has a group of 128 or 32, int4 of 32.
enum class WeightKind : std::uint8_t { F32, BF16, Int8, Int4, Int4Min, Int4Zero };

/// Rows are padded with zero weights to a multiple of this many columns, in every kind.
constexpr std::uint32_t kColumnPadding = 128;

/// [rows][paddedColumns], row-major, 16-byte aligned.
struct Matrix {
    WeightKind kind = WeightKind::F32;
    std::uint32_t group = 0;         // columns a scale; 0 without scales
    std::uint32_t rows = 0;          // N
    std::uint32_t columns = 0;       // K
    std::byte* values = nullptr;     // rows of rowBytes()
    std::uint16_t* scales = nullptr; // [rows][groupsPerRow()] fp16
    std::uint16_t* minima = nullptr; // [rows][groupsPerRow()] fp16, Int4Min

    __host__ __device__ std::uint32_t paddedColumns() const {
        return (columns + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    }
    __host__ __device__ std::uint32_t groupsPerRow() const {
        return group == 0 ? 0 : paddedColumns() / group;
    }
    __host__ __device__ std::size_t rowBytes() const {
        const std::size_t padded = paddedColumns();
        switch (kind) {
        case WeightKind::F32:
            return padded * 4;
        case WeightKind::BF16:
            return padded * 2;
        case WeightKind::Int8:
            return padded;
        case WeightKind::Int4:
        case WeightKind::Int4Min:
        case WeightKind::Int4Zero:
            return padded / 2;
        }
        return 0;
    }
};

// ---- matrix times rows -------------------------------------------------------------------------

/// What happens to the products.
enum class Epilogue : std::uint8_t {
    Store,  ///< out = W x
    Add,    ///< out += W x
    SwiGlu, ///< two matrices, gate and up: out = silu(gate x) * (up x)
};

constexpr std::uint32_t kGemvMatrices = 3;
constexpr std::uint32_t kGemvRows = 8;

/// The end of a single row's product that is one GPU's part of a sum over several ("ranks",
/// kernels/cuda_all_reduce.h): the product adds all ranks' parts to outs[0] itself. Every block
/// exchanges the columns it made with the block of the other rank that makes the same ones. Places
/// and bits are those of a one-shot sum of one row (ReduceLayout), whose stride is the matrix's
/// rows: one rank may sum so and another by sumResidual().
struct PartSum {
    float* to[kMostRanks] = {}; // [ranks] where this rank's part belongs in everybody's window
    float* from = nullptr;      // the first rank's part in the own window
    std::uint32_t apart = 0;    // floats from one rank's part to the next
    std::uint32_t rank = 0;
    std::uint32_t ranks = 0;        // 0: no such sum
    bool sharesDevice = false;      // as in RankLinks
    std::uint32_t* fault = nullptr; // as in RankLinks
    std::uint64_t limit_ns = 0;
};

/// One to eight rows against up to three matrices of equal kind and columns (q, k, v).
struct Gemv {
    Matrix matrices[kGemvMatrices];
    float* outs[kGemvMatrices] = {}; // [rows][outStrides[i]]
    std::uint32_t outStrides[kGemvMatrices] = {};
    std::uint32_t matrixCount = 1;
    Epilogue epilogue = Epilogue::Store;
    std::uint32_t rows = 0;   // 1..kGemvRows
    const float* x = nullptr; // [*][xStride]
    std::uint32_t xStride = 0;
    const std::uint32_t* rowMap = nullptr; // [rows] which row of x; nullptr = in order
    const float* normWeight = nullptr;     // [columns]: RMSNorm before the product, or nullptr
    float eps = 0;
    bool roundInput = false;                // to bf16, half to even
    bool splitInput = false;                // or to two bf16 that together keep 16 bits
    const std::uint16_t* rounded = nullptr; // bf16 rows instead of x, same stride; no norm, no map
    std::uint16_t* roundedOut = nullptr;    // bf16 rows instead of outs[0], same stride
    // One row of digits instead of `rounded` and `roundedOut` (kernels/cuda_handed_row.h), of which
    // the padding to kHandedUnit columns is zero: where gemvTakesHanded() and gemvHands().
    const std::byte* handed = nullptr;
    std::byte* handedOut = nullptr;
    PartSum sum; // with one matrix and Epilogue::Store; gemv() says cudaErrorNotSupported else
};

/// What a device offers; read once.
struct DeviceLimits {
    std::uint32_t multiprocessors = 1;
    std::uint32_t sharedBytes = 48 * 1024; // a block may ask for
    bool hopper = false;                   // compute capability 9.0, and not the portable path
};

cudaError_t gemv(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
/// Whether gemv() streams this through the tensor cores, and so takes splitInput and bf16 rows.
bool gemvStreams(const Gemv& task);
/// Whether gemv() takes the row as two int8 digits a column, 16 bits of the largest of 32 columns,
/// where roundInput or splitInput ask for bf16.
bool gemvTakesDigits(const Gemv& task);

/// Whether gemv() takes one row `handed` for such matrices; hands its own, with Epilogue::SwiGlu.
/// In the order of its weights' kind, which is `order` where it hands.
bool gemvTakesHanded(const Gemv& task, const DeviceLimits& limits);
bool gemvHands(const Gemv& task, HandedOrder order, const DeviceLimits& limits);
HandedOrder handedOrderOf(WeightKind kind);

/// Rows prepared for the tensor cores: bf16 [rows][paddedColumns], padding zero. `low` holds what
/// rounding lost (x = high + low to 16 bits), or is nullptr.
struct PreparedRows {
    std::uint16_t* high = nullptr;
    std::uint16_t* low = nullptr;
    std::uint32_t paddedColumns = 0;
};
/// Norm (optional) and rounding of `rows` rows [columns].
cudaError_t prepareRows(const float* x, std::uint32_t xStride, const std::uint32_t* rowMap,
                        const float* normWeight, float eps, std::uint32_t rows,
                        std::uint32_t columns, const PreparedRows& out, cudaStream_t stream);

/// out[m][n] = (or +=) sum over k of x[m][k] w[n][k] on tensor cores: any number of rows. Kinds
/// BF16, Int8 and Int4. Integer weights enter as exact bf16 integers; scales meet fp32 sums.
cudaError_t gemm(const Matrix& weights, const PreparedRows& x, std::uint32_t rows, float* out,
                 std::uint32_t outStride, Epilogue epilogue, cudaStream_t stream);
bool gemmTakes(WeightKind kind);

// ---- Hopper: many rows -------------------------------------------------------------------------

/// Where rows for the tensor cores come from: fp32 [*][stride], or bf16 when `half` is set.
struct RowSource {
    const float* x = nullptr;
    const std::uint16_t* half = nullptr;   // bf16
    std::uint32_t stride = 0;              // a multiple of 4
    const std::uint32_t* rowMap = nullptr; // [rows]; nullptr = in order
    const float* normWeight = nullptr;     // RMSNorm before, or nullptr
    float eps = 0;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    bool prepared = false; // `half` is in prepared order; columns a multiple of 64
};
/// Rounds rows to bf16 in prepared order (gemm_wgmma.cuh); padding zero.
cudaError_t prepareTensorRows(const RowSource& from, const PreparedRows& out, cudaStream_t stream);

/// Int8 rows for the W8A8 GEMM: values [rows][paddedColumns], padding zero. x = s q; runs of
/// kInt8RunColumns columns, from the row's begin on, share a scale, the last run being what is
/// left. s = amax / 127 rounded up to 22 bits (0 where amax is not above kInt8Least):
/// [int8Runs(paddedColumns)][stride], a row's at int8ScalePlace(row), stride a multiple of
/// kInt8RowPadding at least as large as the rows.
struct Int8Rows {
    std::int8_t* values = nullptr;
    float* scales = nullptr;
    std::uint32_t stride = 0;
    std::uint32_t paddedColumns = 0;
};
constexpr std::uint32_t kInt8RunColumns = 512;
constexpr float kInt8Least = 1e-24F;
__host__ __device__ constexpr std::uint32_t int8Runs(std::uint32_t paddedColumns) {
    return (paddedColumns + kInt8RunColumns - 1) / kInt8RunColumns;
}
constexpr std::uint32_t kInt8RowPadding = 256;
__host__ __device__ constexpr std::uint32_t int8ScalePlace(std::uint32_t row) {
    return row / 16 * 16 + row % 8 / 2 * 4 + row / 8 % 2 * 2 + row % 2;
}
cudaError_t quantizeRows(const RowSource& from, const Int8Rows& out, cudaStream_t stream);

/// Few rows of activations as int8 digits: x = s (kDigitBase h + l), |h| <= 127, |l| <= 128, with s
/// for 128 columns: what is lost is at most 2^-16 of the largest of them. values [2][planeRows]
/// [paddedColumns], h then l, padding zero; scales [paddedColumns / 128][stride], stride a multiple
/// of kMostDigitRows, more of which go in slices of so many.
constexpr std::uint32_t kMostDigitRows = 64;
constexpr std::int32_t kDigitBase = 256;
struct DigitRows {
    std::int8_t* values = nullptr;
    float* scales = nullptr;
    std::uint32_t planeRows = 0;
    std::uint32_t stride = 0;
    std::uint32_t paddedColumns = 0;
};

/// Where the blocks of a product that divide its tiles leave their sums; kept by the caller.
struct TileRoom {
    float* sums = nullptr; // tileRoomFloats(), or nullptr: tiles are not divided
    std::size_t floats = 0;
    std::uint32_t* arrivals = nullptr; // [tiles of 128 rows] zero before and after
    std::uint32_t tiles = 0;
};
/// Two tiles of 128 x 128 a block, a block a multiprocessor.
inline std::size_t tileRoomFloats(const DeviceLimits& limits) {
    return std::size_t{2} * limits.multiprocessors * 128 * 128;
}

/// Up to three matrices of equal kind, group and columns against many rows. Store and Add write
/// fp32; SwiGlu takes gate and up of equal shape and writes bf16 [rows][activatedStride]: in
/// prepared order behind bf16 rows, in plain order behind int8 rows and digits; activatedStride is
/// gate.rows padded to 128, and the padding is written zero.
struct TensorProduct {
    Matrix matrices[kGemvMatrices];
    float* outs[kGemvMatrices] = {};
    std::uint32_t outStrides[kGemvMatrices] = {};
    std::uint32_t matrixCount = 1;
    Epilogue epilogue = Epilogue::Store;
    std::uint32_t rows = 0;
    std::uint16_t* activated = nullptr;
    std::uint32_t activatedStride = 0;
    TileRoom room; // of tensorGemm(), which is faster with it at 65 to 128 rows
};
/// Weights become bf16 on their way to the tensor cores. Only with limits.hopper.
bool tensorGemmTakes(WeightKind kind);
cudaError_t tensorGemm(const TensorProduct& product, const PreparedRows& x,
                       const DeviceLimits& limits, cudaStream_t stream);
/// Int8 weights with a scale for 128 columns; SwiGlu where up lies behind gate in memory.
bool int8GemmTakes(const TensorProduct& product);
cudaError_t int8Gemm(const TensorProduct& product, const Int8Rows& x, const DeviceLimits& limits,
                     cudaStream_t stream);

/// Norm (optional) and digits.
cudaError_t digitRows(const RowSource& from, const DigitRows& out, cudaStream_t stream);
/// TensorProduct of int8 weights with a scale for 128 columns, without a conversion of weights;
/// what int8GemmTakes(), and SwiGlu writes plain order. Made for up to kMostDigitRows rows; behind
/// those only exact where others round. Only with limits.hopper.
bool digitGemmTakes(const TensorProduct& product);
cudaError_t digitGemm(const TensorProduct& product, const DigitRows& x, const DeviceLimits& limits,
                      cudaStream_t stream);

/// out = silu(gate) * up; [rows][stride], `columns` of them.
cudaError_t swiglu(const float* gate, const float* up, float* out, std::uint32_t rows,
                   std::uint32_t columns, std::uint32_t stride, cudaStream_t stream);

// ---- rows of a batch ---------------------------------------------------------------------------

/// One row of a batch on the device.
struct Row {
    std::int32_t token = 0; // or kLastSampledToken
    std::uint32_t position = 0;
    std::uint32_t pageOffset = 0; // of its sequence's first page in the page list
    std::uint32_t slot = 0;
};
constexpr std::int32_t kLastSampledToken = -2;

/// out[row] = embedding of its token; NaN when the token is none.
cudaError_t embed(const Matrix& embedding, const Row* rows, std::uint32_t count,
                  const std::int32_t* lastTokens, float* out, std::uint32_t outStride,
                  cudaStream_t stream);

// ---- attention ---------------------------------------------------------------------------------

constexpr std::uint32_t kPagePositions = 32;
enum class KvKind : std::uint8_t { F32, BF16, Int8 };

/// One layer of one page: keys [kvHeads][32][headDim], values the same; Int8 only: key scales
/// [kvHeads][32] and value scales [kvHeads][32] float.
struct KvLayout {
    KvKind kind = KvKind::F32;
    std::uint32_t kvHeads = 0;
    std::uint32_t headDim = 0; // even

    __host__ __device__ std::size_t elementBytes() const {
        return kind == KvKind::F32 ? 4 : kind == KvKind::BF16 ? 2 : 1;
    }
    __host__ __device__ std::size_t headBytes() const {
        return elementBytes() * headDim * kPagePositions;
    }
    __host__ __device__ std::size_t valuesOffset() const {
        return (headBytes() * kvHeads + 15) / 16 * 16;
    }
    __host__ __device__ std::size_t keyScalesOffset() const { return 2 * valuesOffset(); }
    __host__ __device__ std::size_t valueScalesOffset() const {
        return keyScalesOffset() + sizeof(float) * kPagePositions * kvHeads;
    }
    __host__ __device__ std::size_t layerBytes() const {
        return keyScalesOffset() +
               (kind == KvKind::Int8 ? 2 * sizeof(float) * kPagePositions * kvHeads : 0);
    }
};

/// Angles, 32 positions of one pair adjacent: [positions / 32][2 * pairs][32], first all cosines,
/// then all sines.
struct RopeTable {
    const float* values = nullptr;
    std::uint32_t pairs = 0;
    bool adjacent = false; // pairs are (0,1) (2,3); else (i, i + pairs)

    __host__ __device__ const float* block(std::uint32_t position) const {
        return values + std::size_t{position / kPagePositions} * 2 * pairs * kPagePositions +
               position % kPagePositions;
    }
};

/// Bias, norm, rotation of queries (in place) and keys; keys and values go to their pages.
struct QkvFinish {
    float* query = nullptr; // [rows][queryStride], heads * headDim
    const float* key = nullptr;
    const float* value = nullptr;
    std::uint32_t queryStride = 0;
    std::uint32_t kvStride = 0; // of key and value
    std::uint32_t heads = 0;
    const float* queryBias = nullptr;
    const float* keyBias = nullptr; // nullptr also when it stays out of the cache
    const float* valueBias = nullptr;
    const float* queryNorm = nullptr; // [headDim]
    const float* keyNorm = nullptr;
    float eps = 0;
    RopeTable rope;
    KvLayout kv;
    std::byte* pool = nullptr; // this layer's part of page 0
    std::size_t pageStride = 0;
    const Row* rows = nullptr;
    const std::uint32_t* pages = nullptr;
    std::uint32_t count = 0;
    /// [rows][queryStride]: queries of rows from halfFrom on go here instead, times queryFactor, as
    /// what Attention::queryHalf takes; where finishQkvHalves().
    std::uint16_t* queryHalf = nullptr;
    std::uint32_t halfFrom = 0;
    float queryFactor = 1;
};
cudaError_t finishQkv(const QkvFinish& task, cudaStream_t stream);
bool finishQkvHalves(const QkvFinish& task);

/// Every row against positions [0, its own] of its pages. Scores: s_k (q . k) + q . RoPE(b, p).
struct Attention {
    const float* query = nullptr; // [count][queryStride], rotated
    std::uint32_t queryStride = 0;
    float* out = nullptr; // [count][outStride]
    std::uint32_t outStride = 0;
    std::uint32_t heads = 0;
    float scale = 1;
    const float* keyBias = nullptr; // [kvHeads * headDim], or nullptr
    RopeTable rope;
    KvLayout kv;
    const std::byte* pool = nullptr;
    std::size_t pageStride = 0;
    const Row* rows = nullptr;
    const std::uint32_t* pages = nullptr;
    std::uint32_t count = 0;
    std::uint32_t splits = 1;  // blocks that share one row's positions
    float* partials = nullptr; // attentionPartialFloats(), when splits > 1
    // Of prefillAttention() on Hopper (prefillAttentionPrepares()) and finishAndAttendRows():
    std::uint16_t* preparedOut = nullptr; // bf16 rows in prepared order instead of out, same stride
    // Of prefillAttention() on Hopper alone:
    std::byte* widened = nullptr; // room for pageCount times widenedPageBytes(): pages [firstPage,
                                  // firstPage + pageCount) of the list, all that the rows see,
                                  // become fp16 there first, keys with their bias; or nullptr
    std::uint32_t firstPage = 0;
    std::uint32_t pageCount = 0;
    const std::uint16_t* queryHalf = nullptr; // instead of query, same stride: times scale and
                                              // log2 e, fp16 where pages are, also int8 ones
    // Of finishAndAttend() alone:
    std::uint16_t* roundedOut = nullptr; // bf16 rows instead of out, same stride
    std::byte* handedOut = nullptr; // one row handed (kernels/cuda_handed_row.h) instead of out,
                                    // where finishAndAttendHands()
    HandedOrder handedOrder = HandedOrder::Bytes;
    std::uint32_t* arrivals = nullptr; // [count][heads] zero before and after
    const float* turns = nullptr;      // [16][pairs][2] cosine and sine of positions 0 to 15,
                                       // without the attention factor; with keyBias
    DigitRows digits; // rows of digits instead of out where values is set; finishAndAttendRows()
    Ahead ahead;      // L2 is asked for it meanwhile, where finishAndAttendAsks()
};
std::size_t attentionPartialFloats(std::uint32_t rowsTimesSplits, std::uint32_t heads,
                                   std::uint32_t headDim);
cudaError_t attention(const Attention& task, cudaStream_t stream);
/// The same on tensor cores for many rows of few sequences (prefill); `splits` and `partials` are
/// not used. Head sizes 64, 80, 96, 128; bf16 and int8 KV.
cudaError_t prefillAttention(const Attention& task, const DeviceLimits& limits,
                             cudaStream_t stream);
bool prefillAttentionTakes(const KvLayout& kv, std::uint32_t heads, bool keyBias,
                           const DeviceLimits& limits);
/// Whether it takes Attention::preparedOut, queryHalf and widened. `keyBias`: one that stays apart
/// from the keys, because pages are not widened.
bool prefillAttentionPrepares(const KvLayout& kv, std::uint32_t heads, bool keyBias,
                              const DeviceLimits& limits);
/// Keys with a bias take the room of two.
std::size_t widenedPageBytes(const KvLayout& kv, bool keyBias);

/// finishQkv() and attention() in one kernel, for rows of as many sequences. Queries stay as they
/// are; splits may be anything that partials have room for.
cudaError_t finishAndAttend(const QkvFinish& finish, const Attention& task,
                            const DeviceLimits& limits, cudaStream_t stream);
/// Bf16 or int8 KV, heads of 64 or 128, pairs a multiple of 4.
bool finishAndAttendTakes(const QkvFinish& finish, const Attention& task);
/// Whether it hands a row on: by a cluster whose blocks write eight dimensions or more.
bool finishAndAttendHands(const Attention& task, const DeviceLimits& limits);
/// Whether it asks for task.ahead: where one row has clusters on less than half of the device.
bool finishAndAttendAsks(const Attention& task, const DeviceLimits& limits);

/// The same for many rows, at most four query heads a KV head, without a key bias outside of the
/// cache; can write rows of digits when heads have 128 dimensions.
cudaError_t finishAndAttendRows(const QkvFinish& finish, const Attention& task,
                                const DeviceLimits& limits, cudaStream_t stream);
bool finishAndAttendRowsTakes(const QkvFinish& finish, const Attention& task);

// ---- sampling ----------------------------------------------------------------------------------

/// What a slot samples by; meaning in engine/device/sampler_spec.h.
struct SlotState {
    float temperature = 0;
    std::int32_t topK = 0;
    float topP = 1;
    float minP = 0;
    float repetitionPenalty = 1;
    float presencePenalty = 0;
    float frequencyPenalty = 0;
    std::uint32_t sampleNumber = 0;
    std::uint64_t seed = 0;
    std::uint32_t biasCount = 0;
    std::uint32_t penalizes = 0;
    std::uint32_t masked = 0;
    std::uint32_t reserved = 0;
};
struct TokenBias {
    std::int32_t token = 0;
    float bias = 0;
};
constexpr std::uint32_t kMostBiases = 1024;

/// The logits of one row and who samples from them.
struct SampleJob {
    std::uint32_t logitsRow = 0; // in the logits buffer
    std::uint32_t slot = 0;
    std::uint32_t position = 0; // of the token that is drawn
    std::uint32_t result = 0;   // index into `tokens`
};
/// Candidate of a draw; scratch memory.
struct Candidate {
    float weight = 0;
    std::int32_t token = 0;
};
struct Sampling {
    float* logits = nullptr; // [*][vocabulary]; penalties change them in place
    std::uint32_t vocabulary = 0;
    const SlotState* slots = nullptr;
    std::uint32_t* counts = nullptr;      // [slots][vocabulary]
    const std::uint32_t* masks = nullptr; // [slots][(vocabulary + 31) / 32]
    const TokenBias* biases = nullptr;    // [slots][kMostBiases]
    const SampleJob* jobs = nullptr;
    const std::uint32_t* groups = nullptr; // [groupCount + 1]: jobs of one slot, in order
    std::uint32_t groupCount = 0;
    bool oneJobEach = false;            // of the groups
    Candidate* candidates = nullptr;    // [groupCount][vocabulary]
    std::int32_t* lastTokens = nullptr; // [slots]
    std::int32_t* tokens = nullptr;
    bool sharesDevice = false; // as in RankLinks: another rank's blocks leave no room for sixteen
};
cudaError_t sample(const Sampling& task, const DeviceLimits& limits, cudaStream_t stream);

// ---- measuring ---------------------------------------------------------------------------------

/// Reads `bytes` of device memory once (a multiple of 16) and writes one word; for the bandwidth
/// that decoding is compared with.
cudaError_t readOnce(const void* memory, std::size_t bytes, std::uint32_t* sink,
                     const DeviceLimits& limits, cudaStream_t stream);

} // namespace kernels::cuda
