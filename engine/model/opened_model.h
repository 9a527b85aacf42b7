#pragma once
// OpenedModel: a model file or folder, opened and checked but not loaded: its configuration, its
// tensors, what its tokenizer and chat template are made from, its sampling defaults.
//
// openModel() takes a .gguf file (v2, v3, split files by their first part) or a Hugging Face folder
// (config.json, safetensors, tokenizer.json or vocab.json + merges.txt, generation_config.json).
// Allocates at most 64 MiB + 2 x the size of the metadata; reads by pread. Any thread.

#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"
#include "engine/text/vocabulary.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace engine {

/// Sampling defaults a model publishes (generation_config.json); absent = not published.
struct PublishedSampling {
    std::optional<float> temperature;
    std::optional<float> topP;
    std::optional<int> topK;
    std::optional<float> minP;
    std::optional<float> repetitionPenalty;
};

struct OpenedModel {
    std::filesystem::path path;
    std::string format;          // "GGUF v3" or "safetensors"
    std::string fileType;        // the type most weights have: "Q8_0", "BF16" ...
    std::uint64_t fileBytes = 0; // of all parts
    ModelConfig config;
    std::shared_ptr<const TensorSource> tensors;
    Vocabulary vocabulary;    // may be empty: a reference model without tokenizer
    std::string chatTemplate; // Jinja source, or empty
    PublishedSampling sampling;
    std::string licence;   // as the file states it, or empty
    std::string baseModel; // e.g. "Qwen2.5-Math-7B" for a distilled model, or empty
};

Result<OpenedModel> openModel(const std::filesystem::path& path);

/// Only the vocabulary (works for vocabulary-only GGUF files, which have no tensors).
Result<Vocabulary> openVocabulary(const std::filesystem::path& path);

} // namespace engine
