#include "engine/runtime/kv_cache.h"

namespace engine {

KvCache::KvCache(std::uint32_t pageCount)
    : m_total(pageCount > 0 ? pageCount - 1 : 0), m_pages(m_total + 1) {
    m_free.reserve(m_total);
    for (PageId page = m_total; page > kPaddingPage; --page)
        m_free.push_back(page);
}

bool KvCache::grow(std::vector<PageId>& pages, std::uint32_t tokens) {
    const std::size_t wanted = pagesFor(tokens);
    if (wanted <= pages.size())
        return true;
    if (wanted - pages.size() > freePages())
        return false;
    while (pages.size() < wanted)
        pages.push_back(take());
    return true;
}

PageId KvCache::take() {
    if (m_free.empty() && m_unusedKept > 0)
        evictOldest();
    if (m_free.empty())
        return kPaddingPage;
    const PageId page = m_free.back();
    m_free.pop_back();
    m_pages[page].users = 1;
    return page;
}

void KvCache::share(PageId page) {
    if (m_pages[page].users++ == 0)
        unlink(page);
}

void KvCache::giveBack(PageId page) {
    if (--m_pages[page].users > 0)
        return;
    if (m_pages[page].kept)
        link(page);
    else
        m_free.push_back(page);
}

void KvCache::truncate(std::vector<PageId>& pages, std::size_t count) {
    while (pages.size() > count) {
        giveBack(pages.back());
        pages.pop_back();
    }
}

void KvCache::forget(PageId page) {
    if (!m_pages[page].kept)
        return;
    m_pages[page].kept = false;
    if (m_pages[page].users > 0)
        return;
    unlink(page);
    m_free.push_back(page);
}

/// Behind the newest one: it goes last.
void KvCache::link(PageId page) {
    const PageId newest = m_pages[kPaddingPage].older;
    m_pages[page].older = newest;
    m_pages[page].newer = kPaddingPage;
    m_pages[newest].newer = page;
    m_pages[kPaddingPage].older = page;
    ++m_unusedKept;
}

void KvCache::unlink(PageId page) {
    const auto [users, kept, older, newer] = m_pages[page];
    m_pages[older].newer = newer;
    m_pages[newer].older = older;
    --m_unusedKept;
}

void KvCache::evictOldest() {
    const PageId oldest = m_pages[kPaddingPage].newer;
    ++m_evictions;
    if (m_forgotten)
        m_forgotten(oldest);
    forget(oldest);
}

} // namespace engine
