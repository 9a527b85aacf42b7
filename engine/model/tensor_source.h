#pragma once
// TensorSource: where weights come from, whatever the file format. GGUF and safetensors readers
// implement it; executors read from it. Names are canonical (GGUF's): "token_embd.weight",
// "blk.0.attn_q.weight", "blk.0.attn_q.bias", "blk.0.attn_q_norm.weight", "blk.0.attn_norm.weight",
// "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_down.weight", "blk.0.ffn_norm.weight",
// "blk.0.attn_output.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"; gpt2 also
// "position_embd.weight" and a ".bias" beside every norm and projection.

#include "engine/status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// Element formats a file may hold. Block formats count elements along a row (K).
enum class TensorType {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q4_K,
    Q5_K,
    Q6_K,
    I32,
    F64,
    I64,
    I16,
    I8
};

/// How many elements and bytes one block of a type has (1 element for the plain types).
struct TensorBlock {
    std::uint32_t elements;
    std::uint32_t bytes;
};
TensorBlock tensorBlock(TensorType type);
std::string_view tensorTypeName(TensorType type);

/// One tensor of a file. A weight matrix is row-major [rows][columns]: columns = K, the reduced
/// dimension. A vector has rows = 1.
struct TensorInfo {
    std::string name; // canonical
    TensorType type = TensorType::F32;
    std::vector<std::uint64_t> shape; // outermost first: {rows, columns} or {columns}
    std::uint64_t bytes = 0;          // in the file

    std::uint64_t rows() const;    ///< product of all but the last dimension
    std::uint64_t columns() const; ///< last dimension, K
};

/// No dimension may be larger: rows and columns fit in 32 bits everywhere behind the readers.
constexpr std::uint64_t kLargestDimension = 0x7FFFFFFF;

/// Bytes of a tensor of that shape (outermost first), or nothing when a dimension is 0 or too
/// large, the product wraps, or the last one is no multiple of the type's block.
std::optional<std::uint64_t> checkedTensorBytes(TensorType type,
                                                std::span<const std::uint64_t> shape);

/// Read access to the tensors of an opened model. Thread-safe for concurrent reads (pread).
class TensorSource {
  public:
    virtual ~TensorSource() = default;

    virtual const std::vector<TensorInfo>& tensors() const = 0;
    /// nullptr when the model has no such tensor.
    virtual const TensorInfo* find(std::string_view name) const = 0;

    /// Reads raw bytes [offset, offset + out.size()) of a tensor by pread.
    /// Fails with FileCannotRead or FileChanged, never with a signal.
    virtual Status read(const TensorInfo& tensor, std::uint64_t offset,
                        std::span<std::byte> out) const = 0;

    /// The file's name for error sentences; "" when there is no file.
    virtual std::string fileName() const { return {}; }

    /// Hash over the content that identifies the model (header, shapes and sampled data), hex.
    virtual std::string contentHash() const = 0;
};

/// The tensor of that shape; else TensorMissing or TensorShapeWrong, which name `model` and it.
Result<const TensorInfo*> findMatrix(const TensorSource& source, const std::string& model,
                                     const std::string& tensor, std::uint64_t rows,
                                     std::uint64_t columns);
/// The tensor of so many elements, whatever its dimensions; the same errors.
Result<const TensorInfo*> findVector(const TensorSource& source, const std::string& model,
                                     const std::string& tensor, std::uint64_t length);

/// Reads rows [firstRow, firstRow + rowCount) of a tensor, any type, as f32 [rowCount][columns].
/// NaN or infinity in scales or values is an error that names the tensor.
Status readRowsF32(const TensorSource& source, const TensorInfo& tensor, std::uint64_t firstRow,
                   std::uint64_t rowCount, std::span<float> out);

} // namespace engine
