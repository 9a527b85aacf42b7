#pragma once
// The metadata of a converted model: copied from a GGUF, or written from what a Hugging Face folder
// (or a synthetic shape) says, under llama.cpp's key names.

#include "engine/model/gguf_writer.h"
#include "engine/model/opened_model.h"
#include "engine/model/weight_options.h"

namespace engine {

Status writeMetadata(const OpenedModel& model, WeightFormat weights, GgufWriter& writer);

/// GGUF's name of a vocabulary's pre-tokenizer: its own, or derived from its regular expressions;
/// "default" when none is known.
std::string preTokenizerName(const Vocabulary& vocabulary);

} // namespace engine
