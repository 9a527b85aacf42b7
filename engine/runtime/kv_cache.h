#pragma once
// KvCache: who uses which KV page. The runtime knows pages as opaque ids; bytes and layout are the
// executor's. Page 0 is reserved for padding rows and never given out. Engine thread only;
// allocates in its constructor only.
//
// A page is free, or has users (sequences), or is kept: its content may serve a later sequence. A
// kept page without users stays until pages are needed; then the least recently used one goes
// first.

#include "engine/device/batch.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace engine {

/// Pages that `tokens` tokens take.
constexpr std::uint32_t pagesFor(std::uint32_t tokens) {
    return (tokens + kPageTokens - 1) / kPageTokens;
}

class KvCache {
  public:
    /// pageCount includes page 0.
    explicit KvCache(std::uint32_t pageCount);
    /// Told of every kept page whose content is about to be lost.
    void onEvict(std::function<void(PageId)> forgotten) { m_forgotten = std::move(forgotten); }

    /// Grows `pages` until it holds `tokens` tokens. All or nothing: false leaves it as it was.
    bool grow(std::vector<PageId>& pages, std::uint32_t tokens);
    /// One page with one user; kPaddingPage when there is none.
    PageId take();
    /// One more user of a page that has users or is kept.
    void share(PageId page);
    /// One user less. The last one frees the page, or leaves it to the kept ones.
    void giveBack(PageId page);
    /// Gives back all pages behind the first `count`, the last one first: of kept pages the end of
    /// a text goes before its beginning.
    void truncate(std::vector<PageId>& pages, std::size_t count);
    void release(std::vector<PageId>& pages) { truncate(pages, 0); }

    void keep(PageId page) { m_pages[page].kept = true; } ///< of a page that has a user
    void forget(PageId page);
    /// Nobody but its one user would see a write to it.
    bool isPrivate(PageId page) const { return m_pages[page].users == 1 && !m_pages[page].kept; }

    bool isShared(PageId page) const { return m_pages[page].users > 1; }
    bool isUsed(PageId page) const { return m_pages[page].users > 0; }

    std::uint32_t totalPages() const { return m_total; } ///< without page 0
    /// Pages that can be given out: free ones and kept ones without users.
    std::uint32_t freePages() const {
        return static_cast<std::uint32_t>(m_free.size()) + m_unusedKept;
    }
    std::uint32_t usedPages() const { return m_total - freePages(); }
    std::uint32_t cachedPages() const { return m_unusedKept; }
    std::uint64_t evictions() const { return m_evictions; }

  private:
    struct Page {
        std::uint32_t users = 0;
        bool kept = false;
        PageId older = kPaddingPage; // among the kept ones without users; page 0 is the list's head
        PageId newer = kPaddingPage;
    };

    void link(PageId page);
    void unlink(PageId page);
    void evictOldest();

    std::uint32_t m_total = 0;
    std::uint32_t m_unusedKept = 0;
    std::uint64_t m_evictions = 0;
    std::vector<Page> m_pages;  // [pageCount]
    std::vector<PageId> m_free; // the last one is given out next
    std::function<void(PageId)> m_forgotten;
};

} // namespace engine
