#pragma once
// Hugging Face tokenizer files to a Vocabulary: tokenizer.json, or vocab.json with merges.txt.
//
// Read: BPE models (byte level, or SentencePiece-like with byte fallback), the normalizers NFC,
// Prepend, Replace, the pre-tokenizers Split, ByteLevel, Digits, Metaspace, TemplateProcessing,
// added tokens. Anything else that would change ids is an error that names it, never skipped.
// Strings that are empty stand for files that do not exist. Any thread.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <string_view>

namespace engine {

Result<Vocabulary> vocabularyFromTokenizerJson(std::string_view tokenizerJson,
                                               std::string_view tokenizerConfigJson,
                                               std::string_view generationConfigJson);

/// The pre-tokenizer follows from tokenizer_class of the configuration: GPT-2's or Qwen2's.
Result<Vocabulary> vocabularyFromBpeFiles(std::string_view vocabJson, std::string_view mergesTxt,
                                          std::string_view tokenizerConfigJson);

} // namespace engine
