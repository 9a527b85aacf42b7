#pragma once
// What a model would take of the memory once it is loaded, told from the bytes of its files alone:
// good enough to choose a download by; the exact plan (engine/runtime/fit.h) needs the file. Pure
// functions.
//
// Method: elements = file bits / bits a weight of the file's format; weights = elements * bits a
// weight of the format it is run in, the mixture of the K formats (embedding and half of the value
// and down projections run in int8) taken into account; KV of one token = what models with grouped
// queries of that size have, 26 KB * sqrt(billions of weights) in int8 and at least 75 KB (Qwen3
// 4B: 74, Llama 8B: 66, Qwen2 14B: 98, Qwen2 32B: 131, Llama 70B: 164); and a fixed part for
// workspace and driver. From 7 billion weights on it is at most a tenth and the fixed part too
// much; models with less are small beside any memory.

#include "app/download/download_values.h"

namespace app {

/// How models are loaded, as the settings say it; empty or 0: as the engine chooses.
struct LoadWish {
    QString weights; // "f32", "bf16", "int8", "int4"
    QString kv;      // "f32", "bf16", "int8"
    int contextTokens = 0;

    bool operator==(const LoadWish&) const = default;
};

/// [bytes] `quantization` as quantizationOf() tells it; empty or unknown ones count as roomy.
qint64 memoryNeed(const QString& quantization, qint64 file_bytes, const LoadWish& wish,
                  int contextTokens);

} // namespace app
