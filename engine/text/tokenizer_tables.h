#pragma once
// Tables a tokenizer is built on: what bytes each token stands for, and which token stands for each
// byte. Checks the vocabulary on the way.

#include "engine/status.h"
#include "engine/text/bpe.h"
#include "engine/text/vocabulary.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

constexpr std::size_t kMaxTokens = std::size_t(1) << 21;

/// Code point of a byte in GPT-2's printable alphabet: printable bytes stand for themselves, the
/// others are numbered from U+0100 on.
std::array<char32_t, 256> printableAlphabet();

/// Can text become this token by merging? Control, unknown, byte and unused tokens never come from
/// merging.
bool isMergeable(TokenAttribute attribute);

/// OK, or what is wrong with the ids, scores and texts.
Status checkVocabulary(const Vocabulary& vocabulary);

/// The bytes of every token, one after the other.
class TokenBytes {
  public:
    TokenBytes() = default;
    explicit TokenBytes(const Vocabulary& vocabulary);
    std::string_view of(TokenId id) const;

  private:
    std::string m_bytes;
    std::vector<std::size_t> m_begins; // [tokens + 1]
};

/// Token of each byte, kNoToken where there is none.
std::array<TokenId, 256> byteTokens(const Vocabulary& vocabulary, const TextIndex& all);

/// Every id that ends an answer: what the file says, and the well-known end-of-turn tokens that are
/// control tokens here.
std::vector<bool> endOfGenerationSet(const Vocabulary& vocabulary, const TextIndex& all);

} // namespace engine
