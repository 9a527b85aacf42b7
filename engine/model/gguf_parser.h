#pragma once
// GGUF header parser (versions 2 and 3): metadata and tensor table of one file, every length,
// product, offset and enumeration checked before it is used.
//
// Layout: "GGUF", u32 version, u64 tensor count, u64 metadata count; metadata entries {string key,
// u32 type, value}; tensor entries {string name, u32 dimension count, u64 dimensions innermost
// first, u32 type, u64 offset}; padding to general.alignment (32 when absent); tensor data, each
// tensor at its offset. Strings are {u64 length, bytes}; numbers little-endian.
//
// Arrays are checked but not kept: readers of the vocabulary come back for them by file position,
// so that a header costs little more memory than its keys. Bad files give ModelDamaged,
// ModelUnsupported, FileChanged or FileCannotRead.

#include "engine/model/file_reader.h"
#include "engine/model/tensor_source.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace engine {

enum class GgufType : std::uint32_t {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12
};

/// Where an array lies in the file; its elements were checked to lie inside.
struct GgufArray {
    GgufType element = GgufType::U8;
    std::uint64_t count = 0;
    std::uint64_t offset = 0; // of the first element [bytes from the start of the file]
    std::uint64_t bytes = 0;
};

struct GgufEntry {
    std::string key;
    GgufType type = GgufType::U8;
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray> value;
    std::uint64_t begin = 0; // the entry's bytes in the file, key and type included
    std::uint64_t end = 0;
};

struct GgufTensor {
    TensorInfo info;
    std::uint64_t offset = 0; // from the start of the file [bytes]
};

struct GgufHeader {
    std::shared_ptr<const FileReader> file;
    std::uint32_t version = 0;
    std::uint64_t dataOffset = 0; // where tensor data begins [bytes from the start of the file]
    std::vector<GgufEntry> entries;
    std::vector<GgufTensor> tensors;

    /// nullptr when the file has no such key.
    const GgufEntry* find(std::string_view key) const;

    // Typed access: nothing when the key is absent, a Status when it holds another type.
    // Integers of every width count as integers, floats of both widths as floats.
    Result<std::optional<std::uint64_t>> unsignedValue(std::string_view key) const;
    Result<std::optional<double>> floatValue(std::string_view key) const;
    Result<std::optional<bool>> boolValue(std::string_view key) const;
    Result<std::optional<std::string>> stringValue(std::string_view key) const;
    /// nullptr when absent.
    Result<const GgufArray*> arrayValue(std::string_view key, GgufType element) const;

    /// Calls `take` for every string of an array.
    Status readStrings(const GgufArray& array,
                       const std::function<Status(std::string_view)>& take) const;
    Result<std::vector<float>> readFloats(const GgufArray& array) const;
    Result<std::vector<std::int32_t>> readInts(const GgufArray& array) const;
};

Result<GgufHeader> parseGguf(std::shared_ptr<const FileReader> file);

/// ggml's number of a tensor type, as written in files.
std::uint32_t ggufTensorTypeNumber(TensorType type);

} // namespace engine
