#pragma once
// Vocabulary of a Hugging Face folder: tokenizer.json, or vocab.json with merges.txt.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <filesystem>

namespace engine {

/// An empty vocabulary when the folder has no tokenizer (reference models).
Result<Vocabulary> vocabularyFromFolder(const std::filesystem::path& folder);

} // namespace engine
