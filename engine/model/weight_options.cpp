#include "engine/model/weight_options.h"

#include <array>
#include <string>

namespace engine {

namespace {

constexpr std::array<std::string_view, 5> kWeights = {"auto", "f32", "bf16", "int8", "int4"};
constexpr std::array<std::string_view, 4> kActivations = {"auto", "f32", "bf16", "int8"};
constexpr std::array<std::string_view, 4> kSplits = {"auto", "tensor", "layer", "replicas"};

/// The enumerator whose name `text` is; the names stand in the order of the enumeration.
template<typename Enum, std::size_t Count>
Result<Enum> parse(std::string_view option, std::string_view text,
                   const std::array<std::string_view, Count>& names) {
    std::string expected = "it is one of";
    for (std::size_t i = 0; i < Count; ++i) {
        if (names[i] == text)
            return static_cast<Enum>(i);
        expected += i == 0 ? " " : ", ";
        expected += names[i];
    }
    return Status(Code::OptionInvalid, {{"option", std::string(option)},
                                        {"value", std::string(text)},
                                        {"expected", std::move(expected)}});
}

} // namespace

std::string_view name(WeightFormat format) {
    return kWeights[static_cast<std::size_t>(format)];
}
std::string_view name(ActivationFormat format) {
    return kActivations[static_cast<std::size_t>(format)];
}
std::string_view name(KvFormat format) {
    return kActivations[static_cast<std::size_t>(format)];
}
std::string_view name(SplitMode mode) {
    return kSplits[static_cast<std::size_t>(mode)];
}

Result<WeightFormat> parseWeightFormat(std::string_view text) {
    return parse<WeightFormat>("--weights", text, kWeights);
}
Result<ActivationFormat> parseActivationFormat(std::string_view text) {
    return parse<ActivationFormat>("--acts", text, kActivations);
}
Result<KvFormat> parseKvFormat(std::string_view text) {
    return parse<KvFormat>("--kv", text, kActivations);
}
Result<SplitMode> parseSplitMode(std::string_view text) {
    return parse<SplitMode>("--split", text == "layers" ? kSplits[2] : text, kSplits);
}

} // namespace engine
