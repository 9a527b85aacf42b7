#pragma once
// CPU kernels: the only header of this floor that the engine includes. Numbers in, numbers out: no
// threads, no allocation, no files. Every function is a pure function of its operands; callers
// split the work by row ranges and may call from any thread.
//
// One table of functions an instruction set: scalar (slow and obvious, the oracle of all others),
// avx2, avx512 (VNNI). kernelTable() hands out the wanted one. All sets read the same layouts,
// which are stated here.

#include <cstddef>
#include <cstdint>

/// Members here are compiled into files of every instruction set: never as a function of their own,
/// or the linker might keep the copy that an older CPU cannot run.
#define KERNELS_INLINE [[gnu::always_inline]]

namespace kernels {

enum class InstructionSet : std::uint8_t { Scalar, Avx2, Avx512Vnni };

/// The best set this CPU has.
InstructionSet bestInstructionSet();
bool isSupported(InstructionSet set);

// ---- weights -----------------------------------------------------------------------------------

/// Rows of a weight matrix that one tile interleaves, so that a vector register holds the same
/// column of 16 rows. Row ranges given to matmul start at multiples of it.
constexpr std::uint32_t kTileRows = 16;
/// Integer formats pad K to a multiple of this with zero weights.
constexpr std::uint32_t kColumnBlock = 32;

/// Stored values of the kinds, per tile of 16 rows (rows past the last are zero weights):
///   F32      [K][16] float
///   BF16     [K][16] upper half of a float
///   Int8     [Kp / 4][16][4] bytes q + 128, |q| <= 127:          w = s q
///   Int4     [Kp / 32][4][16][4] bytes; dword j of a group of 32 columns holds columns 4j..4j+3 in
///            its low and 16 + 4j.. in its high nibbles:          w = s (q - 8)
///   Int4Min  the same nibbles:                                   w = s q + m
///   Int4Zero the same nibbles, z = zeroPoint() of the scale:     w = s (q - z)
/// Kp = K rounded up to 32. Scales and minima: [tile][ceil(Kp / group)][16] fp16.
enum class WeightKind : std::uint8_t { F32, BF16, Int8, Int4, Int4Min, Int4Zero };

/// The zero point that an fp16 scale of Int4Zero carries: half of its five lowest bits, 0 to 15.5.
KERNELS_INLINE constexpr float zeroPoint(std::uint16_t scale) {
    return static_cast<float>(scale & 31U) * 0.5F;
}

struct PackedMatrix {
    WeightKind kind = WeightKind::F32;
    std::uint32_t rows = 0;      // N
    std::uint32_t columns = 0;   // K
    std::uint32_t group = 0;     // columns a scale: 128 (Int8 only) or 32; 0 for F32 and BF16
    std::byte* values = nullptr; // written by packTile() alone
    std::uint16_t* scales = nullptr;
    std::uint16_t* minima = nullptr; // Int4Min

    KERNELS_INLINE std::uint32_t tiles() const { return (rows + kTileRows - 1) / kTileRows; }
    KERNELS_INLINE std::uint32_t paddedColumns() const {
        return kind == WeightKind::F32 || kind == WeightKind::BF16
                   ? columns
                   : (columns + kColumnBlock - 1) / kColumnBlock * kColumnBlock;
    }
    KERNELS_INLINE std::uint32_t groups() const {
        return group == 0 ? 0 : (paddedColumns() + group - 1) / group;
    }
    /// Bytes of one tile's values; scales (and minima) of a tile take groups() * 16 * 2 bytes.
    KERNELS_INLINE std::size_t tileBytes() const {
        constexpr std::size_t kHalfBytes[] = {8, 4, 2,
                                              1, 1, 1}; // of one weight, in halves of a byte
        return std::size_t{paddedColumns()} * kTileRows * kHalfBytes[static_cast<int>(kind)] / 2;
    }
    KERNELS_INLINE std::size_t valueBytes() const { return tileBytes() * tiles(); }
    KERNELS_INLINE std::size_t scaleCount() const {
        return std::size_t{groups()} * kTileRows * tiles();
    }
};

/// Row-major rows of one tile as the quantizer makes them; only what the kind needs is set.
struct RowMajorTile {
    std::uint32_t rows = 0;                // 1..16
    const std::byte* values = nullptr;     // [rows][strideBytes]
    std::size_t strideBytes = 0;           // of one row
    const std::uint16_t* scales = nullptr; // [rows][scaleStride] fp16
    const std::uint16_t* minima = nullptr; // [rows][scaleStride] fp16
    std::size_t scaleStride = 0;
};
/// Interleaves one tile into the memory that `matrix` points to.
void packTile(const PackedMatrix& matrix, std::uint32_t tile, const RowMajorTile& source);

// ---- activations -------------------------------------------------------------------------------

/// Activation rows in int8, symmetric, one fp32 scale a group of columns; columns padded with zeros
/// to 32. `corrections` = -128 * (sum of the group's values): what an unsigned weight operand
/// q + 128 adds too much.
struct Int8Rows {
    std::uint32_t rows = 0;              // M
    std::uint32_t columns = 0;           // K
    std::uint32_t group = 32;            // 32 (fast paths) or a multiple
    std::int8_t* values = nullptr;       // [rows][paddedColumns()]
    float* scales = nullptr;             // [rows][groups()]
    std::int32_t* corrections = nullptr; // [rows][groups()]

    KERNELS_INLINE std::uint32_t paddedColumns() const {
        return (columns + kColumnBlock - 1) / kColumnBlock * kColumnBlock;
    }
    KERNELS_INLINE std::uint32_t groups() const { return (paddedColumns() + group - 1) / group; }
};

struct FloatRows {
    std::uint32_t rows = 0;        // M
    const float* values = nullptr; // [rows][stride]
    std::size_t stride = 0;
};

/// Weight rows [begin, end) of a matmul; begin is a multiple of kTileRows.
struct RowRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

// ---- rotary positions --------------------------------------------------------------------------

constexpr std::uint32_t kPagePositions = 32;

/// Which two elements of a head turn together.
enum class Pairing : std::uint8_t { Adjacent, Halves };

/// Angles of every position, 32 positions of one pair adjacent, so that attention reads them like
/// keys: [positions / 32][2 * pairs][32], first all cosines, then all sines.
struct RopeTables {
    const float* values = nullptr;
    std::uint32_t pairs = 0; // rotaryDim / 2
    Pairing pairing = Pairing::Halves;

    KERNELS_INLINE const float* block(std::uint32_t position) const {
        return values + std::size_t{position / kPagePositions} * 2 * pairs * kPagePositions;
    }
};

// ---- KV pages and attention --------------------------------------------------------------------

enum class KvKind : std::uint8_t { F32, BF16, Int8 };

/// One layer of one page, 32 positions. Keys lie transposed, so that a vector register holds one
/// dimension of 16 positions:
///   keys [kvHeads][headDim][32], values [kvHeads][32][headDim],
///   Int8 only: keyScales [kvHeads][32], valueScales [kvHeads][32] float
struct KvLayout {
    KvKind kind = KvKind::F32;
    std::uint32_t kvHeads = 0;
    std::uint32_t headDim = 0; // even

    KERNELS_INLINE std::size_t elementBytes() const {
        return kind == KvKind::F32 ? 4 : kind == KvKind::BF16 ? 2 : 1;
    }
    KERNELS_INLINE std::size_t headBytes() const {
        return elementBytes() * headDim * kPagePositions;
    }
    KERNELS_INLINE std::size_t valuesOffset() const { return headBytes() * kvHeads; }
    KERNELS_INLINE std::size_t keyScalesOffset() const { return 2 * headBytes() * kvHeads; }
    KERNELS_INLINE std::size_t valueScalesOffset() const {
        return keyScalesOffset() + sizeof(float) * kPagePositions * kvHeads;
    }
    KERNELS_INLINE std::size_t layerBytes() const {
        return keyScalesOffset() +
               (kind == KvKind::Int8 ? 2 * sizeof(float) * kPagePositions * kvHeads : 0);
    }
};

/// Query rows that one attention call takes at most.
constexpr std::uint32_t kAttentionRows = 8;

/// Rows of one sequence at ascending positions against one KV head. Row r sees positions
/// [0, firstPosition + r]; later positions of a page may hold NaN and are never used.
/// Scores: s_k (q . k) + q . RoPE(keyBias, position), times `scale`; the bias is kept out of the
/// cache because it would eat the precision of int8 and bf16 keys.
struct AttentionTask {
    KvLayout layout;
    const std::byte* pool = nullptr; // page p of the sequence: pool + pages[p] * pageStride
    std::size_t pageStride = 0;
    const std::uint32_t* pages = nullptr;
    std::uint32_t kvHead = 0;
    std::uint32_t headsPerKv = 0;
    std::uint32_t firstPosition = 0;
    std::uint32_t rows = 0; // 1..kAttentionRows
    const float* queries =
        nullptr; // row r, head j: queries + r * queryStride + j * headDim; rotated
    std::size_t queryStride = 0;
    float* out = nullptr; // row r, head j: out + r * outStride + j * headDim
    std::size_t outStride = 0;
    float scale = 1;
    const float* keyBias = nullptr; // [headDim] of this KV head, or nullptr
    RopeTables rope;                // used with keyBias
    float* scratch = nullptr;       // attentionScratchFloats() floats, 64-byte aligned
};
/// What any of the sets needs for a sequence of up to `context` positions.
std::size_t attentionScratchFloats(const KvLayout& layout, std::uint32_t headsPerKv,
                                   std::uint32_t context);

// ---- draws -------------------------------------------------------------------------------------

/// What lies deeper below the best than this weighs nothing: e^-87 is the last normal float.
constexpr float kDrawDepth = 87.0F;

/// A token that may be drawn: w = exp((x - top) * scale).
struct DrawCandidate {
    std::int32_t token = -1;
    float weight = 0;
};
struct DrawTask {
    const float* x = nullptr; // [count] logits; NaN weighs nothing
    std::size_t count = 0;
    float top = 0; // the largest of them, finite
    float scale = 1;
    /// Those with (x - top) * scale not below it are listed; at least -kDrawDepth.
    float listedFrom = 0;
    DrawCandidate* listed = nullptr; // room for count
};
struct DrawWeights {
    double sum = 0; // of all weights
    std::size_t listed = 0;
};

// ---- the table ---------------------------------------------------------------------------------

struct KernelTable {
    /// out[m][n] = sum over k of x[m][k] w[n][k], for n in range; out is [M][outStride].
    void (*matmul)(const PackedMatrix& weights, RowRange range, const FloatRows& x, float* out,
                   std::size_t outStride);
    /// The same with int8 activations; weights must be of an integer kind. x.group is 32, or
    /// (scalar only) a multiple.
    void (*matmulInt8)(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                       std::size_t outStride);
    /// Weight row `row` as float [columns]: embedding lookup.
    void (*dequantizeRow)(const PackedMatrix& weights, std::uint32_t row, float* out);
    /// Row m of `rows` from x [columns]: s = amax / 127, half to even.
    void (*quantizeRow)(const float* x, const Int8Rows& rows, std::uint32_t m);
    /// Rounds to bf16 in place, half to even.
    void (*roundToBf16)(float* x, std::size_t count);
    /// out = x / sqrt(mean(x^2) + eps) * weight. out may be x.
    void (*rmsNorm)(const float* x, const float* weight, std::uint32_t count, float eps,
                    float* out);
    /// out = (x - mean(x)) / sqrt(mean((x - mean)^2) + eps) * weight + bias. out may be x.
    void (*layerNorm)(const float* x, const float* weight, const float* bias, std::uint32_t count,
                      float eps, float* out);
    /// x += y.
    void (*add)(float* x, const float* y, std::size_t count);
    /// out = gate / (1 + exp(-gate)) * up. out may be gate.
    void (*swiglu)(const float* gate, const float* up, std::size_t count, float* out);
    /// out = gelu(x + bias), gelu(y) = y / 2 (1 + tanh(sqrt(2 / pi) (y + 0.044715 y^3))). out may
    /// be x.
    void (*biasGelu)(const float* x, const float* bias, std::size_t count, float* out);
    /// Turns one head [headDim] to `position` in place; dimensions past 2 * pairs stay.
    void (*rope)(float* head, const RopeTables& tables, std::uint32_t position);
    /// Writes key and value of one KV head [headDim] at `position` of its page's layer.
    void (*storeKv)(const KvLayout& layout, std::byte* pageLayer, std::uint32_t kvHead,
                    std::uint32_t position, const float* key, const float* value);
    void (*attention)(const AttentionTask& task);
    /// Where the largest of x stands first, NaN left out; count when none is above -inf.
    std::size_t (*firstLargest)(const float* x, std::size_t count);
    /// Weights of a draw: their sum, and those near the best listed in the order of x.
    DrawWeights (*drawWeights)(const DrawTask& task);
    /// Multiplies and adds in registers alone: what no product of this set can be faster than, on
    /// one core. `rounds` sets the time; the operations done come back, a multiplication with its
    /// addition counts 2.
    std::uint64_t (*spinFloat)(std::uint64_t rounds);
    std::uint64_t (*spinInt8)(std::uint64_t rounds);
};
const KernelTable& kernelTable(InstructionSet set);

} // namespace kernels
