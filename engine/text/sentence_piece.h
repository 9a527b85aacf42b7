#pragma once
// SentencePiece: how llama-spm prepares text (U+2581 for a space) and which symbols merge.
//
// SentencePiece joins the neighbours whose concatenation is the token of the highest score. That
// equals merging by rules: every way to cut a token into two known symbols is a rule, ranked by the
// token's score (Kudo, Richardson 2018).

#include "engine/text/bpe.h"
#include "engine/text/vocabulary.h"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace engine {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81"; // U+2581

/// The symbol a character starts as.
class CharacterSymbols {
  public:
    CharacterSymbols() { m_ascii.fill(kNoToken); }
    void set(char32_t character, TokenId symbol);
    /// kNoToken when the character is part of no token.
    TokenId find(char32_t character) const;

  private:
    std::array<TokenId, 128> m_ascii;
    std::unordered_map<char32_t, TokenId> m_others;
};

struct SentencePieceRules {
    BpeRules rules;
    CharacterSymbols characters;
};

/// Rules from the scores of the tokens in `mergeable` (spelling -> id). A character that is no
/// token but begins or ends one becomes a symbol numbered from tokens.size() on.
SentencePieceRules rulesFromScores(const Vocabulary& vocabulary, const TextIndex& mergeable);

/// The symbols alone, for vocabularies that bring their merges.
CharacterSymbols characterSymbols(const TextIndex& mergeable);

/// True when no token holds a space after something else: then text may be cut before each space
/// that follows something else, and no merge is lost.
bool spacesOnlyLead(const TextIndex& mergeable);

/// Spaces become U+2581, with a prefix if asked, without extra white space if asked.
std::string prepareSentencePiece(std::string_view text, bool prefix, bool removeExtraWhitespace);

} // namespace engine
