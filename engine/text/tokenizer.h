#pragma once
// Tokenizer: text to token ids and back. Immutable after create(), safe to share between threads.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct EncodeOptions {
    bool addBos = true; ///< begin with bos when the vocabulary says so
    bool parseSpecial =
        false; ///< may text like "<|im_end|>" become a control token? Message bodies: never
};

class Tokenizer {
  public:
    /// Builds the tokenizer of a vocabulary; names what is inconsistent (merges of absent tokens,
    /// ids out of range).
    static Result<std::shared_ptr<const Tokenizer>> create(Vocabulary vocabulary);
    virtual ~Tokenizer() = default;

    /// Never fails: bytes that are not UTF-8 become byte tokens or the unknown token.
    virtual std::vector<TokenId> encode(std::string_view text,
                                        EncodeOptions options = {}) const = 0;

    /// The bytes a token stands for; may be part of a UTF-8 character. Control tokens give ""
    /// unless `special`.
    virtual std::string_view tokenBytes(TokenId id, bool special = false) const = 0;
    /// Text of many ids (with SentencePiece's leading space removed where the format demands it).
    virtual std::string decode(std::span<const TokenId> ids, bool special = false) const = 0;

    virtual const Vocabulary& vocabulary() const = 0;
    /// Id of a token by its exact spelling, kNoToken when absent.
    virtual TokenId find(std::string_view tokenText) const = 0;
    virtual bool isEndOfGeneration(TokenId id) const = 0;
    virtual bool isControl(TokenId id) const = 0;
};

} // namespace engine
