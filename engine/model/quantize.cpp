#include "engine/model/quantize.h"

#include "engine/checked.h"
#include "engine/model/dequantize.h"
#include "engine/model/float_formats.h"
#include "engine/model/memory_plan.h"
#include "engine/model/quantize_groups.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace engine {

namespace {

constexpr std::uint32_t kSmallGroup = 32;

bool isEmbeddingOrHead(std::string_view tensor) {
    return tensor == "token_embd.weight" || tensor == "output.weight";
}

bool isInteger(MatrixFormat format) {
    return format != MatrixFormat::F32 && format != MatrixFormat::BF16;
}

/// True when the file's own blocks become the format without a detour over floats.
bool copiesBlocks(TensorType type, MatrixFormat format) {
    switch (format) {
    case MatrixFormat::Int8G32:
        return type == TensorType::Q8_0;
    case MatrixFormat::Int4G32:
        return type == TensorType::Q4_0;
    case MatrixFormat::Int4G32Min:
        return type == TensorType::Q4_1 || type == TensorType::Q4_K;
    default:
        return false;
    }
}

std::uint16_t loadBits(const std::uint8_t* at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, at, sizeof bits);
    return bits;
}

bool isFiniteHalf(std::uint16_t bits) {
    return (bits & 0x7C00U) != 0x7C00U;
}

/// One Q4_K block of 256 becomes eight groups; its nibbles interleave two sub-blocks a byte.
bool copyQ4_K(const std::uint8_t* block, std::uint8_t* nibbles, std::uint16_t* scales,
              std::uint16_t* minimums) {
    const float d = halfToFloat(loadBits(block));
    const float dmin = halfToFloat(loadBits(block + 2));
    bool finite = true;
    for (int sub = 0; sub < 8; ++sub) {
        const SubBlockScale packed = subBlockScale(block + 4, sub);
        scales[sub] = floatToHalf(d * static_cast<float>(packed.scale));
        minimums[sub] = floatToHalf(-dmin * static_cast<float>(packed.minimum));
        finite = finite && isFiniteHalf(scales[sub]) && isFiniteHalf(minimums[sub]);
        const std::uint8_t* from = block + 16 + sub / 2 * 32;
        const int shift = sub % 2 * 4;
        for (int i = 0; i < 16; ++i)
            nibbles[sub * 16 + i] = static_cast<std::uint8_t>(
                ((from[i] >> shift) & 15) | (((from[i + 16] >> shift) & 15) << 4));
    }
    return finite;
}

/// Copies the blocks of one row of a file into the matrix, bit for bit (Q4_K: scales rounded).
bool copyRow(TensorType type, const std::uint8_t* blocks, std::uint32_t row, QuantizedMatrix& out) {
    const TensorBlock block = tensorBlock(type);
    std::uint16_t* scales = out.scales.data() + std::size_t{row} * out.groupsPerRow();
    std::uint16_t* minimums = out.minimums.empty()
                                  ? nullptr
                                  : out.minimums.data() + std::size_t{row} * out.groupsPerRow();
    std::uint8_t* nibbles =
        out.int4.empty() ? nullptr : out.int4.data() + std::size_t{row} * out.paddedColumns / 2;
    bool finite = true;
    for (std::uint32_t i = 0; i < out.columns / block.elements; ++i, blocks += block.bytes) {
        switch (type) {
        case TensorType::Q8_0:
            scales[i] = loadBits(blocks);
            finite = finite && isFiniteHalf(scales[i]);
            std::memcpy(out.int8.data() + std::size_t{row} * out.paddedColumns + i * 32, blocks + 2,
                        32);
            break;
        case TensorType::Q4_0:
            scales[i] = loadBits(blocks);
            finite = finite && isFiniteHalf(scales[i]);
            std::memcpy(nibbles + i * 16, blocks + 2, 16);
            break;
        case TensorType::Q4_1:
            scales[i] = loadBits(blocks);
            minimums[i] = loadBits(blocks + 2);
            finite = finite && isFiniteHalf(scales[i]) && isFiniteHalf(minimums[i]);
            std::memcpy(nibbles + i * 16, blocks + 4, 16);
            break;
        default: // Q4_K
            finite =
                copyQ4_K(blocks, nibbles + i * 128, scales + i * 8, minimums + i * 8) && finite;
        }
    }
    return finite;
}

Status notFinite(const TensorSource& source, const TensorInfo& tensor, std::uint64_t row) {
    return Status(
        Code::TensorNotFinite,
        {{"tensor", tensor.name}, {"file", source.fileName()}, {"row", std::to_string(row)}});
}

/// Fills `matrix` from the file, some rows at a time, so that the raw copy stays small.
Status fill(const TensorSource& source, const TensorInfo& tensor, std::uint64_t firstRow,
            QuantizedMatrix& matrix) {
    constexpr std::uint64_t kChunkBytes = 1ULL << 20;
    const TensorBlock block = tensorBlock(tensor.type);
    const std::uint64_t rowBytes = matrix.columns / block.elements * std::uint64_t{block.bytes};
    const auto chunkRows = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(kChunkBytes / rowBytes, 1, std::max(matrix.rows, 1U)));
    const bool copies = copiesBlocks(tensor.type, matrix.format);
    std::vector<std::byte> raw(chunkRows * rowBytes);
    std::vector<float> values(copies ? 0 : std::size_t{chunkRows} * matrix.columns);
    for (std::uint32_t row = 0; row < matrix.rows; row += chunkRows) {
        const std::uint32_t rows = std::min(chunkRows, matrix.rows - row);
        const std::span<std::byte> bytes(raw.data(), rows * rowBytes);
        INGLENOOK_TRY(source.read(tensor, (firstRow + row) * rowBytes, bytes));
        if (copies) {
            const auto* blocks = reinterpret_cast<const std::uint8_t*>(raw.data());
            for (std::uint32_t i = 0; i < rows; ++i)
                if (!copyRow(tensor.type, blocks + i * rowBytes, row + i, matrix))
                    return notFinite(source, tensor, firstRow + row + i);
            continue;
        }
        const std::span<float> floats(values.data(), std::size_t{rows} * matrix.columns);
        if (!dequantize(tensor.type, bytes, floats) || !quantizeRows(floats, row, matrix))
            return notFinite(source, tensor, firstRow + row);
    }
    return {};
}

Status outOfMemory(std::uint64_t bytes) {
    return Status(Code::OutOfMemory,
                  {{"need", formatBytes(bytes)}, {"free", formatBytes(availableHostMemory())}});
}

} // namespace

std::string_view name(MatrixFormat format) {
    static constexpr std::array<std::string_view, 7> kNames = {"f32",
                                                               "bf16",
                                                               "int8 g128",
                                                               "int8 g32",
                                                               "int4 g32",
                                                               "int4 g32 with minimum",
                                                               "int4 g32 with zero point"};
    return kNames[static_cast<std::size_t>(format)];
}

std::uint32_t groupOf(MatrixFormat format) {
    if (!isInteger(format))
        return 0;
    return format == MatrixFormat::Int8G128 ? kColumnPadding : kSmallGroup;
}

std::uint32_t paddedColumnsOf(MatrixFormat format, std::uint32_t columns) {
    if (!isInteger(format))
        return columns;
    return (columns + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
}

std::uint64_t bytesOf(MatrixFormat format, std::uint64_t rows, std::uint32_t columns) {
    const std::uint64_t padded = paddedColumnsOf(format, columns);
    const std::uint32_t group = groupOf(format);
    const std::uint64_t scaleBytes = group == 0 ? 0 : padded / group * 2;
    switch (format) {
    case MatrixFormat::F32:
        return rows * padded * 4;
    case MatrixFormat::BF16:
        return rows * padded * 2;
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        return rows * (padded + scaleBytes);
    case MatrixFormat::Int4G32:
    case MatrixFormat::Int4G32Zero:
        return rows * (padded / 2 + scaleBytes);
    case MatrixFormat::Int4G32Min:
        return rows * (padded / 2 + 2 * scaleBytes);
    }
    return 0;
}

MatrixFormat resolveMatrixFormat(WeightFormat requested, const TensorInfo& tensor) {
    switch (requested) {
    case WeightFormat::F32:
        return MatrixFormat::F32;
    case WeightFormat::BF16:
        return MatrixFormat::BF16;
    case WeightFormat::Int8:
        return MatrixFormat::Int8G128;
    case WeightFormat::Int4:
        if (isEmbeddingOrHead(tensor.name))
            return MatrixFormat::Int8G128;
        if (tensor.type == TensorType::Q4_0)
            return MatrixFormat::Int4G32;
        return tensor.type == TensorType::Q4_1 || tensor.type == TensorType::Q4_K
                   ? MatrixFormat::Int4G32Min
                   : MatrixFormat::Int4G32Zero;
    case WeightFormat::Auto:
        break;
    }
    switch (tensor.type) {
    case TensorType::Q4_0:
        return isEmbeddingOrHead(tensor.name) ? MatrixFormat::Int8G32 : MatrixFormat::Int4G32;
    case TensorType::Q4_1:
    case TensorType::Q4_K:
        return isEmbeddingOrHead(tensor.name) ? MatrixFormat::Int8G32 : MatrixFormat::Int4G32Min;
    case TensorType::Q8_0:
    case TensorType::Q5_0:
    case TensorType::Q5_1:
    case TensorType::Q5_K:
    case TensorType::Q6_K:
        return MatrixFormat::Int8G32;
    default:
        return MatrixFormat::Int8G128;
    }
}

WeightFormat resolveWeightFormat(WeightFormat requested, const TensorSource& source) {
    if (requested != WeightFormat::Auto)
        return requested;
    std::uint64_t elements8 = 0;
    std::uint64_t elements4 = 0;
    for (const TensorInfo& tensor : source.tensors()) {
        if (tensor.shape.size() < 2 || isEmbeddingOrHead(tensor.name))
            continue;
        const bool four = groupOf(resolveMatrixFormat(requested, tensor)) == kSmallGroup &&
                          (tensor.type == TensorType::Q4_0 || tensor.type == TensorType::Q4_1 ||
                           tensor.type == TensorType::Q4_K);
        (four ? elements4 : elements8) += tensor.rows() * tensor.columns();
    }
    return elements4 > elements8 ? WeightFormat::Int4 : WeightFormat::Int8;
}

QuantizedMatrix prepareMatrix(MatrixFormat format, std::uint32_t rows, std::uint32_t columns) {
    QuantizedMatrix matrix;
    matrix.format = format;
    matrix.rows = rows;
    matrix.columns = columns;
    matrix.paddedColumns = paddedColumnsOf(format, columns);
    matrix.group = groupOf(format);
    const std::size_t elements = std::size_t{rows} * matrix.paddedColumns;
    const std::size_t scales = std::size_t{rows} * matrix.groupsPerRow();
    switch (format) {
    case MatrixFormat::F32:
        matrix.f32.resize(elements);
        break;
    case MatrixFormat::BF16:
        matrix.bf16.resize(elements);
        break;
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        matrix.int8.resize(elements);
        break;
    case MatrixFormat::Int4G32:
        matrix.int4.resize(elements / 2, 0x88); // padding: q = 8 stands for zero
        break;
    case MatrixFormat::Int4G32Min:
        matrix.int4.resize(elements / 2);
        matrix.minimums.resize(scales);
        break;
    case MatrixFormat::Int4G32Zero:
        matrix.int4.resize(elements / 2);
        break;
    }
    matrix.scales.resize(scales);
    return matrix;
}

bool quantizeRows(std::span<const float> values, std::uint32_t firstRow, QuantizedMatrix& matrix) {
    if (!allFinite(values))
        return false;
    const std::size_t rowCount = matrix.columns == 0 ? 0 : values.size() / matrix.columns;
    bool reachable = true;
    for (std::size_t i = 0; i < rowCount; ++i) {
        const std::size_t row = firstRow + i;
        const std::span<const float> from = values.subspan(i * matrix.columns, matrix.columns);
        if (matrix.format == MatrixFormat::F32) {
            std::copy(from.begin(), from.end(),
                      matrix.f32.begin() + std::ptrdiff_t(row * from.size()));
            continue;
        }
        if (matrix.format == MatrixFormat::BF16) {
            for (std::size_t k = 0; k < from.size(); ++k)
                matrix.bf16[row * from.size() + k] = floatToBfloat(from[k]);
            continue;
        }
        for (std::uint32_t group = 0; group * matrix.group < matrix.columns; ++group) {
            const std::uint32_t begin = group * matrix.group;
            const auto weights =
                from.subspan(begin, std::min(matrix.group, matrix.columns - begin));
            const std::size_t scaleAt = row * matrix.groupsPerRow() + group;
            const std::size_t at = row * matrix.paddedColumns + begin;
            if (!matrix.int8.empty())
                reachable &= quantizeInt8(weights, matrix.scales[scaleAt], &matrix.int8[at]);
            else if (matrix.format == MatrixFormat::Int4G32)
                reachable &= quantizeInt4(weights, matrix.scales[scaleAt], &matrix.int4[at / 2]);
            else if (matrix.format == MatrixFormat::Int4G32Zero)
                reachable &=
                    quantizeInt4Zero(weights, matrix.scales[scaleAt], &matrix.int4[at / 2]);
            else
                reachable &= quantizeInt4Min(weights, matrix.scales[scaleAt],
                                             matrix.minimums[scaleAt], &matrix.int4[at / 2]);
        }
    }
    return reachable;
}

void dequantizeRow(const QuantizedMatrix& matrix, std::uint32_t row, std::span<float> out) {
    const std::size_t base = std::size_t{row} * matrix.paddedColumns;
    for (std::uint32_t k = 0; k < matrix.columns; ++k) {
        if (matrix.format == MatrixFormat::F32) {
            out[k] = matrix.f32[base + k];
            continue;
        }
        if (matrix.format == MatrixFormat::BF16) {
            out[k] = bfloatToFloat(matrix.bf16[base + k]);
            continue;
        }
        const std::size_t scaleAt = std::size_t{row} * matrix.groupsPerRow() + k / matrix.group;
        const float scale = halfToFloat(matrix.scales[scaleAt]);
        if (!matrix.int8.empty()) {
            out[k] = scale * static_cast<float>(matrix.int8[base + k]);
            continue;
        }
        const std::uint32_t inGroup = k % kSmallGroup;
        const std::uint8_t byte = matrix.int4[(base + k - inGroup) / 2 + inGroup % 16];
        const auto q = static_cast<float>(inGroup < 16 ? byte & 15 : byte >> 4);
        if (matrix.format == MatrixFormat::Int4G32Min)
            out[k] = scale * q + halfToFloat(matrix.minimums[scaleAt]);
        else
            out[k] = scale * (q - (matrix.format == MatrixFormat::Int4G32Zero
                                       ? zeroPoint(matrix.scales[scaleAt])
                                       : 8.0F));
    }
}

Result<QuantizedMatrix> loadRows(const TensorSource& source, const TensorInfo& tensor,
                                 MatrixFormat format, std::uint64_t firstRow,
                                 std::uint64_t rowCount) {
    if (firstRow > tensor.rows() || rowCount > tensor.rows() - firstRow ||
        tensor.columns() > kLargestDimension || rowCount > kLargestDimension)
        return Status(Code::InternalError, {{"detail", "rows outside of " + tensor.name}});
    const auto rows = static_cast<std::uint32_t>(rowCount);
    const auto columns = static_cast<std::uint32_t>(tensor.columns());
    try {
        QuantizedMatrix matrix = prepareMatrix(format, rows, columns);
        INGLENOOK_TRY(fill(source, tensor, firstRow, matrix));
        return matrix;
    } catch (const std::bad_alloc&) {
        return outOfMemory(bytesOf(format, rows, columns));
    }
}

Result<QuantizedMatrix> loadMatrix(const TensorSource& source, const TensorInfo& tensor,
                                   MatrixFormat format) {
    return loadRows(source, tensor, format, 0, tensor.rows());
}

Result<std::vector<float>> loadVector(const TensorSource& source, const TensorInfo& tensor) {
    std::vector<float> values;
    const std::uint64_t count = tensor.rows() * tensor.columns();
    try {
        values.resize(count);
    } catch (const std::bad_alloc&) {
        return outOfMemory(count * sizeof(float));
    }
    INGLENOOK_TRY(readRowsF32(source, tensor, 0, tensor.rows(), values));
    return values;
}

} // namespace engine
