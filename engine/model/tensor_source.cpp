#include "engine/model/tensor_source.h"

#include "engine/checked.h"
#include "engine/model/dequantize.h"

#include <algorithm>
#include <new>

namespace engine {

namespace {

Status missing(const std::string& model, const std::string& tensor) {
    return Status(Code::TensorMissing, {{"file", model}, {"tensor", tensor}});
}

std::string shapeText(std::uint64_t rows, std::uint64_t columns) {
    return std::to_string(rows) + " x " + std::to_string(columns);
}

Status wrongShape(const std::string& model, const TensorInfo& found, const std::string& expected) {
    return Status(Code::TensorShapeWrong, {{"file", model},
                                           {"tensor", found.name},
                                           {"value", shapeText(found.rows(), found.columns())},
                                           {"expected", expected}});
}

} // namespace

TensorBlock tensorBlock(TensorType type) {
    switch (type) {
    case TensorType::F32:
    case TensorType::I32:
        return {1, 4};
    case TensorType::F16:
    case TensorType::BF16:
    case TensorType::I16:
        return {1, 2};
    case TensorType::F64:
    case TensorType::I64:
        return {1, 8};
    case TensorType::I8:
        return {1, 1};
    case TensorType::Q8_0:
        return {32, 34};
    case TensorType::Q4_0:
        return {32, 18};
    case TensorType::Q4_1:
        return {32, 20};
    case TensorType::Q5_0:
        return {32, 22};
    case TensorType::Q5_1:
        return {32, 24};
    case TensorType::Q4_K:
        return {256, 144};
    case TensorType::Q5_K:
        return {256, 176};
    case TensorType::Q6_K:
        return {256, 210};
    }
    return {1, 1};
}

std::string_view tensorTypeName(TensorType type) {
    static constexpr std::string_view kNames[] = {"F32",  "F16",  "BF16", "Q8_0", "Q4_0", "Q4_1",
                                                  "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "I32",
                                                  "F64",  "I64",  "I16",  "I8"};
    return kNames[static_cast<std::size_t>(type)];
}

std::uint64_t TensorInfo::rows() const {
    std::uint64_t product = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i)
        product *= shape[i]; // cannot wrap: the readers checked the product of all dimensions
    return product;
}

std::uint64_t TensorInfo::columns() const {
    return shape.empty() ? 1 : shape.back();
}

std::optional<std::uint64_t> checkedTensorBytes(TensorType type,
                                                std::span<const std::uint64_t> shape) {
    const TensorBlock block = tensorBlock(type);
    if (shape.empty() || shape.back() % block.elements != 0)
        return std::nullopt;
    std::optional<std::uint64_t> elements = 1;
    for (const std::uint64_t dimension : shape) {
        elements = checkedMul(*elements, dimension);
        if (!elements || dimension == 0 || dimension > kLargestDimension)
            return std::nullopt;
    }
    return checkedMul(*elements / block.elements, block.bytes);
}

Result<const TensorInfo*> findMatrix(const TensorSource& source, const std::string& model,
                                     const std::string& tensor, std::uint64_t rows,
                                     std::uint64_t columns) {
    const TensorInfo* info = source.find(tensor);
    if (info == nullptr)
        return missing(model, tensor);
    if (info->rows() != rows || info->columns() != columns)
        return wrongShape(model, *info, shapeText(rows, columns));
    return info;
}

Result<const TensorInfo*> findVector(const TensorSource& source, const std::string& model,
                                     const std::string& tensor, std::uint64_t length) {
    const TensorInfo* info = source.find(tensor);
    if (info == nullptr)
        return missing(model, tensor);
    if (info->rows() * info->columns() != length)
        return wrongShape(model, *info, std::to_string(length));
    return info;
}

Status readRowsF32(const TensorSource& source, const TensorInfo& tensor, std::uint64_t firstRow,
                   std::uint64_t rowCount, std::span<float> out) {
    constexpr std::uint64_t kChunkBytes = 1ULL << 20;
    const std::uint64_t columns = tensor.columns();
    if (firstRow > tensor.rows() || rowCount > tensor.rows() - firstRow ||
        out.size() != rowCount * columns)
        return Status(Code::InternalError, {{"detail", "rows outside of " + tensor.name}});
    const TensorBlock block = tensorBlock(tensor.type);
    const std::uint64_t rowBytes = columns / block.elements * block.bytes;
    const std::uint64_t chunkRows = std::max<std::uint64_t>(1, kChunkBytes / rowBytes);
    std::vector<std::byte> raw;
    try {
        raw.resize(std::min(chunkRows, std::max<std::uint64_t>(rowCount, 1)) * rowBytes);
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", std::to_string(rowBytes)}, {"free", "?"}});
    }
    for (std::uint64_t done = 0; done < rowCount;) {
        const std::uint64_t rows = std::min(chunkRows, rowCount - done);
        const std::span<std::byte> bytes(raw.data(), rows * rowBytes);
        INGLENOOK_TRY(source.read(tensor, (firstRow + done) * rowBytes, bytes));
        if (!dequantize(tensor.type, bytes, out.subspan(done * columns, rows * columns)))
            return Status(Code::TensorNotFinite, {{"tensor", tensor.name},
                                                  {"file", source.fileName()},
                                                  {"row", std::to_string(firstRow + done)}});
        done += rows;
    }
    return {};
}

} // namespace engine
