#pragma once
// KvCache: which KV pages are free. The runtime knows pages as opaque ids; bytes and layout are the
// executor's. Page 0 is reserved for padding rows and never given out. Engine thread only.

#include "engine/device/batch.h"

#include <cstdint>
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

    /// Grows `pages` until it holds `tokens` tokens. All or nothing: false leaves it as it was.
    bool grow(std::vector<PageId>& pages, std::uint32_t tokens);
    /// Takes all pages back and empties the list.
    void release(std::vector<PageId>& pages);

    std::uint32_t totalPages() const { return m_total; } ///< without page 0
    std::uint32_t freePages() const { return static_cast<std::uint32_t>(m_free.size()); }
    std::uint32_t usedPages() const { return m_total - freePages(); }

  private:
    std::uint32_t m_total = 0;
    std::vector<PageId> m_free; // the last one is given out next
};

} // namespace engine
