#pragma once
// Vocabulary: what a model file says about its tokenizer, format-neutral. The readers fill it, the
// tokenizer is built from it.

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

using TokenId = std::int32_t;
constexpr TokenId kNoToken = -1;

enum class TokenizerKind {
    None,         ///< the model has no tokenizer
    ByteLevelBpe, ///< GPT-2 style: bytes mapped to printable characters, merges by rank
    SentencePiece ///< llama-spm: U+2581 for space, merges by score, byte fallback <0xNN>
};

enum class TokenAttribute : std::uint8_t {
    Normal,
    Unknown,
    Control,     ///< special: matched only where special tokens are allowed, never printed
    UserDefined, ///< added token: matched verbatim before the model's own splitting, printed
    Unused,
    Byte ///< <0xNN>
};

struct VocabularyToken {
    std::string text; // as the file spells it (byte-level BPE: in the printable alphabet; added
                      // tokens: plain)
    float score = 0;  // SentencePiece
    TokenAttribute attribute = TokenAttribute::Normal;
    bool lstrip = false; // added token swallows white space on its left / right (tokenizer.json)
    bool rstrip = false;
};

struct Vocabulary {
    TokenizerKind kind = TokenizerKind::None;
    std::vector<VocabularyToken> tokens;
    std::vector<std::string> merges;       // "left right", by rank; SentencePiece: only from
                                           // tokenizer.json, then they count and the scores do not
    std::string preTokenizer;              // GGUF `tokenizer.ggml.pre`: "qwen2", "deepseek-llm" ...
    std::vector<std::string> splitRegexes; // from tokenizer.json, in order; used when preTokenizer
                                           // is empty. Both empty: "default"
    bool splitDigitsSingly = false;        // tokenizer.json "Digits" with individual_digits
    bool normalizeNfc = false;             // tokenizer.json normalizer NFC (Qwen)
    bool ignoreMerges = false; // a pre-token that is itself a token is taken whole (llama 3)
    bool addBos = false;
    bool addEos = false;
    bool addSpacePrefix = false;        // SentencePiece: a space before text, also after each added
                                        // token; byte-level BPE: unless it begins with one
    bool spacePrefixIfNone = false;     // ... only before text that begins without one (Metaspace)
    bool spacePrefixOnlyFirst = false;  // ... only at the very beginning (Metaspace, "first")
    bool removeExtraWhitespace = false; // SentencePiece
    TokenId bos = kNoToken;
    TokenId eos = kNoToken;
    TokenId unknown = kNoToken;
    TokenId padding = kNoToken;
    std::vector<TokenId>
        endOfGeneration; // every id that ends an answer: eos, <|im_end|>, <|eot_id|> ...
};

} // namespace engine
