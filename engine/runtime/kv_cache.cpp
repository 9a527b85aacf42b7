#include "engine/runtime/kv_cache.h"

namespace engine {

KvCache::KvCache(std::uint32_t pageCount) : m_total(pageCount > 0 ? pageCount - 1 : 0) {
    m_free.reserve(m_total);
    for (PageId page = m_total; page > kPaddingPage; --page)
        m_free.push_back(page);
}

bool KvCache::grow(std::vector<PageId>& pages, std::uint32_t tokens) {
    const std::size_t wanted = pagesFor(tokens);
    if (wanted <= pages.size())
        return true;
    if (wanted - pages.size() > m_free.size())
        return false;
    while (pages.size() < wanted) {
        pages.push_back(m_free.back());
        m_free.pop_back();
    }
    return true;
}

void KvCache::release(std::vector<PageId>& pages) {
    m_free.insert(m_free.end(), pages.rbegin(), pages.rend());
    pages.clear();
}

} // namespace engine
