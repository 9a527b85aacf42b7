#pragma once
// PrefixCache: which KV pages hold which text, so that a prompt's known beginning is not computed
// again.
//
// Every full page of 32 tokens has a 128-bit hash over its parent's hash and its tokens; the hash
// of the first page's parent covers what else the content depends on: model, weights, activations,
// KV format, RoPE settings, and the client (nobody can find out by timing what another one
// asked). A hash only finds an entry: tokens, parent and client are compared, so a collision is a
// miss and never mixes texts. Entries form a forest; a page is evicted with all that hang on it.
// Pages of reproducible requests are a kind of their own: they are computed in fixed chunks.
// Engine thread only. Memory is allocated at construction (172 bytes a page) and per new client.

#include "engine/runtime/kv_cache.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace engine {

struct PageHash {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const PageHash&) const = default;
};

/// The hash of a page behind `parent`.
PageHash hashPage(const PageHash& parent, std::span<const TokenId> tokens);

/// Where a client's texts begin.
struct PrefixRoot {
    std::uint32_t id = 0;
    PageHash hash;
};

class PrefixCache {
  public:
    /// `settings`: everything of model and formats that the content of a page depends on.
    PrefixCache(KvCache& pages, std::uint32_t pageCount, std::string settings);

    PrefixRoot root(const std::string& client, bool reproducible);

    /// The page that holds these kPageTokens tokens behind `parent` (kPaddingPage = at the
    /// beginning), or kPaddingPage.
    PageId find(const PrefixRoot& root, PageId parent, const PageHash& hash,
                std::span<const TokenId> tokens) const;
    /// The page behind `parent` that begins like `tokens`, and how many tokens agree.
    PageId findSimilar(const PrefixRoot& root, PageId parent, std::span<const TokenId> tokens,
                       std::uint32_t& agreeing) const;
    /// Keeps a full page that find() does not know; its parent is kept or kPaddingPage.
    void keep(const PrefixRoot& root, PageId parent, const PageHash& hash,
              std::span<const TokenId> tokens, PageId page);
    /// Forgets every text. No kept page is a parent any more: who has pages keeps them anew.
    void clear();

  private:
    struct Entry {
        PageHash hash;
        std::uint32_t root = 0;
        bool isKept = false;
        PageId parent = kPaddingPage;
        PageId firstChild = kPaddingPage; // of page 0: the first pages of all texts
        PageId nextSibling = kPaddingPage;
        PageId previousSibling = kPaddingPage;
        PageId nextInBucket = kPaddingPage;
        std::array<TokenId, kPageTokens> tokens{};
    };

    std::size_t bucketOf(const PageHash& hash) const { return hash.low & (m_buckets.size() - 1); }
    void forget(PageId page);
    void pruneRoots();

    KvCache& m_pages;
    std::string m_settings;
    std::vector<Entry> m_entries;  // [pageCount], by page
    std::vector<PageId> m_buckets; // first page of each, a power of two of them
    std::unordered_map<std::string, PrefixRoot> m_roots;
    std::uint32_t m_lastRoot = 0;
};

} // namespace engine
