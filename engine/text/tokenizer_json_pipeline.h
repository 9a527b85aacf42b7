#pragma once
// The stages of tokenizer.json (normalizer, pre_tokenizer, post_processor, decoder) translated into
// the switches of a Vocabulary.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <nlohmann/json.hpp>
#include <string>

namespace engine {

/// What the stages say beyond the switches.
struct TokenizerPipeline {
    bool byteLevel = false;    // bytes become the printable alphabet
    bool spaceSymbols = false; // spaces become U+2581
    std::string bos;           // tokens that TemplateProcessing puts around the text, or empty
    std::string eos;
};

/// Fills splitRegexes, normalizeNfc and the space prefix; a stage of another type is named.
Status readPipeline(const nlohmann::json& document, Vocabulary& vocabulary,
                    TokenizerPipeline& pipeline);

} // namespace engine
