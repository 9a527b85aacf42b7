#pragma once
// Quantize: the weight formats that live in memory, and how any file type becomes one of them.
//
// All executors start from these bytes; a device may permute rows or tile them afterwards. Formats
// (weights w, stored q, scale s as fp16):
//   F32       [rows][columns] float
//   BF16      [rows][columns] the upper half of a float, rounded to nearest even
//   Int8G128  [rows][paddedColumns] int8, one s per 128 columns: w = s * q, |q| <= 127
//   Int8G32   the same with one s per 32 columns; Q8_0 files convert to it bit for bit
//   Int4G32   [rows][paddedColumns / 2] nibbles, one s per 32 columns: w = s * (q - 8), q 0..15;
//             s may be negative; Q4_0 files convert to it bit for bit
//   Int4G32Min  the same nibbles with scale and minimum: w = s * q + m; Q4_1 bit for bit, Q4_K with
//             s and m rounded to fp16
//   Int4G32Zero  the same nibbles with a zero point inside the scale: w = s * (q - z), where s >= 0
//             is the fp16 word as it stands and z half of its lowest five bits, 0 to 15.5. Bytes of
//             Int4G32, and on weights around zero the error of Int4G32Min but for 4 %
// Columns are padded with zero weights to a multiple of 128 in the integer formats; every row has
// paddedColumns / group scales, those of groups that hold only padding are 0. In Int4G32Min and
// Int4G32Zero the padding of a partly filled group does not stand for zero: activations must be
// padded with zeros there.
// Nibbles: byte i (0..15) of a group of 32 holds column i in its low and column i + 16 in its high
// half, as Q4_0 does.
//
// Scales of int8 are rounded up to fp16 so that |q| <= 127; those of int4 are the least squared
// error of a small search. Everything here is a pure function of its input: any thread.

#include "engine/model/tensor_source.h"
#include "engine/model/weight_options.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace engine {

enum class MatrixFormat : std::uint8_t {
    F32,
    BF16,
    Int8G128,
    Int8G32,
    Int4G32,
    Int4G32Min,
    Int4G32Zero
};
std::string_view name(MatrixFormat format); // "f32" "bf16" "int8 g128" "int8 g32" ...

/// Integer formats pad K to this.
constexpr std::uint32_t kColumnPadding = 128;

/// Some rows of a weight matrix in one of the formats above. Only the vectors of its format are
/// filled.
struct QuantizedMatrix {
    MatrixFormat format = MatrixFormat::F32;
    std::uint32_t rows = 0;              // N
    std::uint32_t columns = 0;           // K
    std::uint32_t paddedColumns = 0;     // K rounded up to 128; = columns for F32 and BF16
    std::uint32_t group = 0;             // columns a scale: 128 or 32; 0 for F32 and BF16
    std::vector<float> f32;              // [rows][columns]
    std::vector<std::uint16_t> bf16;     // [rows][columns]
    std::vector<std::int8_t> int8;       // [rows][paddedColumns]
    std::vector<std::uint8_t> int4;      // [rows][paddedColumns / 2]
    std::vector<std::uint16_t> scales;   // [rows][groupsPerRow] fp16
    std::vector<std::uint16_t> minimums; // [rows][groupsPerRow] fp16, Int4G32Min only

    std::uint32_t groupsPerRow() const { return group == 0 ? 0 : paddedColumns / group; }
};

/// The sizes of a format before anything is allocated.
std::uint32_t groupOf(MatrixFormat format);                                // 0, 32 or 128
std::uint32_t paddedColumnsOf(MatrixFormat format, std::uint32_t columns); // K as stored
std::uint64_t bytesOf(MatrixFormat format, std::uint64_t rows, std::uint32_t columns);

/// What --weights means for one tensor: auto keeps what the file can give exactly (see the head of
/// this file); explicit int8 is Int8G128 whatever the file holds; explicit int4 is Int4G32Zero,
/// whose zero point saves a quarter of the loss of quality for no bits (stories260K: +7 %
/// perplexity against +10 %), but Q4_0, Q4_1 and Q4_K stay what auto makes of them: exact, or but
/// for Q4_K's scales as fp16.
/// Embeddings and head ("token_embd.weight", "output.weight") never fall below int8.
MatrixFormat resolveMatrixFormat(WeightFormat requested, const TensorInfo& tensor);

/// The WeightFormat that most weights of a source end up in, to report what auto chose.
WeightFormat resolveWeightFormat(WeightFormat requested, const TensorSource& source);

/// Loads and converts rows [firstRow, firstRow + rowCount). Exact where the file type allows it.
/// Fails with TensorNotFinite (NaN, infinity, or a value no fp16 scale can reach), FileChanged,
/// FileCannotRead, OutOfMemory.
Result<QuantizedMatrix> loadRows(const TensorSource& source, const TensorInfo& tensor,
                                 MatrixFormat format, std::uint64_t firstRow,
                                 std::uint64_t rowCount);
/// All rows of a tensor.
Result<QuantizedMatrix> loadMatrix(const TensorSource& source, const TensorInfo& tensor,
                                   MatrixFormat format);
/// A norm weight or bias as f32 [columns].
Result<std::vector<float>> loadVector(const TensorSource& source, const TensorInfo& tensor);

/// Quantizes f32 rows [rowCount][columns] into rows [firstRow, firstRow + rowCount) of a matrix
/// that prepareMatrix() sized. False when a value is not finite or beyond fp16 scales.
QuantizedMatrix prepareMatrix(MatrixFormat format, std::uint32_t rows, std::uint32_t columns);
bool quantizeRows(std::span<const float> values, std::uint32_t firstRow, QuantizedMatrix& matrix);

/// The weights a quantized row stands for, as f32 [columns]: what the scalar oracle computes with.
void dequantizeRow(const QuantizedMatrix& matrix, std::uint32_t row, std::span<float> out);

} // namespace engine
