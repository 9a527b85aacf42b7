#pragma once
// The number formats a model is run in; --weights, --acts, --kv. Meaning:
// engine/model/quantize.h for weights, engine/device for activations and KV.

#include "engine/status.h"

#include <cstdint>
#include <string_view>

namespace engine {

enum class WeightFormat { Auto, F32, BF16, Int8, Int4 };
enum class ActivationFormat { Auto, F32, BF16, Int8 };
enum class KvFormat { Auto, F32, BF16, Int8 };
enum class SplitMode { Auto, Tensor, Layer, Replicas };

struct NumberFormats {
    WeightFormat weights = WeightFormat::Auto;
    ActivationFormat activations = ActivationFormat::Auto;
    KvFormat kv = KvFormat::Auto;
};

std::string_view name(WeightFormat format); // "auto", "f32", "bf16", "int8", "int4"
std::string_view name(ActivationFormat format);
std::string_view name(KvFormat format);
std::string_view name(SplitMode mode);
Result<WeightFormat> parseWeightFormat(std::string_view text);
Result<ActivationFormat> parseActivationFormat(std::string_view text);
Result<KvFormat> parseKvFormat(std::string_view text);
Result<SplitMode> parseSplitMode(std::string_view text);

} // namespace engine
