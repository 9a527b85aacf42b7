#pragma once
// TokenizerJsonDocument: a tokenizer file as it stands. The large parts (model.vocab, model.merges)
// are streamed into plain vectors, the small rest becomes a JSON value of bounded size and depth.

#include "engine/status.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct TokenizerJsonDocument {
    struct Entry {
        std::string text;
        std::uint64_t id = 0;
    };
    std::vector<Entry> vocab;        // model.vocab
    std::vector<std::string> merges; // model.merges as "left right", from strings or pairs
    bool vocabIsList = false;        // a Unigram model's; its entries were not kept
    nlohmann::json rest;             // the document without both
};

enum class JsonShape {
    TokenizerJson, // with model.vocab and model.merges
    VocabJson,     // {"token": id}
    Small          // a configuration
};

/// `file` names the text in errors. Never throws but for memory.
Result<TokenizerJsonDocument> readTokenizerJson(std::string_view text, std::string_view file,
                                                JsonShape shape);

/// "{file} cannot be used: {field} {reason}."
Status invalidJson(std::string_view file, std::string_view field, std::string_view reason);

} // namespace engine
