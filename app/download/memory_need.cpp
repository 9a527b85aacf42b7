#include "app/download/memory_need.h"

#include <algorithm>
#include <cmath>

namespace app {

namespace {

constexpr double kFixed_bytes = 600e6;      // workspace, and a GPU's context
constexpr double kKvOfBillion_bytes = 26e3; // of a token in int8, by the root of the billions
constexpr double kLeastKv_bytes = 75e3;     // the same, of small models
constexpr double kUnknownGrowth = 1.6;      // of formats not in the table: that of Q5_0
constexpr double kBitsOfUnknown = 5.5;      // a weight in the file

/// Bits a weight.
struct FormatBits {
    const char* begins; // what the format's name begins with
    double file;
    double loaded;     // when the engine chooses
    double int4 = 5.0; // when int4 is asked for: embedding and head stay int8
};

// Longer beginnings first. Formats with minima keep them in int4, half a bit more. Formats of five
// and six bits are run in int8, those of 16 and 32 too.
constexpr FormatBits kFormats[] = {
    {"Q4_K_S", 4.6, 5.6, 5.5}, {"Q4_K", 4.85, 6.0, 5.5}, {"Q4_0", 4.6, 5.0},
    {"Q4_1", 5.1, 5.5, 5.5},   {"Q5_1", 6.0, 8.5},       {"Q5_", 5.5, 8.5},
    {"Q6_K", 6.56, 8.5},       {"Q8_0", 8.5, 8.5},       {"BF16", 16, 8.2},
    {"F16", 16, 8.2},          {"FP16", 16, 8.2},        {"F32", 32, 8.2},
    {"FP32", 32, 8.2},         {"safetensors", 16, 8.2},
};

FormatBits bitsOf(const QString& quantization) {
    for (const FormatBits& format : kFormats)
        if (quantization.startsWith(QLatin1String(format.begins)))
            return format;
    return {"", kBitsOfUnknown, kBitsOfUnknown * kUnknownGrowth};
}

/// Of a weight; 0: as the engine chooses.
double wishedBits(const QString& weights, const FormatBits& format) {
    return weights == QLatin1String("f32")    ? 32
           : weights == QLatin1String("bf16") ? 16
           : weights == QLatin1String("int8") ? 8.2
           : weights == QLatin1String("int4") ? format.int4
                                              : 0;
}

/// Of a number of the KV; the engine keeps it as exactly as the weights.
double kvBytes(const LoadWish& wish) {
    const QString format =
        wish.kv.isEmpty() || wish.kv == QLatin1String("auto") ? wish.weights : wish.kv;
    return format == QLatin1String("f32") ? 4 : format == QLatin1String("bf16") ? 2 : 1;
}

} // namespace

qint64 memoryNeed(const QString& quantization, qint64 file_bytes, const LoadWish& wish,
                  int contextTokens) {
    const FormatBits bits = bitsOf(quantization);
    const double elements = double(file_bytes) * 8 / bits.file;
    const double wished = wishedBits(wish.weights, bits);
    const double weights_bytes = elements * (wished > 0 ? wished : bits.loaded) / 8;
    const double token_bytes =
        std::max(kLeastKv_bytes, kKvOfBillion_bytes * std::sqrt(elements / 1e9)) * kvBytes(wish);
    return qint64(weights_bytes + token_bytes * contextTokens + kFixed_bytes);
}

} // namespace app
