#include "engine/runtime/golden_file.h"

#include "engine/model/safetensors_file.h"

#include <string>

namespace engine {

namespace {

Status invalid(const std::filesystem::path& path, const std::string& field,
               const std::string& value) {
    return Status(Code::GoldenInvalid,
                  {{"file", path.string()}, {"field", field}, {"value", value}});
}

/// One array of the wanted type; `values` is the vector of SafetensorsArray that holds that type.
template<typename T>
Status readArray(const std::filesystem::path& path, const char* name,
                 std::vector<T> SafetensorsArray::*values, std::vector<T>& out) {
    Result<SafetensorsArray> array = readSafetensorsArray(path, name);
    if (array.ok() && ((*array).*values).empty() && array->ints.size() + array->floats.size() > 0)
        return invalid(path, name, "of another type");
    switch (array.status().code()) {
    case Code::Ok:
        break;
    case Code::TensorMissing:
        return invalid(path, name, "missing");
    case Code::ModelUnsupported:
        return invalid(path, name, "of another type");
    case Code::ModelDamaged: // advises to download a model again
    case Code::JsonInvalid:
        return invalid(path, "its header", "not that of a safetensors file");
    default:
        return array.status();
    }
    out = std::move((*array).*values);
    return {};
}

} // namespace

Result<Golden> readGolden(const std::filesystem::path& path, std::uint32_t vocabularySize) {
    Golden golden;
    std::vector<std::int32_t> positions;
    INGLENOOK_TRY(readArray(path, "input_ids", &SafetensorsArray::ints, golden.inputIds));
    INGLENOOK_TRY(readArray(path, "positions", &SafetensorsArray::ints, positions));
    INGLENOOK_TRY(readArray(path, "logits", &SafetensorsArray::floats, golden.logits));
    INGLENOOK_TRY(readArray(path, "greedy", &SafetensorsArray::ints, golden.greedy));
    INGLENOOK_TRY(readArray(path, "margins", &SafetensorsArray::floats, golden.margins));
    // A negative one becomes too large a one.
    golden.positions.assign(positions.begin(), positions.end());
    for (const std::vector<TokenId>* ids : {&golden.inputIds, &golden.greedy})
        for (const TokenId id : *ids)
            if (id < 0 || static_cast<std::uint32_t>(id) >= vocabularySize)
                return invalid(path, "a token id", std::to_string(id));
    for (std::size_t i = 0; i < golden.positions.size(); ++i)
        if (golden.positions[i] >= golden.inputIds.size() ||
            (i > 0 && golden.positions[i] <= golden.positions[i - 1]))
            return invalid(path, "positions", std::to_string(golden.positions[i]));
    if (golden.positions.empty())
        return invalid(path, "positions", "empty");
    if (golden.logits.size() != golden.positions.size() * vocabularySize)
        return invalid(path, "logits",
                       "of " + std::to_string(golden.logits.size() / golden.positions.size()) +
                           " tokens a position");
    if (golden.greedy.size() != golden.margins.size())
        return invalid(path, "margins", "of another length than greedy");
    return golden;
}

} // namespace engine
