#pragma once
// Vocabulary from GGUF's tokenizer.ggml.* keys.

#include "engine/model/gguf_parser.h"
#include "engine/text/vocabulary.h"

namespace engine {

/// An empty vocabulary (TokenizerKind::None) when the file has no tokenizer; VocabularyInvalid when
/// its arrays do not fit together or a special id lies outside.
Result<Vocabulary> vocabularyFromGguf(const GgufHeader& header);

} // namespace engine
