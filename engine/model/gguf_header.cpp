// Typed access to the metadata that gguf_parser.cpp checked.
#include "engine/model/gguf_cursor.h"
#include "engine/model/gguf_parser.h"

#include <algorithm>

namespace engine {

namespace {

constexpr std::uint64_t kLongestToken = 64 * 1024; // no token and no merge is longer

Status wrongType(const GgufHeader& header, std::string_view key, std::string_view expected) {
    return Status(Code::ModelFieldInvalid, {{"file", header.file->name()},
                                            {"field", std::string(key)},
                                            {"value", "another type"},
                                            {"expected", "it is " + std::string(expected)}});
}

/// Reads the elements of a numeric array in one go: its bytes lie inside the file.
template<typename T>
Result<std::vector<T>> readElements(const FileReader& file, const GgufArray& array) {
    std::vector<T> values(array.count);
    INGLENOOK_TRY(file.read(array.offset, std::as_writable_bytes(std::span(values))));
    return values;
}

} // namespace

const GgufEntry* GgufHeader::find(std::string_view key) const {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const GgufEntry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

Result<std::optional<std::uint64_t>> GgufHeader::unsignedValue(std::string_view key) const {
    const GgufEntry* entry = find(key);
    if (entry == nullptr)
        return std::optional<std::uint64_t>();
    if (const auto* number = std::get_if<std::uint64_t>(&entry->value))
        return std::optional(*number);
    if (const auto* number = std::get_if<std::int64_t>(&entry->value); number && *number >= 0)
        return std::optional(static_cast<std::uint64_t>(*number));
    return wrongType(*this, key, "a number that is not negative");
}

Result<std::optional<double>> GgufHeader::floatValue(std::string_view key) const {
    const GgufEntry* entry = find(key);
    if (entry == nullptr)
        return std::optional<double>();
    if (const auto* number = std::get_if<double>(&entry->value))
        return std::optional(*number);
    return wrongType(*this, key, "a floating-point number");
}

Result<std::optional<bool>> GgufHeader::boolValue(std::string_view key) const {
    const GgufEntry* entry = find(key);
    if (entry == nullptr)
        return std::optional<bool>();
    if (const auto* truth = std::get_if<bool>(&entry->value))
        return std::optional(*truth);
    return wrongType(*this, key, "true or false");
}

Result<std::optional<std::string>> GgufHeader::stringValue(std::string_view key) const {
    const GgufEntry* entry = find(key);
    if (entry == nullptr)
        return std::optional<std::string>();
    if (const auto* text = std::get_if<std::string>(&entry->value))
        return std::optional(*text);
    return wrongType(*this, key, "text");
}

Result<const GgufArray*> GgufHeader::arrayValue(std::string_view key, GgufType element) const {
    const GgufEntry* entry = find(key);
    if (entry == nullptr)
        return static_cast<const GgufArray*>(nullptr);
    const auto* array = std::get_if<GgufArray>(&entry->value);
    if (array == nullptr || array->element != element)
        return wrongType(*this, key, "an array of another element type");
    return array;
}

Status GgufHeader::readStrings(const GgufArray& array,
                               const std::function<Status(std::string_view)>& take) const {
    GgufCursor cursor(*file, array.offset);
    std::string text;
    for (std::uint64_t i = 0; i < array.count; ++i) {
        INGLENOOK_TRY(cursor.string(text, kLongestToken, "a string in an array"));
        INGLENOOK_TRY(take(text));
    }
    return {};
}

Result<std::vector<float>> GgufHeader::readFloats(const GgufArray& array) const {
    return readElements<float>(*file, array);
}

Result<std::vector<std::int32_t>> GgufHeader::readInts(const GgufArray& array) const {
    return readElements<std::int32_t>(*file, array);
}

} // namespace engine
