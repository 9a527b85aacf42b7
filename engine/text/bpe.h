#pragma once
// Bpe: merges neighbouring symbols by rank until no rule applies. One engine serves byte-level BPE
// (ranks are the order of the merges) and SentencePiece (ranks are the order of the scores).
//
// Method: Sennrich et al. 2016; short pieces by scanning for the lowest rank, long ones by a linked
// list and a heap, O(n log n), so that a megabyte without a space stays affordable.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engine {

/// Spelling of a token -> id; views into the vocabulary.
using TextIndex = std::unordered_map<std::string_view, TokenId>;

/// What a pair of symbols becomes. Lower rank first; of equal ranks the leftmost.
struct BpeRule {
    std::uint32_t rank = 0;
    TokenId result = kNoToken;
};

/// (left, right) -> rule, by open addressing; read-only after it was filled.
class BpeRules {
  public:
    explicit BpeRules(std::size_t expected = 0);
    /// Keeps the rule of the lower rank when the pair is known already. Both ids are >= 0.
    void insert(TokenId left, TokenId right, BpeRule rule);
    /// nullptr when the pair does not merge; ids below 0 never do.
    const BpeRule* find(TokenId left, TokenId right) const;
    std::size_t size() const { return m_size; }

  private:
    struct Slot {
        std::uint64_t pair = kEmpty;
        BpeRule rule;
    };
    static constexpr std::uint64_t kEmpty = ~0ULL;

    std::size_t slotOf(std::uint64_t pair) const;
    void grow();

    std::vector<Slot> m_slots; // a power of two
    int m_shift = 0;
    std::size_t m_size = 0;
};

/// The rules of vocabulary.merges; `mergeable` are the tokens that text may become. A merge that
/// names an absent token is an error; one of a control token is left out, so that text never
/// becomes one.
Result<BpeRules> rulesFromMerges(const Vocabulary& vocabulary, const TextIndex& mergeable,
                                 const TextIndex& all);

/// One symbol of a piece: a token id (or a number below 0 or past the vocabulary: not a token, its
/// bytes are spelled out) and where its bytes begin in the piece.
struct BpeSymbol {
    TokenId id = kNoToken;
    std::size_t begin = 0;
};

/// Scratch memory of one thread.
class BpeMerger {
  public:
    explicit BpeMerger(const BpeRules& rules) : m_rules(rules) {}
    /// Merges in place; what remains are the final symbols in order.
    void merge(std::vector<BpeSymbol>& symbols);

  private:
    struct Candidate {
        std::uint32_t rank = 0;
        std::uint32_t left = 0; // index into the symbols
        TokenId leftId = kNoToken;
        TokenId rightId = kNoToken;
        TokenId result = kNoToken;
    };
    void mergeShort(std::vector<BpeSymbol>& symbols);
    void mergeLong(std::vector<BpeSymbol>& symbols);
    void propose(const std::vector<BpeSymbol>& symbols, std::uint32_t left, std::uint32_t right);

    const BpeRules& m_rules;
    std::vector<Candidate> m_heap;
    std::vector<std::uint32_t> m_next;
    std::vector<std::uint32_t> m_previous;
};

} // namespace engine
