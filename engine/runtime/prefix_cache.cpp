#include "engine/runtime/prefix_cache.h"

#include <algorithm>
#include <bit>
#include <set>

namespace engine {

namespace {

constexpr std::size_t kMostRoots = 1024;            // then clients without pages are forgotten
constexpr std::uint32_t kMostSiblingsLookedAt = 64; // for a similar page

constexpr std::uint64_t kFirstFactor = 0x9E3779B97F4A7C15ULL;
constexpr std::uint64_t kSecondFactor = 0xC2B2AE3D27D4EB4FULL;

/// Two lanes that see every word differently; each step is a bijection of its lane.
void mix(PageHash& hash, std::uint64_t word) {
    hash.low = std::rotl((hash.low ^ word) * kFirstFactor, 31);
    hash.high = std::rotl((hash.high + word) * kSecondFactor, 27) ^ word;
}

/// Lets every bit of both lanes reach every other one.
void stir(PageHash& hash) {
    for (int round = 0; round < 2; ++round) {
        hash.low ^= hash.high >> 29;
        hash.low *= 0xBF58476D1CE4E5B9ULL;
        hash.high ^= hash.low >> 32;
        hash.high *= 0x94D049BB133111EBULL;
    }
    hash.low ^= hash.high >> 31;
}

} // namespace

PageHash hashPage(const PageHash& parent, std::span<const TokenId> tokens) {
    PageHash hash = parent;
    for (const TokenId token : tokens)
        mix(hash, static_cast<std::uint32_t>(token));
    mix(hash, tokens.size());
    stir(hash);
    return hash;
}

PrefixCache::PrefixCache(KvCache& pages, std::uint32_t pageCount, std::string settings)
    : m_pages(pages),
      m_settings(std::move(settings)),
      m_entries(std::max(1U, pageCount)),
      m_buckets(std::bit_ceil(std::max(1U, pageCount)), kPaddingPage) {
    m_pages.onEvict([this](PageId page) { forget(page); });
}

PrefixRoot PrefixCache::root(const std::string& client, bool reproducible) {
    const std::string name = (reproducible ? "r" : "s") + client;
    if (const auto found = m_roots.find(name); found != m_roots.end())
        return found->second;
    if (m_roots.size() >= kMostRoots)
        pruneRoots();
    PrefixRoot root;
    root.id = ++m_lastRoot;
    for (const std::string_view text : {std::string_view(m_settings), std::string_view(name)}) {
        for (const char c : text)
            mix(root.hash, static_cast<unsigned char>(c));
        mix(root.hash, text.size());
        stir(root.hash);
    }
    m_roots.emplace(name, root);
    return root;
}

/// A client whose pages have all gone may be known under a new number later.
void PrefixCache::pruneRoots() {
    std::set<std::uint32_t> inUse;
    for (const Entry& entry : m_entries)
        if (entry.isKept)
            inUse.insert(entry.root);
    std::erase_if(m_roots, [&](const auto& root) { return !inUse.contains(root.second.id); });
}

PageId PrefixCache::find(const PrefixRoot& root, PageId parent, const PageHash& hash,
                         std::span<const TokenId> tokens) const {
    for (PageId page = m_buckets[bucketOf(hash)]; page != kPaddingPage;
         page = m_entries[page].nextInBucket) {
        const Entry& entry = m_entries[page];
        if (entry.hash == hash && entry.root == root.id && entry.parent == parent &&
            std::equal(tokens.begin(), tokens.end(), entry.tokens.begin(), entry.tokens.end()))
            return page;
    }
    return kPaddingPage;
}

PageId PrefixCache::findSimilar(const PrefixRoot& root, PageId parent,
                                std::span<const TokenId> tokens, std::uint32_t& agreeing) const {
    PageId best = kPaddingPage;
    agreeing = 0;
    std::uint32_t looked = 0;
    for (PageId page = m_entries[parent].firstChild;
         page != kPaddingPage && looked < kMostSiblingsLookedAt;
         page = m_entries[page].nextSibling, ++looked) {
        const Entry& entry = m_entries[page];
        if (entry.root != root.id)
            continue;
        const auto differs =
            std::mismatch(tokens.begin(), tokens.end(), entry.tokens.begin(), entry.tokens.end());
        const auto count = static_cast<std::uint32_t>(differs.first - tokens.begin());
        if (count > agreeing) {
            agreeing = count;
            best = page;
        }
    }
    return best;
}

void PrefixCache::keep(const PrefixRoot& root, PageId parent, const PageHash& hash,
                       std::span<const TokenId> tokens, PageId page) {
    Entry& entry = m_entries[page];
    entry.hash = hash;
    entry.root = root.id;
    entry.isKept = true;
    entry.parent = parent;
    entry.firstChild = kPaddingPage;
    entry.previousSibling = kPaddingPage;
    entry.nextSibling = m_entries[parent].firstChild;
    if (entry.nextSibling != kPaddingPage)
        m_entries[entry.nextSibling].previousSibling = page;
    m_entries[parent].firstChild = page;
    std::copy_n(tokens.begin(), kPageTokens, entry.tokens.begin());
    PageId& bucket = m_buckets[bucketOf(hash)];
    entry.nextInBucket = bucket;
    bucket = page;
    m_pages.keep(page);
}

void PrefixCache::clear() {
    while (m_entries[kPaddingPage].firstChild != kPaddingPage)
        forget(m_entries[kPaddingPage].firstChild);
}

/// Takes a page and all that hang on it out of the forest; the deepest go first.
void PrefixCache::forget(PageId page) {
    if (!m_entries[page].isKept)
        return;
    PageId at = page;
    for (;;) {
        while (m_entries[at].firstChild != kPaddingPage)
            at = m_entries[at].firstChild;
        Entry& entry = m_entries[at];
        const PageId parent = entry.parent;
        PageId& first = m_entries[parent].firstChild;
        if (first == at)
            first = entry.nextSibling;
        else
            m_entries[entry.previousSibling].nextSibling = entry.nextSibling;
        if (entry.nextSibling != kPaddingPage)
            m_entries[entry.nextSibling].previousSibling = entry.previousSibling;
        PageId* link = &m_buckets[bucketOf(entry.hash)];
        while (*link != at)
            link = &m_entries[*link].nextInBucket;
        *link = entry.nextInBucket;
        entry.isKept = false;
        m_pages.forget(at);
        if (at == page)
            return;
        at = parent;
    }
}

} // namespace engine
