// What a scheduler does as one of several of the same model: what it tells the dealer, and requests
// that move from one to another.
#include "engine/runtime/scheduler.h"

#include <algorithm>
#include <span>

namespace engine {

bool Scheduler::hasPagesFor(const Sequence& sequence) const {
    return m_running.empty() || pagesFor(sequence.length() + kPageTokens) <= m_cache.freePages();
}

std::uint32_t Scheduler::knownTokens(const Sequence& sequence) {
    if (!m_usesPrefixes)
        return 0;
    const PrefixRoot root = m_prefixes.root(sequence.request.client, sequence.request.reproducible);
    PageHash hash = root.hash;
    PageId page = kPaddingPage;
    std::uint32_t known = 0;
    while (known + kPageTokens <= sequence.tokens.size()) {
        const auto tokens = std::span(sequence.tokens).subspan(known, kPageTokens);
        hash = hashPage(hash, tokens);
        page = m_prefixes.find(root, page, hash, tokens);
        if (page == kPaddingPage)
            break;
        known += kPageTokens;
    }
    return known;
}

/// Nothing of it is here any more. What is in flight for it is not read.
void Scheduler::letGo(Sequence& sequence) {
    m_cache.release(sequence.pages);
    if (sequence.slot != kNoSlot)
        m_freeSlots.push_back(std::exchange(sequence.slot, kNoSlot));
    sequence.computed = 0;
    sequence.keptPages = 0;
    sequence.root = {};
    sequence.hashes.clear();
    sequence.beginTurn();
    ServiceOrder::leave(*std::exchange(sequence.account, nullptr));
    m_lineChanged = true;
}

std::shared_ptr<Sequence> Scheduler::giveUpFirst() {
    // One that gave way a moment ago may have a token on its way.
    if (m_waiting.empty() || m_waiting.front()->finished || m_waiting.front()->unseen > 0)
        return nullptr;
    const std::shared_ptr<Sequence> first = m_waiting.front();
    m_waiting.pop_front();
    letGo(*first);
    return first;
}

std::vector<std::shared_ptr<Sequence>> Scheduler::giveUpAll() {
    std::vector<std::shared_ptr<Sequence>> all(m_running.begin(), m_running.end());
    all.insert(all.end(), m_waiting.begin(), m_waiting.end());
    m_running.clear();
    m_waiting.clear();
    std::erase_if(all, [](const auto& sequence) { return sequence->finished; });
    for (const auto& sequence : all) {
        if (sequence->slot != kNoSlot)
            sequence->waitingSince = m_now;
        dropSaved(*sequence); // pages may have been saved that nobody had written
        letGo(*sequence);
    }
    while (!m_prewarms.empty())
        dropPrewarm();
    return all;
}

void Scheduler::takeOver(std::shared_ptr<Sequence> sequence) {
    sequence->account = m_order.enter(sequence->request.client);
    m_waiting.push_back(std::move(sequence));
    m_lineChanged = true;
}

} // namespace engine
