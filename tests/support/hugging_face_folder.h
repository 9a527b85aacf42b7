#pragma once
// A small reference model in the dress of a published one: config.json with that model's keys,
// generation_config.json, tokenizer.json, tokenizer_config.json with its chat template, and the
// weights in two shards with an index. The numbers stay those of the reference model, so its golden
// file still holds.

#include <QString>

namespace tests {

enum class PublishedModel {
    R1DistillLlama8B,  ///< llama3 RoPE scaling, ignore_merges, merges as pairs
    R1DistillQwen1_5B, ///< a LlamaTokenizerFast over Qwen's tables, another bos in config.json
    R1_0528Qwen3_8B    ///< yarn with its attn_factor, two end tokens
};

enum class RopeForm {
    Published,     ///< rope_theta and rope_scaling beside the other keys
    RopeParameters ///< one object, as transformers 5 writes it; the reference model's own numbers
};

enum class Weights {
    AsTheyAre,
    OnInt8Grid ///< each 32 of a row are 127 steps of a power of two: INT8 holds them exactly
};

/// `reference` is a folder of tests/fixtures/goldens. False when something could not be written.
bool writeHuggingFaceFolder(PublishedModel model, RopeForm form, Weights weights,
                            const QString& reference, const QString& templateFile,
                            const QString& folder);

} // namespace tests
