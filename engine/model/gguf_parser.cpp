#include "engine/model/gguf_parser.h"

#include "engine/checked.h"
#include "engine/model/gguf_cursor.h"
#include "engine/phrase.h"

#include <algorithm>
#include <array>
#include <bit>

namespace engine {

namespace {

// Limits far above any real model, so that a header cannot ask for more memory than it brings.
constexpr std::uint64_t kMostEntries = 1ULL << 16;
constexpr std::uint64_t kMostTensors = 1ULL << 17;
constexpr std::uint64_t kLongestKey = 256;
constexpr std::uint64_t kLongestString = 16ULL << 20;
constexpr std::uint64_t kLongestTensorName = 63;
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kLargestAlignment = 1ULL << 20;

struct FileTensorType {
    std::uint32_t number;
    std::string_view name;
    std::optional<TensorType> type; // nothing: known to others, not computed here
};

constexpr std::array kTensorTypes = {
    FileTensorType{0, "F32", TensorType::F32},    FileTensorType{1, "F16", TensorType::F16},
    FileTensorType{2, "Q4_0", TensorType::Q4_0},  FileTensorType{3, "Q4_1", TensorType::Q4_1},
    FileTensorType{6, "Q5_0", TensorType::Q5_0},  FileTensorType{7, "Q5_1", TensorType::Q5_1},
    FileTensorType{8, "Q8_0", TensorType::Q8_0},  FileTensorType{9, "Q8_1", std::nullopt},
    FileTensorType{10, "Q2_K", std::nullopt},     FileTensorType{11, "Q3_K", std::nullopt},
    FileTensorType{12, "Q4_K", TensorType::Q4_K}, FileTensorType{13, "Q5_K", TensorType::Q5_K},
    FileTensorType{14, "Q6_K", TensorType::Q6_K}, FileTensorType{15, "Q8_K", std::nullopt},
    FileTensorType{16, "IQ2_XXS", std::nullopt},  FileTensorType{17, "IQ2_XS", std::nullopt},
    FileTensorType{18, "IQ3_XXS", std::nullopt},  FileTensorType{19, "IQ1_S", std::nullopt},
    FileTensorType{20, "IQ4_NL", std::nullopt},   FileTensorType{21, "IQ3_S", std::nullopt},
    FileTensorType{22, "IQ2_S", std::nullopt},    FileTensorType{23, "IQ4_XS", std::nullopt},
    FileTensorType{24, "I8", TensorType::I8},     FileTensorType{25, "I16", TensorType::I16},
    FileTensorType{26, "I32", TensorType::I32},   FileTensorType{27, "I64", TensorType::I64},
    FileTensorType{28, "F64", TensorType::F64},   FileTensorType{29, "IQ1_M", std::nullopt},
    FileTensorType{30, "BF16", TensorType::BF16}, FileTensorType{34, "TQ1_0", std::nullopt},
    FileTensorType{35, "TQ2_0", std::nullopt},    FileTensorType{39, "MXFP4", std::nullopt}};

/// Bytes of one element of a type with a fixed size, 0 for strings and arrays.
std::uint64_t elementBytes(GgufType type) {
    switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
        return 1;
    case GgufType::U16:
    case GgufType::I16:
        return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
        return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
        return 8;
    case GgufType::String:
    case GgufType::Array:
        break;
    }
    return 0;
}

/// Names people and sentences can show: printable ASCII without a slash.
bool isPlainName(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < 0x7F && c != '/' && c != '\\';
    });
}

Status readType(GgufCursor& cursor, GgufType& type, const std::string& key) {
    std::uint32_t number = 0;
    INGLENOOK_TRY(cursor.number(number, PHRASE("Status", "a metadata type")));
    if (number > static_cast<std::uint32_t>(GgufType::F64))
        return cursor.damaged("the type of " + key, "is " + std::to_string(number));
    type = static_cast<GgufType>(number);
    return {};
}

Status readArray(GgufCursor& cursor, GgufEntry& entry) {
    GgufArray array;
    INGLENOOK_TRY(readType(cursor, array.element, entry.key));
    INGLENOOK_TRY(cursor.number(array.count, PHRASE("Status", "an array's length")));
    if (array.element == GgufType::Array)
        return cursor.damaged(entry.key, PHRASE("Status", "is an array of arrays"));
    array.offset = cursor.position();
    if (array.element == GgufType::String) {
        // A string takes at least its length's eight bytes.
        if (array.count > cursor.remaining() / 8)
            return cursor.damaged(entry.key, "claims " + std::to_string(array.count) + " strings");
        for (std::uint64_t i = 0; i < array.count; ++i) {
            std::uint64_t length = 0;
            INGLENOOK_TRY(cursor.number(length, PHRASE("Status", "a string's length")));
            INGLENOOK_TRY(cursor.skip(length, PHRASE("Status", "a string in an array")));
        }
    } else {
        const auto bytes = checkedMul(array.count, elementBytes(array.element));
        if (!bytes || *bytes > cursor.remaining())
            return cursor.damaged(entry.key, "claims " + std::to_string(array.count) + " elements");
        INGLENOOK_TRY(cursor.skip(*bytes, PHRASE("Status", "an array")));
    }
    array.bytes = cursor.position() - array.offset;
    entry.value = array;
    return {};
}

template<typename T, typename Stored>
Status readNumber(GgufCursor& cursor, GgufEntry& entry) {
    T number{};
    INGLENOOK_TRY(cursor.number(number, PHRASE("Status", "a metadata value")));
    entry.value = static_cast<Stored>(number);
    return {};
}

Status readValue(GgufCursor& cursor, GgufEntry& entry) {
    switch (entry.type) {
    case GgufType::U8:
        return readNumber<std::uint8_t, std::uint64_t>(cursor, entry);
    case GgufType::U16:
        return readNumber<std::uint16_t, std::uint64_t>(cursor, entry);
    case GgufType::U32:
        return readNumber<std::uint32_t, std::uint64_t>(cursor, entry);
    case GgufType::U64:
        return readNumber<std::uint64_t, std::uint64_t>(cursor, entry);
    case GgufType::I8:
        return readNumber<std::int8_t, std::int64_t>(cursor, entry);
    case GgufType::I16:
        return readNumber<std::int16_t, std::int64_t>(cursor, entry);
    case GgufType::I32:
        return readNumber<std::int32_t, std::int64_t>(cursor, entry);
    case GgufType::I64:
        return readNumber<std::int64_t, std::int64_t>(cursor, entry);
    case GgufType::F32:
        return readNumber<float, double>(cursor, entry);
    case GgufType::F64:
        return readNumber<double, double>(cursor, entry);
    case GgufType::Bool: {
        std::uint8_t byte = 0;
        INGLENOOK_TRY(cursor.number(byte, PHRASE("Status", "a truth value")));
        if (byte > 1)
            return cursor.damaged(entry.key, PHRASE("Status", "is neither true nor false"));
        entry.value = byte == 1;
        return {};
    }
    case GgufType::String: {
        std::string text;
        INGLENOOK_TRY(cursor.string(text, kLongestString, PHRASE("Status", "a metadata string")));
        if (!isCleanUtf8(text))
            return cursor.damaged(entry.key, PHRASE("Status", "is not UTF-8 text"));
        entry.value = std::move(text);
        return {};
    }
    case GgufType::Array:
        return readArray(cursor, entry);
    }
    return {};
}

Status readEntries(GgufCursor& cursor, std::uint64_t count, GgufHeader& header) {
    for (std::uint64_t i = 0; i < count; ++i) {
        GgufEntry entry;
        entry.begin = cursor.position();
        INGLENOOK_TRY(cursor.string(entry.key, kLongestKey, PHRASE("Status", "a metadata key")));
        if (!isPlainName(entry.key))
            return cursor.damaged("metadata key " + std::to_string(i),
                                  PHRASE("Status", "is no plain name"));
        INGLENOOK_TRY(readType(cursor, entry.type, entry.key));
        INGLENOOK_TRY(readValue(cursor, entry));
        entry.end = cursor.position();
        header.entries.push_back(std::move(entry));
    }
    std::vector<std::string_view> keys;
    for (const GgufEntry& entry : header.entries)
        keys.push_back(entry.key);
    std::sort(keys.begin(), keys.end());
    if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
        return cursor.damaged(std::string(*twice), PHRASE("Status", "is given twice"));
    return {};
}

Status readTensorType(GgufCursor& cursor, TensorInfo& info) {
    std::uint32_t number = 0;
    INGLENOOK_TRY(cursor.number(number, PHRASE("Status", "a tensor's type")));
    const auto known = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                    [&](const FileTensorType& t) { return t.number == number; });
    if (known == kTensorTypes.end())
        return cursor.damaged("the type of tensor " + info.name,
                              "is " + std::to_string(number) + ", which does not exist");
    if (!known->type)
        return Status(
            Code::ModelUnsupported,
            {{"file", cursor.file().name()},
             {"field", "the type of tensor " + info.name},
             {"value", std::string(known->name)},
             {"supported",
              PHRASE("Status",
                     "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K work")}});
    info.type = *known->type;
    return {};
}

Status readTensor(GgufCursor& cursor, GgufTensor& tensor) {
    TensorInfo& info = tensor.info;
    INGLENOOK_TRY(
        cursor.string(info.name, kLongestTensorName, PHRASE("Status", "a tensor's name")));
    if (!isPlainName(info.name))
        return cursor.damaged(PHRASE("Status", "a tensor's name"),
                              PHRASE("Status", "is no plain name"));
    std::uint32_t dimensions = 0;
    INGLENOOK_TRY(cursor.number(dimensions, PHRASE("Status", "a tensor's dimension count")));
    if (dimensions == 0 || dimensions > kMostDimensions)
        return cursor.damaged("tensor " + info.name,
                              "has " + std::to_string(dimensions) + " dimensions");
    info.shape.resize(dimensions);
    for (std::uint32_t i = 0; i < dimensions; ++i)
        INGLENOOK_TRY(cursor.number(info.shape[dimensions - 1 - i],
                                    PHRASE("Status", "a tensor's dimension")));
    INGLENOOK_TRY(readTensorType(cursor, info));
    INGLENOOK_TRY(cursor.number(tensor.offset, PHRASE("Status", "a tensor's offset")));
    const auto bytes = checkedTensorBytes(info.type, info.shape);
    if (!bytes)
        return cursor.damaged(
            "the shape of tensor " + info.name,
            PHRASE("Status", "cannot be: a dimension is zero, too large, or no whole block"));
    info.bytes = *bytes;
    // Matrices of one row per head or layer keep their outer dimensions; a trailing 1 says nothing.
    while (info.shape.size() > 1 && info.shape.front() == 1)
        info.shape.erase(info.shape.begin());
    return {};
}

/// Offsets become positions in the file; tensors must follow one another, aligned, without overlap,
/// hole or rest, up to the end of the file.
Status placeTensors(const GgufCursor& cursor, std::uint64_t alignment, GgufHeader& header) {
    const std::uint64_t fileSize = cursor.file().size();
    const auto dataOffset = checkedAlign(cursor.position(), alignment);
    if (header.tensors.empty()) {
        header.dataOffset = cursor.position();
        return {}; // a vocabulary alone: no data, and the padding may be missing
    }
    if (!dataOffset || *dataOffset > fileSize)
        return cursor.damaged(PHRASE("Status", "the tensor data"), PHRASE("Status", "is missing"));
    header.dataOffset = *dataOffset;
    std::vector<const GgufTensor*> byOffset;
    for (GgufTensor& tensor : header.tensors) {
        const auto position = checkedAdd(header.dataOffset, tensor.offset);
        const auto end = position ? checkedAdd(*position, tensor.info.bytes) : std::nullopt;
        if (tensor.offset % alignment != 0)
            return cursor.damaged("the offset of tensor " + tensor.info.name,
                                  PHRASE("Status", "is not aligned"));
        if (!end || *end > fileSize)
            return cursor.damaged("tensor " + tensor.info.name,
                                  PHRASE("Status", "reaches beyond the end of the file"));
        tensor.offset = *position;
        byOffset.push_back(&tensor);
    }
    std::sort(byOffset.begin(), byOffset.end(),
              [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
    std::uint64_t expected = header.dataOffset;
    for (const GgufTensor* tensor : byOffset) {
        if (tensor->offset != expected)
            return cursor.damaged("tensor " + tensor->info.name,
                                  tensor->offset < expected
                                      ? PHRASE("Status", "overlaps another tensor")
                                      : PHRASE("Status", "leaves a hole before it"));
        expected = *checkedAlign(tensor->offset + tensor->info.bytes, alignment);
    }
    if (fileSize > expected)
        return cursor.damaged(PHRASE("Status", "the end of the file"),
                              PHRASE("Status", "holds bytes that belong to no tensor"));
    return {};
}

Status readTensors(GgufCursor& cursor, std::uint64_t count, GgufHeader& header) {
    for (std::uint64_t i = 0; i < count; ++i) {
        GgufTensor tensor;
        INGLENOOK_TRY(readTensor(cursor, tensor));
        header.tensors.push_back(std::move(tensor));
    }
    std::vector<std::string_view> names;
    for (const GgufTensor& tensor : header.tensors)
        names.push_back(tensor.info.name);
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
        return cursor.damaged("tensor " + std::string(*twice), PHRASE("Status", "is given twice"));
    return {};
}

Status readPreamble(GgufCursor& cursor, GgufHeader& header, std::uint64_t& tensors,
                    std::uint64_t& entries) {
    std::uint32_t magic = 0;
    if (cursor.remaining() < sizeof magic)
        return cursor.damaged(PHRASE("Status", "the file"),
                              PHRASE("Status", "is empty or nearly so"));
    INGLENOOK_TRY(cursor.number(magic, PHRASE("Status", "the first word")));
    if (magic != 0x46554747U) // "GGUF"
        return Status(Code::ModelFormatUnknown,
                      {{"file", cursor.file().name()},
                       {"problem", PHRASE("Status", "it does not begin with GGUF")}});
    INGLENOOK_TRY(cursor.number(header.version, PHRASE("Status", "the version")));
    if (header.version != 2 && header.version != 3) {
        const bool swapped = header.version != 0 && (header.version & 0xFFFFU) == 0;
        return Status(
            Code::ModelUnsupported,
            {{"file", cursor.file().name()},
             {"field", PHRASE("Status", "GGUF version")},
             {"value", swapped ? PHRASE("Status", "big-endian") : std::to_string(header.version)},
             {"supported", PHRASE("Status", "versions 2 and 3, little-endian, work")}});
    }
    INGLENOOK_TRY(cursor.number(tensors, PHRASE("Status", "the tensor count")));
    INGLENOOK_TRY(cursor.number(entries, PHRASE("Status", "the metadata count")));
    // The shortest tensor entry has 33 bytes, the shortest metadata entry 14.
    if (tensors > kMostTensors || tensors > cursor.remaining() / 33)
        return cursor.damaged(PHRASE("Status", "the tensor count"),
                              "is " + std::to_string(tensors));
    if (entries > kMostEntries || entries > cursor.remaining() / 14)
        return cursor.damaged(PHRASE("Status", "the metadata count"),
                              "is " + std::to_string(entries));
    return {};
}

Status readAlignment(const GgufCursor& cursor, const GgufHeader& header, std::uint64_t& alignment) {
    const GgufEntry* entry = header.find("general.alignment");
    if (entry == nullptr)
        return {};
    const auto* value = std::get_if<std::uint64_t>(&entry->value);
    if (entry->type != GgufType::U32 || value == nullptr)
        return cursor.damaged("general.alignment",
                              PHRASE("Status", "is not an unsigned 32-bit number"));
    if (*value < 8 || *value > kLargestAlignment || !std::has_single_bit(*value))
        return cursor.damaged("general.alignment", "is " + std::to_string(*value));
    alignment = *value;
    return {};
}

} // namespace

std::uint32_t ggufTensorTypeNumber(TensorType type) {
    const auto known = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                    [&](const FileTensorType& t) { return t.type == type; });
    return known->number;
}

Result<GgufHeader> parseGguf(std::shared_ptr<const FileReader> file) {
    GgufHeader header;
    header.file = std::move(file);
    GgufCursor cursor(*header.file);
    std::uint64_t tensors = 0;
    std::uint64_t entries = 0;
    std::uint64_t alignment = kDefaultAlignment;
    INGLENOOK_TRY(readPreamble(cursor, header, tensors, entries));
    INGLENOOK_TRY(readEntries(cursor, entries, header));
    INGLENOOK_TRY(readAlignment(cursor, header, alignment));
    INGLENOOK_TRY(readTensors(cursor, tensors, header));
    INGLENOOK_TRY(placeTensors(cursor, alignment, header));
    return header;
}

} // namespace engine
