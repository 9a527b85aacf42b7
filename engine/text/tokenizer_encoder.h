#pragma once
// TokenEncoder: turns stretches of text between added tokens into ids. One instance a call: it
// holds the scratch memory, and for long texts a bounded cache of pieces seen before.

#include "engine/text/bpe.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/sentence_piece.h"
#include "engine/text/vocabulary.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// What encoding needs, read-only and shared by all calls.
struct EncoderTables {
    BpeRules rules;
    std::shared_ptr<const PreTokenizer> splitter;
    std::array<TokenId, 256> bytes{};
    CharacterSymbols characters; // SentencePiece
    bool cutBeforeSpaces = false;
    TextIndex wholePieces; // bytes -> token, filled only when merges are ignored for whole tokens
};

class TokenEncoder {
  public:
    TokenEncoder(const Vocabulary& vocabulary, const EncoderTables& tables, std::size_t textSize,
                 std::vector<TokenId>& ids);
    /// `first`: nothing stands before this text.
    void encode(std::string_view text, bool first);

  private:
    struct CachedPiece { // one cache line
        std::uint8_t bytes = 0;
        std::uint8_t count = 0;
        std::array<char, 30> text{};
        std::array<TokenId, 8> ids{};
    };

    void encodeBytes(std::string_view text);
    void encodeSentence(std::string_view text);
    void split(std::string_view text);
    void piece(std::string_view text);
    void mergedPiece(std::string_view text);
    void symbolsOf(std::string_view text);
    void spellOut(std::string_view bytes);

    const Vocabulary& m_vocabulary;
    const EncoderTables& m_tables;
    std::vector<TokenId>& m_ids;
    PreTokenizer::Session m_session;
    BpeMerger m_merger;
    std::vector<BpeSymbol> m_symbols;
    std::vector<CachedPiece> m_cache;
    std::string m_prepared;
};

} // namespace engine
